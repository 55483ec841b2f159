import ResilienceCore

/// `FAILOVER`: the failed unit is stopped for certain, then a standby takes over.
public struct FailoverStrategy: StrategyTraits, Hashable, Codable {
    public init() {}
    public var action: String { "FAILOVER" }
    public var needsUnit: Bool { true }
    public var needsFact: ComponentFacts.Key? { .failover }
    public var isDisruptive: Bool { true }
    public var isVerified: Bool { true }
    public var startsAnew: Bool { true }

    /// Against what is wrong with one instance; what is wrong with the question is wrong for the standby too.
    public func treats(_ category: FailureCategory, attempt: Int) -> Bool {
        switch category {
        case .transient, .unknown, .dataValidation: true
        case .rateLimit, .authentication, .permanent: false
        }
    }
}

/// `SWITCH_ENDPOINT`: clients are pointed at the next unit; no unit is started or stopped.
public struct SwitchEndpointStrategy: StrategyTraits, Hashable, Codable {
    public init() {}
    public var action: String { "SWITCH_ENDPOINT" }
    public var needsUnit: Bool { true }
    public var needsFact: ComponentFacts.Key? { .failover }
    public var isDisruptive: Bool { true }
    public var isVerified: Bool { true }

    public func treats(_ category: FailureCategory, attempt: Int) -> Bool {
        FailoverStrategy().treats(category, attempt: attempt)
    }
}
