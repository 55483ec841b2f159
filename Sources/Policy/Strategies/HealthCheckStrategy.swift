import ResilienceCore

/// `HEALTH_CHECK`: look again at once, with every check, before anything disruptive.
public struct HealthCheckStrategy: StrategyTraits, Hashable, Codable {
    /// Names of the checks to run; empty means all of the component's.
    public var checks: [String]
    public init(checks: [String] = []) { self.checks = checks }
    public var action: String { "HEALTH_CHECK" }
    public var needsUnit: Bool { false }
    public var isDisruptive: Bool { false }
    public var isVerified: Bool { true }
    public var needsApproval: Bool { false }

    /// Looking never hurts, but what only a person can mend goes straight to the alert.
    public func treats(_ category: FailureCategory, attempt: Int) -> Bool {
        switch category {
        case .transient, .unknown, .dataValidation, .rateLimit: true
        case .authentication, .permanent: false
        }
    }
}
