public import ResilienceCore
import Synchronization

/// What to do about one failed try.
public enum RetryAdvice: Hashable, Sendable {
    case stop
    /// Again after the backoff, and not before `after`, as the other side asked by Retry-After.
    case again(after: Duration = .zero)
}

/// Why trying again ended without a result, with the context of the last failure.
public struct RetryError<Failure: Error>: Error {
    public enum Reason: Hashable, Sendable { case attemptsSpent, notWorthRetrying, deadline, cancelled }
    public let reason: Reason
    public let operation: String
    public let attempts: Int
    public let elapsed: Duration
    public let last: Failure
}

/// Tries again what may succeed a little later. Safe to share.
public final class Retry<C: Clock>: Sendable where C.Duration == Duration {
    private let settings: RetrySettings
    private let clock: C
    private let generator: Mutex<SeededGenerator>
    private let advice: @Sendable (any Error) -> RetryAdvice

    /// - Parameters:
    ///   - seed: of the jitter; instances that must not retry in step need different ones.
    ///   - advice: whether an error is worth another try. Cancellation never is.
    public init(
        _ settings: RetrySettings, clock: C, seed: UInt64 = .random(in: 0 ... .max),
        advice: @escaping @Sendable (any Error) -> RetryAdvice = { _ in .again() }
    ) {
        self.settings = settings
        self.clock = clock
        self.generator = Mutex(SeededGenerator(seed: seed))
        self.advice = advice
    }

    public func call<Success, Failure: Error>(
        _ operation: String, isolation: isolated (any Actor)? = #isolation,
        _ body: (_ attempt: Int) async throws(Failure) -> Success
    ) async throws(RetryError<Failure>) -> Success {
        let began = self.clock.now
        var attempt = 1
        while true {
            let failure: Failure
            do { return try await body(attempt) } catch { failure = error }
            let elapsed = began.duration(to: self.clock.now)
            func ended(_ reason: RetryError<Failure>.Reason) -> RetryError<Failure> {
                RetryError(reason: reason, operation: operation, attempts: attempt, elapsed: elapsed, last: failure)
            }
            if failure is CancellationError || Task.isCancelled { throw ended(.cancelled) }
            guard case .again(let asked) = self.advice(failure) else { throw ended(.notWorthRetrying) }
            guard attempt < self.settings.attempts else { throw ended(.attemptsSpent) }
            let backoff = self.generator.withLock { self.settings.backoff.delay(after: attempt, using: &$0) }
            let wait = max(backoff, asked)
            if let deadline = self.settings.deadline, elapsed + wait > deadline { throw ended(.deadline) }
            do { try await self.clock.sleep(for: wait) } catch { throw ended(.cancelled) }
            attempt += 1
        }
    }
}
