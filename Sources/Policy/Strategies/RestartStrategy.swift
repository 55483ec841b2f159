import ResilienceCore

/// `RESTART`: systemd's RestartUnit, followed to its end.
public struct RestartStrategy: StrategyTraits, Hashable, Codable {
    public init() {}
    public var action: String { "RESTART" }
    public var needsUnit: Bool { true }
    public var isDisruptive: Bool { true }
    public var isVerified: Bool { true }
    public var startsAnew: Bool { true }

    /// A restart cures what is stuck or gone; it makes a rate limit worse, cannot mend a refused credential or a wrong
    /// configuration, and is worth one try where data look wrong.
    public func treats(_ category: FailureCategory, attempt: Int) -> Bool {
        switch category {
        case .transient, .unknown: true
        case .dataValidation: attempt == 1
        case .rateLimit, .authentication, .permanent: false
        }
    }
}
