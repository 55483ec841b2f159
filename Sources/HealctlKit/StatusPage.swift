import Policy
import ResilienceCore
import Supervisor

/// `healctl status`.
public struct StatusPage: Sendable {
    public var status: SupervisorStatus

    public init(_ status: SupervisorStatus) { self.status = status }

    public func text(on terminal: Terminal, times: TimeText) -> String {
        var lines = self.head(terminal, times)
        guard !self.status.components.isEmpty else {
            return (lines + ["", "The policy declares no components."]).joined(separator: "\n") + "\n"
        }
        var table = Table(columns: [
            .init(title: "COMPONENT", narrowest: 12),
            .init(title: "STATE"),
            .init(title: "SINCE", isRightAligned: true),
            .init(title: "CHECKS"),
            .init(title: "INCIDENT", isRightAligned: true),
            .init(title: "UNIT", narrowest: 12, dispensable: 1),
            .init(title: "DETAIL", narrowest: 20),
        ])
        table.rows = self.worstFirst.map { Self.cells($0, times) }
        lines += [""] + table.lines(on: terminal)
        return lines.joined(separator: "\n") + "\n"
    }

    private func head(_ terminal: Terminal, _ times: TimeText) -> [String] {
        let status = self.status
        let style: Style = status.state == "running" ? .good : status.state == "paused" ? .doubtful : .bad
        let reason = status.reason.map { ": \(printable($0))" } ?? ""
        let policy = status.policy
        var lines = [
            "heald \(printable(status.version)) " + terminal.styled(printable(status.state) + reason, style)
                + ", up \(Self.age(status.startedAt, times)), policy \(policy.generation) loaded "
                + "\(Self.age(policy.loadedAt, times)) ago"
        ]
        if let error = policy.error {
            let text = "The policy on disk is refused; generation \(policy.generation) goes on: \(printable(error))"
            let wrappedText = terminal.width.map { wrapped(text, to: $0) } ?? [text]
            lines += wrappedText.map { terminal.styled($0, .bad) }
        }
        if let overrides = policy.overrides, !overrides.isEmpty {
            let text = overrides.sorted { $0.key < $1.key }.map { "\(printable($0.key))=\(printable($0.value))" }
            lines.append(
                terminal.styled("By heald's environment: \(text.joined(separator: ", "))", .doubtful)
                    + (overrides["HEALD_ENABLED"] == "false" ? ". Nothing is repaired, all is only observed." : ""))
        }
        if let degradation = status.degradation { lines += self.lines(degradation, terminal, times) }
        if let drill = status.drill, drill.state == DrillStatus.running {
            let who = [drill.by, drill.reason].compactMap { $0.map { printable($0) } }.joined(separator: ": ")
            let what = "Drill \(drill.id) is under way, by \(who): \(printable(drill.unit)) was \(drill.fault.words)"
            lines.append(terminal.styled(what, .doubtful))
        }
        lines.append(self.summary)
        return lines
    }

    /// `2 components: 1 failing, 1 healthy`.
    private var summary: String {
        var counts: [String: Int] = [:]
        for component in self.status.components { counts[component.state, default: 0] += 1 }
        let parts = counts.sorted { (Self.urgency($0.key), $0.key) < (Self.urgency($1.key), $1.key) }
            .map { "\($0.value) \(printable($0.key))" }
        let count = self.status.components.count
        let counted = "\(count) component\(count == 1 ? "" : "s")"
        return parts.isEmpty ? counted : "\(counted): \(parts.joined(separator: ", "))"
    }

    private var worstFirst: [ComponentStatus] {
        self.status.components.sorted { (Self.urgency($0.state), $0.name) < (Self.urgency($1.state), $1.name) }
    }

    /// The order in which a person should look.
    private static func urgency(_ state: String) -> Int {
        switch state {
        case "exhausted": 0
        case "isolated", "latched": 1
        case "failing", "approval": 2
        case "recovering": 3
        case "verifying": 4
        case "suspect": 5
        case "suppressed": 6
        case "paused": 7
        case "stopped": 8
        case "starting": 9
        case "healthy": 11
        // Unknown to this version: rather too high than overlooked.
        default: 10
        }
    }

    private static func style(_ state: String) -> Style {
        switch Self.urgency(state) {
        case 0...2: .bad
        case 3...5: .doubtful
        case 6...8: .faint
        case 11: .good
        default: .plain
        }
    }

