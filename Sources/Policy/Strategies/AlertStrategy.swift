import ResilienceCore

/// `ALERT` (also written `NOTIFICATION`): a message in the durable outbox to channels.
public struct AlertStrategy: StrategyTraits, Hashable, Codable {
    /// Names of channels; the journal always gets it too.
    public var channels: [String]
    /// `nil`: by the component's criticality.
    public var severity: Severity?
    /// `nil`: a sentence made of what happened.
    public var message: String?

    public init(channels: [String] = [], severity: Severity? = nil, message: String? = nil) {
        self.channels = channels
        self.severity = severity
        self.message = message
    }

    public var action: String { "ALERT" }
    public var needsUnit: Bool { false }
    public var isDisruptive: Bool { false }
    public var isVerified: Bool { false }
    public var needsApproval: Bool { false }
    public func treats(_ category: FailureCategory, attempt: Int) -> Bool { true }
}
