import ResilienceCore

/// Where alerts go.
public struct Channel: Hashable, Sendable {
    public var name: String
    public var kind: ChannelKind
    /// Messages of a lower severity are not sent.
    public var minSeverity: Severity
    /// The events it wants.
    public var events: Set<AlertEvent>
    /// An incident that stays open is told again after this long.
    public var repeatEvery: Duration
    /// How long the first message of a group waits for others.
    public var groupWait: Duration

    public init(
        name: String, kind: ChannelKind, minSeverity: Severity = .low, events: Set<AlertEvent> = AlertEvent.defaults,
        repeatEvery: Duration = .seconds(4 * 3600), groupWait: Duration = .seconds(5)
    ) {
        self.name = name
        self.kind = kind
        self.minSeverity = minSeverity
        self.events = events
        self.repeatEvery = repeatEvery
        self.groupWait = groupWait
    }
}

public enum ChannelKind: Hashable, Sendable {
    case journal
    case exec(command: [String], user: String?)
    /// `secretFile` holds a bearer token, read at each delivery.
    case webhook(url: String, secretFile: String?)
}

/// The kinds of thing an alert tells.
public enum AlertEvent: String, CaseIterable, Hashable, Sendable, Codable {
    /// The ladder reached an ALERT step, or is used up.
    case healingFailed = "healing_failed"
    /// A component fails too often: its breaker opened.
    case tooFrequent = "too_frequent"
    case latched
    /// Automation froze (`maxUnhealthy`), or may not act (the audit trail cannot be written).
    case frozen
    case unknownTooLong = "unknown_too_long"
    /// A repair waits for an operator's approval (`mode: approve`).
    case approvalNeeded = "approval_needed"
    case resolved
    /// An incident opened. Not sent unless asked for.
    case opened
    /// The host does without more than before. Not sent unless asked for.
    case degraded

    /// Of a channel that says nothing of it.
    public static let defaults: Set<AlertEvent> = [
        .healingFailed, .tooFrequent, .latched, .frozen, .unknownTooLong, .approvalNeeded, .resolved,
    ]

    /// Of the journal where no policy declares it: whoever looks in there wants to see levels beside what led to them.
    public static let journalDefaults = Self.defaults.union([.degraded])
}
