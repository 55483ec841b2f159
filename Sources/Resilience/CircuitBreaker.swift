public import ResilienceCore
import Synchronization

/// Why a call through a breaker gave no result.
public enum BreakerError<Failure: Error>: Error {
    /// The breaker is open: the call was not made.
    case open
    /// The call was made and failed.
    case failed(Failure)
}

/// Stops calling what keeps failing, for a while. Safe to share; one of its own for each thing called.
public final class CircuitBreaker<C: Clock>: Sendable where C.Duration == Duration {
    private let machine: Mutex<CallBreakerMachine>
    private let clock: C
    private let origin: C.Instant
    private let severity: @Sendable (any Error) -> Severity?

    /// - Parameter severity: how bad an error is; `nil` for one that does not count. Cancellation never counts.
    public init(
        _ settings: BreakerSettings, clock: C, severity: @escaping @Sendable (any Error) -> Severity? = { _ in .high }
    ) {
        self.machine = Mutex(CallBreakerMachine(settings: settings))
        self.clock = clock
        self.origin = clock.now
        self.severity = severity
    }

    public var state: CallBreakerMachine.State { self.machine.withLock { $0.state } }

    /// Closes it by hand.
    public func reset() { self.machine.withLock { $0.reset() } }

    /// Makes the call unless the breaker is open.
    public func call<Success, Failure: Error>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws(Failure) -> Success
    ) async throws(BreakerError<Failure>) -> Success {
        guard let permit = self.machine.withLock({ $0.admit(at: self.now) }) else { throw .open }
        do {
            let value = try await body()
            self.finish(permit, .success)
            return value
        } catch {
            self.finish(permit, self.outcome(of: error))
            throw .failed(error)
        }
    }

    /// Makes the call, without waiting, unless the breaker is open.
    public func call<Success, Failure: Error>(
        _ body: () throws(Failure) -> Success
    ) throws(BreakerError<Failure>) -> Success {
        guard let permit = self.machine.withLock({ $0.admit(at: self.now) }) else { throw .open }
        do {
            let value = try body()
            self.finish(permit, .success)
            return value
        } catch {
            self.finish(permit, self.outcome(of: error))
            throw .failed(error)
        }
    }

    private var now: MonotonicInstant {
        MonotonicInstant(nanoseconds: 0) + self.origin.duration(to: self.clock.now)
    }

    private func finish(_ permit: CallBreakerMachine.Permit, _ outcome: CallBreakerMachine.Outcome) {
        self.machine.withLock { $0.finish(permit, outcome, at: self.now) }
    }

    private func outcome(of error: any Error) -> CallBreakerMachine.Outcome {
        if error is CancellationError { return .ignored }
        return self.severity(error).map { .failure($0) } ?? .ignored
    }
}
