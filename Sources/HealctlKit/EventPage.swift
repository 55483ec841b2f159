import Foundation
import ResilienceCore
import Supervisor

/// An event as a person reads it, and as a program does.
public struct EventPage {
    private let event: ServerEvent

    public init(_ event: ServerEvent) { self.event = event }

    /// One line: when, whose, what. `nil` for what is only about the connection.
    public func text(on terminal: Terminal, times: TimeText) -> String? {
        switch self.event.name {
        case "end": return nil
        case "gap": return terminal.styled(self.gap, .doubtful) + "\n"
        default: break
        }
        // What a later version may say is shown as it came.
        guard let event = try? JSONDecoder().decode(FeedEvent.self, from: Data(self.event.data.utf8)) else {
            return "\(printable(self.event.name)): \(printable(self.event.data))\n"
        }
        let at = WallTime(rfc3339: event.at).map(times.short) ?? printable(event.at)
        let detail = event.detail.map { ": \(printable($0))" } ?? ""
        let kind = terminal.styled(event.kind.rawValue, Self.style(of: event))
        return "\(terminal.styled(at, .faint)) \(printable(event.component ?? "heald")) \(kind): "
            + "\(printable(event.text))\(detail)\n"
    }

    /// One line of JSON; `nil` for what is only about the connection.
    public var json: String? { self.event.name == "end" ? nil : printable(self.event.data, limit: 1 << 20) + "\n" }

    private var gap: String {
        struct Gap: Decodable {
            var from: Int64?
            var to: Int64?
            var why: String
            var fix: String
        }
        guard let gap = try? JSONDecoder().decode(Gap.self, from: Data(self.event.data.utf8)) else {
            return "Something is missing here."
        }
        let records = zip([gap.from].compactMap { $0 }, [gap.to].compactMap { $0 }).map { " (records \($0) to \($1))" }
        return "Something is missing here\(records.first ?? ""). \(printable(gap.why)) \(printable(gap.fix))"
    }

    private static func style(of event: FeedEvent) -> Style {
        switch event.what {
        case "incidentOpened", "incidentExhausted", "policyRejected": .bad
        case "incidentResolved": .good
        case "breakerChanged", "degradationChanged", "freezeChanged", "groupFreezeChanged", "latchChanged",
            "approvalAsked", "paused":
            .doubtful
        case "evidence", "note", "timeCounts", "pruned": .faint
        default: .plain
        }
    }
}
