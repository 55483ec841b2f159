import ResilienceCore

/// `ROLLBACK`: back to the last release that is known to be good.
public struct RollbackStrategy: StrategyTraits, Hashable, Codable {
    public init() {}
    public var action: String { "ROLLBACK" }
    public var needsUnit: Bool { true }
    public var needsFact: ComponentFacts.Key? { .release }
    public var isDisruptive: Bool { true }
    public var isVerified: Bool { true }
    public var startsAnew: Bool { true }

    /// A new release can break anything but what is asked of others.
    public func treats(_ category: FailureCategory, attempt: Int) -> Bool {
        switch category {
        case .transient, .unknown, .dataValidation, .permanent: true
        case .rateLimit, .authentication: false
        }
    }
}
