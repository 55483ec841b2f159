import ResilienceCore

/// `DEGRADE`: the host does without something while the component's incident is open.
public struct DegradeStrategy: StrategyTraits, Hashable, Codable {
    /// `nil`: one deeper than the present one.
    public var level: DegradationLevel?

    public init(level: DegradationLevel? = nil) { self.level = level }

    public var action: String { "DEGRADE" }
    public var needsUnit: Bool { false }
    /// The level itself interrupts nothing; its units have guards of their own.
    public var isDisruptive: Bool { false }
    public var isVerified: Bool { true }

    public func treats(_ category: FailureCategory, attempt: Int) -> Bool {
        switch category {
        case .transient, .unknown, .rateLimit: true
        case .authentication, .dataValidation, .permanent: false
        }
    }
}
