import ResilienceCore

/// One rung of a component's ladder: a strategy, when it applies and how often it is tried.
public struct Step: Hashable, Sendable {
    /// The name of the strategy, where the policy named one.
    public var name: String?
    public var strategy: Strategy
    public var when: Condition
    public var attempts: Attempts
    public var backoff: Backoff
    /// Limit on the action itself.
    public var timeout: Duration
    /// How long the checks get to reach `rise` after it.
    public var verify: Duration
    /// Wait before the next step.
    public var cooldown: Duration

    public init(
        name: String? = nil, strategy: Strategy, when: Condition = Condition(), attempts: Attempts = .limited(1),
        backoff: Backoff = Backoff(), timeout: Duration = .seconds(30), verify: Duration = .seconds(15),
        cooldown: Duration = .zero
    ) {
        self.name = name
        self.strategy = strategy
        self.when = when
        self.attempts = attempts
        self.backoff = backoff
        self.timeout = timeout
        self.verify = verify
        self.cooldown = cooldown
    }

    /// The strategy `default`: RESTART three times, then ALERT.
    public static let defaultLadder = [
        Step(name: "default", strategy: .restart(RestartStrategy()), attempts: .limited(3)),
        Step(name: "default", strategy: .alert(AlertStrategy())),
    ]
}

public enum Attempts: Hashable, Sendable {
    case limited(Int)
    case unlimited

    /// Whether attempt number `attempt` (from 1) is allowed.
    public func allows(_ attempt: Int) -> Bool {
        switch self {
        case .limited(let most): attempt <= most
        case .unlimited: true
        }
    }
}

/// A step's `when`: every part that is given must match. Nothing given matches as the strategy's default treatment says.
public struct Condition: Hashable, Sendable {
    public var categories: [FailureCategory]?
    public var reasons: [FailureReason]?
    /// Names of checks, one of which must be the cause.
    public var checks: [String]?
    /// `down` alone unless `degraded` is named.
    public var verdicts: [Verdict]?
    public var minSeverity: Severity?
    /// The release changed at most so long before the failure.
    public var releaseChangedWithin: Duration?

    public init(
        categories: [FailureCategory]? = nil, reasons: [FailureReason]? = nil, checks: [String]? = nil,
        verdicts: [Verdict]? = nil, minSeverity: Severity? = nil, releaseChangedWithin: Duration? = nil
    ) {
        self.categories = categories
        self.reasons = reasons
        self.checks = checks
        self.verdicts = verdicts
        self.minSeverity = minSeverity
        self.releaseChangedWithin = releaseChangedWithin
    }
}

/// What a check, or a component by all its checks, is.
public enum Verdict: String, CaseIterable, Hashable, Sendable, Codable {
    case up, degraded, down, unknown
}
