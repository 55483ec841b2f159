import AuditTrail
import RecoveryEngine
import ResilienceCore

/// `healctl incidents show`: what failed, how it was known, what was tried and why, what was skipped and why, how long
/// each part took, and what is left to do.
public struct IncidentStory: Sendable {
    public var incident: IncidentReport
    /// All records of the incident, oldest first.
    public var records: [AuditRecord]
    /// Records that a newer version wrote and this one cannot read.
    public var unreadable: Int
    /// The unit that it runs as, for advice; `nil` where the records do not tell.
    var unit: String? {
        for case .actionIntended(_, _, _, _, let unit?, _) in self.records.map(\.body) { return unit }
        return nil
    }

    public init(incident: IncidentReport, records: [AuditRecord], unreadable: Int = 0) {
        self.incident = incident
        self.records = records
        self.unreadable = unreadable
    }

    public func text(on terminal: Terminal, times: TimeText) -> String {
        let page = Page(terminal: terminal, times: times)
        var lines = self.heading(page)
        lines += [""] + self.facts(page)
        lines += ["", terminal.styled("What happened", .heading)] + self.timeline(page)
        if self.unreadable > 0 {
            lines.append("  and \(self.unreadable) more that this version cannot read: see healctl version")
        }
        let evidence = self.evidence(page)
        if !evidence.isEmpty { lines += ["", terminal.styled("Evidence", .heading)] + evidence }
        let advice = self.advice(page)
        if !advice.isEmpty { lines += ["", terminal.styled("What you can do", .heading)] + advice }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Where the text goes to.
    struct Page {
        var terminal: Terminal
        var times: TimeText

        /// A label and a text beside it, the text wrapped under itself.
        func entry(_ label: String, width: Int, _ text: String, _ style: Style = .plain) -> [String] {
            let indent = "  "
            let room = self.terminal.width.map { max(20, $0 - displayWidth(indent) - width) }
            let padding = String(repeating: " ", count: max(0, width - displayWidth(label)))
            return (room.map { wrapped(text, to: $0) } ?? [text]).enumerated().map { index, line in
                index == 0
                    ? indent + label + padding + self.terminal.styled(line, style)
                    : indent + String(repeating: " ", count: width) + self.terminal.styled(line, style)
            }
        }
    }

    // MARK: - The head

    private func heading(_ page: Page) -> [String] {
        let incident = self.incident
        let state: String
        switch incident.knownState {
        case .resolved: state = "resolved after \(incident.timeToRecover.map(DurationText.precise) ?? "?")"
        case .open: state = "open for \(DurationText.coarse(max(.zero, page.times.now - incident.failedAt)))"
        case .exhausted: state = "exhausted: every step was tried"
        case .suppressed: state = "suppressed: waits for \(printable(incident.rootCause ?? "a dependency"))"
        case nil: state = printable(incident.state)
        }
        return [
            page.terminal.styled("Incident \(incident.id): \(printable(incident.component))", .heading) + " "
                + page.terminal.styled(state, incident.knownState?.style ?? .doubtful)
                + " (\(printable(incident.severity)))"
        ]
    }

    private func facts(_ page: Page) -> [String] {
        let incident = self.incident
        let cause = incident.cause
        func fact(_ label: String, _ text: String) -> [String] { page.entry(label, width: 10, text) }
        var lines = fact("What", printable(cause.message))
        lines += fact(
            "Seen by", "check \(printable(cause.check)): \(printable(cause.reason)), \(printable(cause.category))")
        lines += fact("Failed", "\(page.times.full(incident.failedAt)) (\(page.times.relative(incident.failedAt)))")
        lines += fact("Detected", "after \(DurationText.precise(incident.timeToDetect))")
        if let resolvedAt = incident.resolvedAt, let time = incident.timeToRecover {
            let healer = self.healer.map { ", \($0.words)" } ?? ""
            lines += fact("Up again", "after \(DurationText.precise(time)), \(page.times.clock(resolvedAt))\(healer)")
        }
        if let drill = self.drill {
            let what =
                "\(drill.id): \(drill.fault.words) on purpose, by \(printable(drill.text)). It is in no statistics."
            lines += fact("Drill", what)
        }
        if let root = incident.rootCause { lines += fact("Because", "\(printable(root)) is down, which it needs") }
        if let previous = self.previous {
            lines += fact("Follows", "incident \(previous); the ladder went on where that left it")
        }
        lines += fact(
            "Took", self.parts().map { "\(DurationText.precise($0.duration)) \($0.name)" }.joined(separator: " · "))
        return lines
    }

    private var healer: Healer? {
        for case .incidentResolved(_, let healer) in self.records.map(\.body).reversed() { return healer }
        return nil
    }

    /// The drill that brought it about, by the last word on it.
    private var drill: DrillCause? {
        for case .drillCaused(let cause) in self.records.map(\.body).reversed() { return cause }
        return nil
    }

    private var previous: Int64? {
        for case .incidentOpened(let opening) in self.records.map(\.body) { return opening.previous }
        return nil
    }

    /// How long each part took, in the order of time: detection, decision, the actions, the rest.
    func parts() -> [(name: String, duration: Duration)] {
        var parts = [(name: "to detect", duration: self.incident.timeToDetect)]
        var firstIntent: WallTime?
        var started: [Int64: WallTime] = [:]
        var acting = Duration.zero
        var lastEnd: WallTime?
        var count = 0
        for record in self.records {
            switch record.body {
            case .actionIntended(let id, _, _, _, _, _):
                firstIntent = firstIntent ?? record.at
                started[id] = record.at
            case .actionFinished(let id, _):
                guard let start = started.removeValue(forKey: id) else { continue }
                acting += record.at - start
                lastEnd = record.at
                count += 1
            default: continue
            }
        }
        if let firstIntent { parts.append((name: "to decide", duration: firstIntent - self.incident.detectedAt)) }
        if count > 0 { parts.append((name: "in \(count) action\(count == 1 ? "" : "s")", duration: acting)) }
        if let lastEnd, let resolvedAt = self.incident.resolvedAt, resolvedAt > lastEnd {
            parts.append((name: "from the last action until up", duration: resolvedAt - lastEnd))
        }
        if let total = self.incident.timeToRecover { parts.append((name: "in all", duration: total)) }
        return parts
    }

    // MARK: - Evidence and advice

    private func evidence(_ page: Page) -> [String] {
        self.records.flatMap { record -> [String] in
            guard case .evidence(let kind, let text) = record.body else { return [] }
            let title = "  \(kind.title), kept at \(DurationText.offset(record.at - self.incident.failedAt))"
            let clean = TextSanitizer.sanitize(text, limit: 8_192)
            let body = clean.split(separator: "\n", omittingEmptySubsequences: false)
                .reversed().drop { $0.isEmpty }.reversed()
            return [title]
                + body.flatMap { line -> [String] in
                    let flat = line.replacing("\t", with: "    ")
                    let lines = page.terminal.width.map { wrapped(String(flat), to: $0 - 4) } ?? [String(flat)]
                    return lines.map { page.terminal.styled("  | ", .faint) + $0 }
                }
        }
    }

    /// What a person can do now, and with which command.
    private func advice(_ page: Page) -> [String] {
        let name = printable(self.incident.component)
        var tips: [(command: String, why: String)] = []
        if let unit = self.unit { tips.append(("journalctl -u \(printable(unit))", "its whole log")) }
        var lines: [String] = []
        switch self.incident.knownState {
        case .resolved, nil: return []
        case .suppressed:
            let root = printable(self.incident.rootCause ?? name)
            tips.append(("healctl incidents --component \(root)", "what it waits for"))
        case .open:
            tips.append(("healctl status", "where it stands now"))
            tips.append(("healctl pause \(name) --for 1h --reason \"…\"", "repair it by hand undisturbed"))
        case .exhausted:
            if let rearmAt = self.rearmAt, rearmAt > page.times.now {
                let when = "\(page.times.clock(rearmAt)) (\(page.times.relative(rearmAt)))"
                lines = page.entry("", width: 0, "Nothing more is tried before \(when).")
            }
            tips.append(("healctl check \(name)", "run its checks now"))
            tips.append(("healctl resume \(name)", "let heald begin again at once"))
        }
        let width = tips.reduce(0) { max($0, displayWidth($1.command)) } + 2
        return lines
            + tips.flatMap { tip -> [String] in
                // A command is never broken: it is there to be copied.
                guard page.terminal.width.map({ 2 + width + displayWidth(tip.why) <= $0 }) ?? true else {
                    return ["  \(tip.command)", "      \(tip.why)"]
                }
                return page.entry(tip.command, width: width, tip.why)
            }
    }

    /// When the ladder may begin again, by the last word on it.
    private var rearmAt: WallTime? {
        for case .incidentExhausted(let rearmAt) in self.records.map(\.body).reversed() { return rearmAt }
        return nil
    }
}

extension EvidenceKind {
    /// For a person.
    var title: String {
        switch self {
        case .journal: "Last lines of the unit's journal"
        case .exit: "How the main process ended"
        case .check: "What the check saw"
        }
    }
}

extension Healer {
    /// For a person.
    var words: String {
        switch self {
        case .heald: "healed by heald"
        case .systemd: "restarted by systemd itself"
        case .person: "repaired by a person"
        case .itself: "came back by itself"
        case .dependency: "came back with what it needs"
        case .withdrawn: "taken out of care"
        }
    }
}
