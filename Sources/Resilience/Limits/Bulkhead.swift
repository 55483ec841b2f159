public import ResilienceCore
import Synchronization

/// Lets so many calls run at once and so many more wait for their turn, first come, first served; further ones are
/// refused. What is slow then holds up its own callers, and nobody else. Safe to share.
public final class Bulkhead: Sendable {
    private enum Turn { case come, full, cancelled }

    private struct State {
        var running = 0
        var next: UInt64 = 0
        /// In the order of their arrival; never more than the queue holds.
        var waiting: [(id: UInt64, continuation: CheckedContinuation<Turn, Never>)] = []
    }

    private let state = Mutex(State())
    private let concurrency: Int
    private let queue: Int
    private let name: String

    /// - Parameters:
    ///   - concurrency: how many calls run at once; 1 ... 100 000.
    ///   - queue: how many more wait; 0 ... 100 000.
    /// - Throws: `SettingsError` for counts outside.
    public init(_ name: String = "", concurrency: Int, queue: Int = 0) throws(SettingsError) {
        try SettingsError.count(concurrency, "concurrency")
        if queue != 0 { try SettingsError.count(queue, "queue") }
        self.concurrency = concurrency
        self.queue = queue
        self.name = name
    }

    /// How many calls run now.
    public var running: Int { self.state.withLock { $0.running } }

    /// How many calls wait now.
    public var waiting: Int { self.state.withLock { $0.waiting.count } }

    /// Makes the call when its turn has come.
    ///
    /// - Throws: `bulkheadFull` without calling, `cancelled` at once where the caller is cancelled while it waits,
    ///   `failed` with the error of the call.
    nonisolated(nonsending) public func call<Success>(
        _ operation: String = "", _ body: nonisolated(nonsending) () async throws -> Success
    ) async throws(CallError) -> Success {
        let context = CallContext(operation: operation, component: self.name)
        switch await self.awaitTurn() {
        case .full: throw CallError(.bulkheadFull, in: context)
        case .cancelled: throw CallError(.cancelled, in: context)
        case .come: break
        }
        defer { self.release() }
        do { return try await body() } catch { throw CallError(wrapping: error, in: context) }
    }

    /// Makes a sync call if it may run at once; a sync caller never waits.
    ///
    /// - Throws: `bulkheadFull` without calling, `failed` with the error of the call.
    @_disfavoredOverload
    public func call<Success>(
        _ operation: String = "", _ body: () throws -> Success
    ) throws(CallError) -> Success {
        let context = CallContext(operation: operation, component: self.name)
        let mayRun = self.state.withLock { state in
            guard state.running < self.concurrency else { return false }
            state.running += 1
            return true
        }
        guard mayRun else { throw CallError(.bulkheadFull, in: context) }
        defer { self.release() }
        do { return try body() } catch { throw CallError(wrapping: error, in: context) }
    }

    private nonisolated(nonsending) func awaitTurn() async -> Turn {
        let id = self.state.withLock { state in
            state.next += 1
            return state.next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let turn = self.state.withLock { state -> Turn? in
                    // The handler below has run before, if it found nobody to wake: then this says so.
                    if Task.isCancelled { return .cancelled }
                    if state.running < self.concurrency {
                        state.running += 1
                        return .come
                    }
                    guard state.waiting.count < self.queue else { return .full }
                    state.waiting.append((id, continuation))
                    return nil
                }
                if let turn { continuation.resume(returning: turn) }
            }
        } onCancel: {
            let gone = self.state.withLock { state in
                state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0).continuation }
            }
            gone?.resume(returning: .cancelled)
        }
    }

    /// Hands the place to who has waited longest, or gives it up.
    private func release() {
        let next = self.state.withLock { state -> CheckedContinuation<Turn, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst().continuation }
            state.running -= 1
            return nil
        }
        next?.resume(returning: .come)
    }
}
