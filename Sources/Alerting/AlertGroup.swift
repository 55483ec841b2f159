import FoundationEssentials
import Policy
import RecoveryEngine
import ResilienceCore

/// One alert on its way through one channel.
struct QueuedAlert: Hashable, Sendable {
    /// Its number in the outbox; `nil` where it is not in there (a repetition, or the audit trail cannot be written).
    var id: Int64?
    var message: AlertMessage
    var arrivedAt: MonotonicInstant
    /// It was told before and its incident is still not resolved.
    var isRepeat = false
    /// How often delivering it has failed.
    var attempts = 0
}

/// What a channel is given at once: the alerts that came within its `groupWait`.
///
/// The JSON that a webhook receives as its body and an `exec` channel on its standard input. The shape is stable: keys
/// are only ever added.
///
/// ```json
/// {
///   "version": 1,
///   "host": "web1",
///   "channel": "oncall",
///   "status": "firing",
///   "severity": "CRITICAL",
///   "text": "api: 3 restarts did not help: connection refused (CRITICAL)",
///   "dropped": 0,
///   "alerts": [
///     {
///       "id": 17,
///       "event": "healing_failed",
///       "component": "api",
///       "incident": 4,
///       "severity": "CRITICAL",
///       "text": "3 restarts did not help: connection refused",
///       "at": "2026-11-20T23:04:05.000123Z",
///       "host": "web1",
///       "repeat": false,
///       "resolves": null
///     }
///   ]
/// }
/// ```
///
/// - `status`: `resolved` where every alert in it is `resolved`, else `firing`; `severity`: the highest in it.
/// - `text` at the top: one line for a person, the key that chat programs' incoming webhooks show.
/// - `dropped`: how many alerts this channel never got, since the last group, because its queue was full.
/// - `alerts`: oldest first. Delivery is at least once: `host` and `id` together tell a repetition of the same
///   delivery from a new alert. `id` is `null` for a `repeat` and for what could not be recorded. `component` and
///   `incident` are `null` where the alert is about the whole host.
/// - `resolves`: of a `resolved` that ends no incident, the event that it ends (`degraded`).
/// - Texts have control characters and direction marks escaped, and at most 2 KiB each. They may hold what a service
///   printed: show them as text, never as markup or a command.
struct AlertGroup: Hashable, Sendable {
    var host: String
    var channel: String
    var alerts: [QueuedAlert]
    var dropped: Int

    var severity: Severity { self.alerts.map(\.message.severity).max() ?? .low }
    var isResolved: Bool { self.alerts.allSatisfy { $0.message.event == .resolved } }

    /// The alert a person should read first: the newest of the highest severity that is not a `resolved`.
    var foremost: QueuedAlert? {
        let open = self.alerts.filter { $0.message.event != .resolved }
        let candidates = open.isEmpty ? self.alerts : open
        let highest = candidates.map(\.message.severity).max()
        return candidates.last { $0.message.severity == highest }
    }

    /// One line for a person.
    var summary: String {
        guard let foremost = self.foremost else { return "" }
        let message = foremost.message
        var line = SafeText.escaped(message.component ?? self.host, bytesMax: 256) + ": "
        line += SafeText.escaped(message.text) + " (" + message.severity.rawValue + ")"
        if self.alerts.count > 1 { line += " and \(self.alerts.count - 1) more" }
        return line
    }

    /// The body, with its keys in alphabetical order: the same group is the same bytes.
    func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try Array(encoder.encode(Body(self)))
    }
}

extension AlertGroup {
    private struct Body: Encodable {
        var version = 1
        var host: String
        var channel: String
        var status: String
        var severity: Severity
        var text: String
        var dropped: Int
        var alerts: [Item]

        init(_ group: AlertGroup) {
            self.host = SafeText.escaped(group.host, bytesMax: 256)
            self.channel = group.channel
            self.status = group.isResolved ? "resolved" : "firing"
            self.severity = group.severity
            self.text = group.summary
            self.dropped = group.dropped
            self.alerts = group.alerts.map { Item($0, host: group.host) }
        }
    }

    private struct Item: Encodable {
        var alert: QueuedAlert
        var host: String

        init(_ alert: QueuedAlert, host: String) {
            self.alert = alert
            self.host = SafeText.escaped(host, bytesMax: 256)
        }

        enum Key: String, CodingKey {
            case id, event, component, incident, severity, text, at, host, resolves
            case isRepeat = "repeat"
        }

        // By hand, because the synthesized form leaves out keys that are nil, and a reader should find them all.
        func encode(to encoder: any Encoder) throws {
            let message = self.alert.message
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(self.alert.id, forKey: .id)
            try container.encode(message.event, forKey: .event)
            try container.encode(message.component.map { SafeText.escaped($0, bytesMax: 256) }, forKey: .component)
            try container.encode(message.incident, forKey: .incident)
            try container.encode(message.severity, forKey: .severity)
            try container.encode(SafeText.escaped(message.text), forKey: .text)
            try container.encode(message.at.rfc3339, forKey: .at)
            try container.encode(self.host, forKey: .host)
            try container.encode(self.alert.isRepeat, forKey: .isRepeat)
            try container.encode(message.resolves, forKey: .resolves)
        }
    }
}
