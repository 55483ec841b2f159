public import ResilienceCore
import Synchronization

/// Makes a call again while the first is still under way, and takes whichever succeeds first: against single slow
/// answers. Only for calls that may be made twice. Safe to share.
public final class Hedge<C: Clock>: Sendable where C.Duration == Duration {
    private let delay: Duration
    private let copies: Int
    private let clock: C

    /// - Parameters:
    ///   - delay: how long to wait for an answer before the next copy, more than zero; best near the P95 of the call.
    ///   - copies: how many run at most, the first included; 2 ... 10.
    /// - Throws: `SettingsError` for values outside.
    public init(after delay: Duration, copies: Int = 2, clock: C) throws(SettingsError) {
        try SettingsError.positive(delay, "delay")
        guard (2...10).contains(copies) else {
            throw SettingsError(
                what: "copies is \(copies).", why: "One is no hedge, and each is load on the other side.",
                howToFix: "Set it to 2 ... 10.")
        }
        self.delay = delay
        self.copies = copies
        self.clock = clock
    }

    /// Makes the call, and copies of it while none has answered. When one succeeds the others are cancelled, and not
    /// waited for. A copy that fails does not bring on the next one sooner: trying again is the work of `Retry`.
    ///
    /// - Parameter body: the call; told which copy it is, counted from 1.
    /// - Throws: `failed` with the last error once every copy that was started has failed, `cancelled` as soon as the
    ///   caller is cancelled.
    public func call<Success: Sendable>(
        _ operation: String = "", _ body: @escaping @Sendable (_ copy: Int) async throws -> Success
    ) async throws(CallError) -> Success {
        try await self.call(CallContext(operation: operation), body)
    }

    func call<Success: Sendable>(
        _ context: CallContext, _ body: @escaping @Sendable (_ copy: Int) async throws -> Success
    ) async throws(CallError) -> Success {
        let first = FirstResult<Success>()
        let running = Running()
        @Sendable func start(_ copy: Int) -> Bool {
            running.begin()
            return first.start {
                // Another one was quicker, when this one had not begun yet.
                guard !Task.isCancelled else { return }
                do {
                    first.settle(.success(try await body(copy)))
                } catch {
                    if running.end() { first.settle(.failure(CallError(wrapping: error, in: context))) }
                }
            }
        }
        _ = start(1)
        first.start {
            for copy in 2...self.copies {
                do { try await self.clock.sleep(for: self.delay) } catch { return }
                guard start(copy) else { return }
            }
        }
        return try await first.value { first.settle(.failure(CallError(.cancelled, in: context))) }
    }

    /// How many copies run.
    private final class Running: Sendable {
        private let count = Mutex(0)

        func begin() { self.count.withLock { $0 += 1 } }

        /// Whether it was the last.
        func end() -> Bool {
            self.count.withLock {
                $0 -= 1
                return $0 == 0
            }
        }
    }
}
