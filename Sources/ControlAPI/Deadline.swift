/// Something took longer than it may.
struct DeadlinePassed: Error {}

/// Does some work, and gives up waiting for it after a time, even if it cannot be cancelled.
///
/// - Throws: `DeadlinePassed`, `CancellationError`, or what the work throws.
func withDeadline<Value: Sendable>(
    _ limit: Duration, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let (results, continuation) = AsyncStream<Result<Value, any Error>>.makeStream(bufferingPolicy: .bufferingOldest(1))
    // Not a task group: that would wait for the work in any case.
    let worker = Task {
        do { continuation.yield(.success(try await work())) } catch { continuation.yield(.failure(error)) }
    }
    let timer = Task {
        try await Task.sleep(for: limit)
        continuation.yield(.failure(DeadlinePassed()))
    }
    defer {
        worker.cancel()
        timer.cancel()
    }
    for await result in results { return try result.get() }
    throw CancellationError()
}
