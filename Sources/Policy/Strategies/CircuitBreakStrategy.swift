import ResilienceCore

/// `CIRCUIT_BREAK`: the component is stopped and kept from being started until its trial.
public struct CircuitBreakStrategy: StrategyTraits, Hashable, Codable {
    public init() {}
    public var action: String { "CIRCUIT_BREAK" }
    public var needsUnit: Bool { true }
    public var needsFact: ComponentFacts.Key? { .isolate }
    public var isDisruptive: Bool { true }
    public var isVerified: Bool { false }

    /// Last means against what does harm by going on.
    public func treats(_ category: FailureCategory, attempt: Int) -> Bool {
        switch category {
        case .transient, .unknown, .rateLimit, .dataValidation: true
        case .authentication, .permanent: false
        }
    }
}