    private static func cells(_ component: ComponentStatus, _ times: TimeText) -> [Table.Cell] {
        [
            Table.Cell(printable(component.name)),
            Table.Cell(printable(component.state), Self.style(component.state)),
            Table.Cell(Self.age(component.since, times)),
            Table.Cell(Self.checks(component.checks)),
            Table.Cell(component.openIncident.map(String.init) ?? ""),
            Table.Cell(component.unit.map { printable($0) } ?? ""),
            Table.Cell(Self.detail(of: component)),
        ]
    }

    /// `2 up`, `1 down, 1 up`.
    private static func checks(_ checks: [CheckStatus]) -> String {
        let order: [Verdict] = [.down, .degraded, .unknown, .up]
        return order.compactMap { verdict in
            let count = checks.count { $0.verdict == verdict }
            return count > 0 ? "\(count) \(verdict.rawValue)" : nil
        }.joined(separator: ", ")
    }

    private static func detail(of component: ComponentStatus) -> String {
        var parts: [String] = []
        if let detail = component.detail { parts.append(printable(detail)) }
        if let failing = component.checks.first(where: { $0.verdict != .up && $0.message != nil }) {
            parts.append("\(printable(failing.name)): \(printable(failing.message ?? ""))")
        }
        return parts.joined(separator: "; ")
    }

    private static func age(_ text: String, _ times: TimeText) -> String {
        WallTime(rfc3339: text).map { DurationText.coarse(max(.zero, times.now - $0)) } ?? printable(text)
    }

    /// `healctl status --json`: stable.
    public var json: JSONValue {
        .object([
            ("state", .string(self.status.state)),
            (
                "policy",
                .object([
                    ("generation", .integer(Int64(self.status.policy.generation))),
                    ("loadedAt", .string(self.status.policy.loadedAt)),
                    ("error", .string(self.status.policy.error)),
                ])
            ),
            ("components", .array(self.status.components.map(Self.json))),
            ("reason", .string(self.status.reason)),
            ("version", .string(self.status.version)),
            ("startedAt", .string(self.status.startedAt)),
            ("overrides", self.overrides),
            ("degradation", self.status.degradation?.json ?? .null),
            ("drill", self.status.drill.map(DrillPage.json) ?? .null),
        ])
    }

    private var overrides: JSONValue {
        .object((self.status.policy.overrides ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
    }

    private static func json(_ component: ComponentStatus) -> JSONValue {
        .object([
            ("name", .string(component.name)),
            ("verdict", .string(component.verdict.rawValue)),
            ("state", .string(component.state)),
            ("since", .string(component.since)),
            ("unit", .string(component.unit)),
            ("checks", .array(component.checks.map(CheckReport.json))),
            ("openIncident", .integer(component.openIncident)),
            ("detail", .string(component.detail)),
        ])
    }
}

/// `healctl check`: what the checks of a component said just now.
public struct CheckReport: Sendable {
    public var component: String
    public var checks: [CheckStatus]

    public init(component: String, checks: [CheckStatus]) {
        self.component = component
        self.checks = checks
    }

    public func text(on terminal: Terminal) -> String {
        var table = Table(columns: [
            .init(title: "CHECK", narrowest: 12), .init(title: "TYPE"), .init(title: "VERDICT"),
            .init(title: "TOOK", isRightAligned: true), .init(title: "MESSAGE", narrowest: 20),
        ])
        table.rows = self.checks.map { check in
            [
                Table.Cell(printable(check.name)), Table.Cell(printable(check.type)),
                Table.Cell(check.verdict.rawValue, check.verdict.style),
                Table.Cell(Self.time(check.seconds)),
                Table.Cell(check.message.map { printable($0) } ?? ""),
            ]
        }
        return table.lines(on: terminal).joined(separator: "\n") + "\n"
    }

    public var json: JSONValue {
        .object([("component", .string(self.component)), ("checks", .array(self.checks.map(Self.json)))])
    }

    /// A number from elsewhere: one that no check takes is not shown.
    private static func time(_ seconds: Double?) -> String {
        guard let seconds, (0...1e9).contains(seconds) else { return "–" }
        return DurationText.precise(.seconds(seconds))
    }

    static func json(_ check: CheckStatus) -> JSONValue {
        .object([
            ("name", .string(check.name)), ("type", .string(check.type)),
            ("verdict", .string(check.verdict.rawValue)), ("message", .string(check.message)),
            ("lastAt", .string(check.lastAt)), ("seconds", .number(check.seconds)),
        ])
    }
}

extension Verdict {
    var style: Style {
        switch self {
        case .up: .good
        case .degraded: .doubtful
        case .down: .bad
        case .unknown: .faint
        }
    }
}
