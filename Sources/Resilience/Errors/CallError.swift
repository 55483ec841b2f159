public import ResilienceCore

/// Why a call gave no result: a code, where it happened, and the error below it.
///
/// The description names codes, names and types, never the text of the error below: that may hold an address with a
/// password in it.
public struct CallError: Error, Sendable {
    /// What kept the result away; the raw values are the names in records.
    public enum Code: String, CaseIterable, Hashable, Sendable {
        /// The call was made and failed; `cause` is its error.
        case failed
        /// A breaker is open: the call was not made.
        case circuitOpen = "circuit_open"
        /// The call took too long, and was cancelled.
        case timedOut = "timed_out"
        /// Too many earlier calls are still running although they timed out: the call was not made.
        case tooManyAbandoned = "too_many_abandoned"
        /// As many calls as may run do, and as many as may wait do: the call was not made.
        case bulkheadFull = "bulkhead_full"
        /// The rate is used up for longer than the caller waits: the call was not made.
        case rateLimited = "rate_limited"
        /// Every try failed; `cause` is the last error.
        case attemptsSpent = "attempts_spent"
        /// Another try would fail the same way; `cause` is the error.
        case notWorthRetrying = "not_worth_retrying"
        /// No time was left for another try; `cause` is the last error.
        case deadlinePassed = "deadline_passed"
        /// Too much is being retried already; `cause` is the last error.
        case retryBudgetSpent = "retry_budget_spent"
        /// The caller was cancelled.
        case cancelled
    }

    /// Behind one reference, because every layer that a call goes through keeps room for the error.
    private final class Storage: Sendable {
        let code: Code
        let context: CallContext
        let retryAfter: Duration?
        let cause: (any Error)?
        let reason: FailureReason?

        init(
            _ code: Code, _ context: CallContext, _ retryAfter: Duration?, _ cause: (any Error)?,
            _ reason: FailureReason?
        ) {
            self.code = code
            self.context = context
            self.retryAfter = retryAfter
            self.cause = cause
            self.reason = reason
        }
    }

    private let storage: Storage

    /// What kept the result away.
    public var code: Code { self.storage.code }
    /// Which call, of whom, at which try.
    public var context: CallContext { self.storage.context }
    /// How long to wait before it makes sense again, where that is known.
    public var retryAfter: Duration? { self.storage.retryAfter }
    /// The error below; `nil` where the call was not made.
    public var cause: (any Error)? { self.storage.cause }
    /// Why, in the words of policies; `nil` where no classifier has looked.
    public var reason: FailureReason? { self.storage.reason }

    init(
        _ code: Code, in context: CallContext, retryAfter: Duration? = nil, cause: (any Error)? = nil,
        reason: FailureReason? = nil
    ) {
        self.storage = Storage(code, context, retryAfter, cause, reason ?? code.reason)
    }

    /// The same error, told of another context, and with a reason where it has none.
    func told(of context: CallContext, reason: @autoclosure () -> FailureReason?) -> CallError {
        CallError(
            self.code, in: context, retryAfter: self.retryAfter, cause: self.cause, reason: self.reason ?? reason())
    }

    /// An error that came out of a call: ours is passed on as it is, cancellation is told apart from failure.
    init(wrapping error: any Error, in context: CallContext) {
        if let error = error as? CallError {
            self = error
        } else {
            self.init(error is CancellationError ? .cancelled : .failed, in: context, cause: error)
        }
    }

    /// The innermost error, below all of ours; this one itself where the call was not made.
    public var root: any Error {
        guard let cause else { return self }
        return (cause as? CallError)?.root ?? cause
    }

    /// The category of the reason; UNKNOWN where no classifier has looked.
    public var category: FailureCategory { self.reason?.category ?? .unknown }
}

extension CallError.Code {
    /// The reason that follows from the code alone.
    var reason: FailureReason? {
        switch self {
        case .timedOut: .timeout
        case .circuitOpen: .connection
        case .rateLimited: .rateLimit
        case .bulkheadFull, .tooManyAbandoned: .resource
        case .failed, .attemptsSpent, .notWorthRetrying, .deadlinePassed, .retryBudgetSpent, .cancelled: nil
        }
    }

    /// Whether the call never reached the other side, so that nothing follows about it.
    public var isRejection: Bool {
        switch self {
        case .circuitOpen, .tooManyAbandoned, .bulkheadFull, .rateLimited: true
        case .failed, .timedOut, .attemptsSpent, .notWorthRetrying, .deadlinePassed, .retryBudgetSpent, .cancelled:
            false
        }
    }
}
