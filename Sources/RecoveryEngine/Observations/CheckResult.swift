import Policy
import ResilienceCore

/// What one run of a check saw.
public struct CheckResult: Hashable, Sendable, Codable {
    public var verdict: Verdict
    /// Why, where the verdict is not `up`.
    public var failure: Failure?
    public var startedAt: MonotonicInstant
    public var finishedAt: MonotonicInstant
    /// What the check printed or received, as evidence: valid UTF-8, control characters escaped, at most 4 KiB.
    public var output: String?
    /// How long the other side asked to be left alone (`Retry-After`).
    public var retryAfter: Duration?
    /// The fullest of a `resources` check's limits, 1 where it is reached; `nil`: not measured.
    public var share: Double?

    public init(
        verdict: Verdict, failure: Failure? = nil, startedAt: MonotonicInstant, finishedAt: MonotonicInstant,
        output: String? = nil, retryAfter: Duration? = nil, share: Double? = nil
    ) {
        self.verdict = verdict
        self.failure = failure
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.output = output
        self.retryAfter = retryAfter
        self.share = share
    }
}

/// A failure's class and what a person should read about it.
public struct Failure: Hashable, Sendable, Codable {
    public var reason: FailureReason
    /// One line, at most 500 characters: `connection refused by 127.0.0.1:8080`.
    public var message: String
    public var category: FailureCategory { self.reason.category }

    public init(reason: FailureReason, message: String) {
        self.reason = reason
        self.message = message
    }
}

/// One run of a check that the engine asked for.
public struct ProbeRequest: Hashable, Sendable {
    /// Unique while the process lives; the answer carries it back.
    public var id: UInt64
    public var component: String
    public var check: Check

    public init(id: UInt64, component: String, check: Check) {
        self.id = id
        self.component = component
        self.check = check
    }
}
