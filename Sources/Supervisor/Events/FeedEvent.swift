import Policy
import RecoveryEngine
import ResilienceCore

/// What an event is about: `event:` of the stream, and what it can be filtered by.
public enum FeedEventKind: String, CaseIterable, Hashable, Sendable, Codable {
    /// A failure: its beginning, its course, its end.
    case incident
    /// A repair: its intent, its outcome, what it came to.
    case action
    /// What concerns a component beyond one incident: it comes and goes, or its time does not count.
    case component
    /// Repairs of a component are held back because they did not help, or no longer are.
    case breaker
    /// Automation is held back on the host or in a group, or no longer is.
    case freeze
    /// The host does without more, or less.
    case degradation
    /// A message to people.
    case alert
    /// A policy came into force, or was refused.
    case policy
    /// Something that a person said, or is asked.
    case `operator`
    /// heald itself.
    case supervisor
}

/// One event of the stream, in words. `encode` gives the stable JSON of `data:`.
public struct FeedEvent: Hashable, Sendable, Codable {
    /// The record's number in the audit trail; `nil` for messages, which are no records.
    public var id: Int64?
    public var kind: FeedEventKind
    /// Which of its kind: the name of the record, such as `incidentOpened`; of a message its event.
    public var what: String
    /// RFC 3339.
    public var at: String
    public var component: String?
    public var incident: Int64?
    /// One line for people.
    public var text: String
    /// One more, from outside: what an action's program said, what an operator gave as the reason. Only for operators.
    public var detail: String?
    /// The parts of it that programs may want, by name.
    public var facts: [String: String]

    init(_ item: EventFeed.Item) {
        switch item {
        case .record(let record): self.init(record)
        case .alert(let message): self.init(message)
        }
    }

    init(_ numbered: NumberedRecord) {
        let record = numbered.record
        let words = EventWords(record)
        self.init(
            id: numbered.number, kind: words.kind, what: record.body.kind, at: record.at.rfc3339,
            component: record.component, incident: record.incident, text: words.text, detail: words.detail,
            facts: words.facts)
    }

    init(_ message: AlertMessage) {
        self.init(
            id: nil, kind: .alert, what: message.event.rawValue, at: message.at.rfc3339, component: message.component,
            incident: message.incident, text: "\(message.event.rawValue), severity \(message.severity.rawValue)",
            detail: message.text, facts: ["severity": message.severity.rawValue])
    }

    private init(
        id: Int64?, kind: FeedEventKind, what: String, at: String, component: String?, incident: Int64?, text: String,
        detail: String?, facts: [String: String]
    ) {
        func plain(_ text: String) -> String { TextSanitizer.sanitize(text, limit: 1_024, newlines: .escape) }
        self.id = id
        self.kind = kind
        self.what = what
        self.at = at
        self.component = component.map(plain)
        self.incident = incident
        self.text = plain(text)
        self.detail = detail.map(plain)
        self.facts = facts.mapValues(plain)
    }

    /// The same for those who are not operators.
    public var withoutDetail: Self {
        var event = self
        event.detail = nil
        return event
    }

    // What is not there is `null`, never an absent key.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.id, forKey: .id)
        try container.encode(self.kind, forKey: .kind)
        try container.encode(self.what, forKey: .what)
        try container.encode(self.at, forKey: .at)
        try container.encode(self.component, forKey: .component)
        try container.encode(self.incident, forKey: .incident)
        try container.encode(self.text, forKey: .text)
        try container.encode(self.detail, forKey: .detail)
        try container.encode(self.facts, forKey: .facts)
    }
}
