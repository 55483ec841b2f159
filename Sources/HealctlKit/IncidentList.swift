import AuditTrail
import RecoveryEngine
import ResilienceCore

/// `healctl incidents` for a person.
public struct IncidentList: Sendable {
    public var rows: [IncidentReport]
    /// What was asked for, in words: `since Oct 21 (30d)`.
    public var selection: String
    /// More rows than the limit allowed to show.
    public var isCut: Bool

    public init(rows: [IncidentReport], selection: String, isCut: Bool = false) {
        self.rows = rows
        self.selection = selection
        self.isCut = isCut
    }

    public func text(on terminal: Terminal, times: TimeText) -> String {
        guard !self.rows.isEmpty else { return "No incidents \(self.selection).\n" }
        var table = Table(columns: [
            .init(title: "ID", isRightAligned: true),
            .init(title: "STATE"),
            .init(title: "COMPONENT", narrowest: 10),
            .init(title: "FAILED", dispensable: 1),
            .init(title: "AGO", isRightAligned: true, dispensable: 5),
            .init(title: "DETECT", isRightAligned: true, dispensable: 4),
            .init(title: "RECOVER", isRightAligned: true, dispensable: 2),
            .init(title: "CAUSE", narrowest: 20),
            .init(title: "ACTIONS", narrowest: 12, dispensable: 3),
        ])
        table.rows = self.rows.map { self.cells($0, times) }
        var lines = table.lines(on: terminal)
        if self.isCut { lines.append("… the newest \(self.rows.count) only; --limit shows more") }
        let unsolved = self.rows.filter { $0.knownState == .open || $0.knownState == .exhausted }
        if let first = unsolved.first {
            lines.append("")
            lines.append(
                "\(unsolved.count) not resolved; the story of the newest: healctl incidents show \(first.id)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func cells(_ row: IncidentReport, _ times: TimeText) -> [Table.Cell] {
        let style = row.knownState?.style ?? .doubtful
        return [
            Table.Cell(String(row.id)),
            Table.Cell(printable(row.state), style),
            Table.Cell(printable(row.component)),
            Table.Cell(times.short(row.failedAt)),
            Table.Cell(DurationText.coarse(max(.zero, times.now - row.failedAt)), .faint),
            Table.Cell(DurationText.precise(row.timeToDetect)),
            Table.Cell(row.timeToRecover.map(DurationText.precise) ?? "–", row.timeToRecover == nil ? style : .plain),
            Table.Cell(Self.cause(of: row)),
            Table.Cell(Self.summary(of: row.actions)),
        ]
    }

    private static func cause(of row: IncidentReport) -> String {
        let drill = row.drill.map { "drill \($0); " } ?? ""
        let seen = drill + "\(printable(row.cause.check)): \(printable(row.cause.message, limit: 300))"
        return row.rootCause.map { "because of \(printable($0)); \(seen)" } ?? seen
    }

    /// `RESTART x2 failed, ALERT succeeded`: runs of the same action with the result of the last.
    static func summary(of actions: [IncidentReport.Action]) -> String {
        var runs: [(action: String, count: Int, result: String)] = []
        for action in actions {
            let result = action.result.map { ActionResult(rawValue: $0)?.words ?? printable($0) } ?? "running"
            if let last = runs.last, last.action == action.action, (last.result == "skipped") == (result == "skipped") {
                runs[runs.count - 1].count += 1
                runs[runs.count - 1].result = result
            } else {
                runs.append((action.action, 1, result))
            }
        }
        return runs.map { "\(printable($0.action))\($0.count > 1 ? " x\($0.count)" : "") \($0.result)" }
            .joined(separator: ", ")
    }
}

extension IncidentReport {
    /// `nil` where this version does not know it.
    var knownState: IncidentState? { IncidentState(rawValue: self.state) }
}

extension IncidentState {
    var style: Style {
        switch self {
        case .open: .doubtful
        case .exhausted: .bad
        case .suppressed: .faint
        case .resolved: .good
        }
    }
}

extension ActionResult {
    /// For a person.
    var words: String {
        switch self {
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .timedOut: "timed out"
        case .interrupted: "interrupted"
        case .refused: "refused"
        case .skipped: "skipped"
        }
    }

    var style: Style {
        switch self {
        case .succeeded: .good
        case .failed, .timedOut: .bad
        case .interrupted, .refused: .doubtful
        case .skipped: .faint
        }
    }
}
