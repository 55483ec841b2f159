/// Many calls, each by its key: what succeeded with what failed.
public struct Partial<Key: Hashable & Sendable, Success: Sendable>: Sendable {
    /// The results there are.
    public private(set) var succeeded: [Key: Success] = [:]
    /// Why the others are missing.
    public private(set) var failed: [Key: CallError] = [:]

    /// Whether nothing is missing.
    public var isComplete: Bool { self.failed.isEmpty }

    /// Makes every call, so many at once, and returns when all have ended. A cancelled caller gets what there is; calls
    /// that had not begun are `cancelled`.
    ///
    /// - Parameters:
    ///   - keys: what to call; each once, however often it is named.
    ///   - concurrency: how many calls run at once; less than 1 counts as 1.
    public static func gather(
        _ keys: some Sequence<Key>, concurrency: Int = 8, operation: String = "",
        _ body: @escaping @Sendable (Key) async throws -> Success
    ) async -> Self {
        var result = Self()
        var left = Set(keys).makeIterator()
        await withTaskGroup(of: (Key, Result<Success, CallError>).self) { group in
            @Sendable func outcome(_ key: Key) async -> (Key, Result<Success, CallError>) {
                let context = CallContext(operation: operation)
                guard !Task.isCancelled else { return (key, .failure(CallError(.cancelled, in: context))) }
                do {
                    return (key, .success(try await body(key)))
                } catch {
                    return (key, .failure(CallError(wrapping: error, in: context)))
                }
            }
            for _ in 0..<max(1, concurrency) {
                guard let key = left.next() else { break }
                group.addTask { await outcome(key) }
            }
            for await (key, ended) in group {
                result.take(key, ended)
                if let next = left.next() { group.addTask { await outcome(next) } }
            }
        }
        return result
    }

    /// Makes every sync call, one after the other.
    ///
    /// - Parameter keys: what to call; each once, however often it is named.
    @_disfavoredOverload
    public static func gather(
        _ keys: some Sequence<Key>, operation: String = "", _ body: (Key) throws -> Success
    ) -> Self {
        var result = Self()
        for key in Set(keys) {
            do {
                result.succeeded[key] = try body(key)
            } catch {
                result.failed[key] = CallError(wrapping: error, in: CallContext(operation: operation))
            }
        }
        return result
    }

    private mutating func take(_ key: Key, _ outcome: Result<Success, CallError>) {
        switch outcome {
        case .success(let value): self.succeeded[key] = value
        case .failure(let error): self.failed[key] = error
        }
    }
}
