import ResilienceCore

/// `CLEAR_CACHE`: empties what the component's `cache` names, and starts the unit anew where it had to be stopped for it.
public struct ClearCacheStrategy: StrategyTraits, Hashable, Codable {
    public init() {}
    public var action: String { "CLEAR_CACHE" }
    public var needsUnit: Bool { true }
    public var needsFact: ComponentFacts.Key? { .cache }
    public var isDisruptive: Bool { true }
    public var isVerified: Bool { true }

    /// Against data that are wrong, and against what a restart alone did not mend.
    public func treats(_ category: FailureCategory, attempt: Int) -> Bool {
        switch category {
        case .transient, .unknown, .dataValidation: true
        case .rateLimit, .authentication, .permanent: false
        }
    }
}
