import ResilienceCore

/// `REDUCE_LOAD`: others step back until the component has been well for a time.
public struct ReduceLoadStrategy: StrategyTraits, Hashable, Codable {
    /// Units that step back.
    public var units: [String]
    /// What is set on them; empty: they are frozen.
    public var properties: [UnitProperty]
    /// How long the component has to be up before they get everything back.
    public var restoreAfter: Duration

    public init(units: [String], properties: [UnitProperty] = [], restoreAfter: Duration = .seconds(60)) {
        self.units = units
        self.properties = properties
        self.restoreAfter = restoreAfter
    }

    public var action: String { "REDUCE_LOAD" }
    public var needsUnit: Bool { false }
    public var isDisruptive: Bool { true }
    public var isVerified: Bool { true }

    public func treats(_ category: FailureCategory, attempt: Int) -> Bool {
        switch category {
        case .transient, .unknown, .rateLimit: true
        case .authentication, .dataValidation, .permanent: false
        }
    }
}
