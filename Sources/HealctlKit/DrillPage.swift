import Foundation
import RecoveryEngine
import ResilienceCore
import Supervisor

/// `healctl drill` before anything is done: what it would come to, and what speaks against it.
public struct DrillPlanPage: Sendable {
    public var plan: DrillPlan

    public init(_ plan: DrillPlan) { self.plan = plan }

    public func text(on terminal: Terminal) -> String {
        let plan = self.plan
        guard plan.safe else {
            let head = terminal.styled("No drill of \(printable(plan.component)): it is not safe now.", .bad)
            let reasons = plan.obstacles.flatMap { obstacle in
                terminal.width.map { wrapped(printable(obstacle.text), to: $0 - 4) }?.enumerated()
                    .map { ($0 == 0 ? "  - " : "    ") + $1 } ?? ["  - \(printable(obstacle.text))"]
            }
            return ([head] + reasons).joined(separator: "\n") + "\n"
        }
        return [
            "Drill of \(printable(plan.component)): nothing speaks against it.",
            "  fault     \(self.fault)",
            "  noticed   by \(plan.noticedBy.map { printable($0) }.joined(separator: ", ")), within "
                + DurationText.precise(Duration(answered: plan.noticeWithinMs)),
            "  repaired  by \(printable(plan.firstRepair ?? "nothing")), within "
                + DurationText.precise(Duration(answered: plan.healWithinMs)) + " of that",
        ].joined(separator: "\n") + "\n"
    }

    /// `SIGKILL to process 4211, the main process of web.service`.
    public var fault: String {
        let signal = self.plan.fault == .kill ? "SIGKILL" : "SIGSTOP"
        return
            "\(signal) to process \(self.plan.mainPID), the main process of \(printable(self.plan.unit ?? "no unit"))"
    }

    public var json: JSONValue {
        .object([
            ("component", .string(self.plan.component)),
            ("fault", .string(self.plan.fault.rawValue)),
            ("unit", .string(self.plan.unit)),
            ("mainPID", .integer(Int64(self.plan.mainPID))),
            ("safe", .bool(self.plan.safe)),
            (
                "obstacles",
                .array(
                    self.plan.obstacles.map {
                        .object([("kind", .string($0.kind.rawValue)), ("text", .string($0.text))])
                    })
            ),
            ("noticedBy", .array(self.plan.noticedBy.map { .string($0) })),
            ("firstRepair", .string(self.plan.firstRepair)),
            ("noticeWithinMs", .number(self.plan.noticeWithinMs)),
            ("healWithinMs", .number(self.plan.healWithinMs)),
        ])
    }
}

/// `healctl drill` when it is over.
public struct DrillPage: Sendable {
    public var drill: DrillStatus

    public init(_ drill: DrillStatus) { self.drill = drill }

    /// `nil` while it goes on.
    public var outcome: DrillOutcome? { DrillOutcome(rawValue: self.drill.state) }

    public func text(on terminal: Terminal) -> String {
        let drill = self.drill
        let words = self.outcome?.words ?? printable(drill.state)
        let time = drill.upMs.map { " after \(Self.time($0))" } ?? ""
        let head = "Drill \(drill.id) of \(printable(drill.component)): "
        var lines = [
            terminal.styled(head, .heading)
                + terminal.styled(
                    self.outcome == .healed ? words + time : words, self.outcome == .healed ? .good : .bad)
        ]
        if let detail = drill.detail { lines.append("  " + printable(detail)) }
        let stages = self.stages
        if !stages.isEmpty { lines.append("") }
        let width = stages.reduce(0) { max($0, $1.time.count) }
        for stage in stages {
            let padding = String(repeating: " ", count: width - stage.time.count)
            let name = stage.name.padding(toLength: 10, withPad: " ", startingAt: 0)
            lines.append("  \(padding)\(stage.time)  \(name)\(stage.what)")
        }
        if let incident = drill.incident {
            lines += ["", "The story: healctl incidents show \(incident)"]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private struct Stage {
        var time: String
        var name: String
        var what: String
    }

    /// What was reached, in order.
    private var stages: [Stage] {
        let drill = self.drill
        var stages: [Stage] = []
        if drill.injectedAt != nil {
            let signal = drill.fault == .kill ? "SIGKILL" : "SIGSTOP"
            stages.append(
                Stage(
                    time: "0 ms", name: "injected",
                    what: "\(signal) to process \(drill.mainPID) of \(printable(drill.unit))"))
        }
        func add(_ milliseconds: Double?, _ name: String, _ what: String) {
            guard let milliseconds else { return }
            stages.append(Stage(time: Self.time(milliseconds), name: name, what: what))
        }
        let action = printable(drill.action ?? "")
        add(drill.noticedMs, "noticed", drill.incident.map { "incident \($0)" } ?? "")
        add(drill.decidedMs, "decided", drill.repairs > 1 ? "the first of \(drill.repairs) repairs" : action)
        add(drill.sentMs, "sent", "to systemd, after the decision was on the disk")
        add(drill.repairedMs, "repaired", "\(action) came back")
        add(drill.upMs, "up", "the first of the passes that held")
        add(drill.provenMs, "proven", drill.healer.map { $0.words } ?? "")
        return stages
    }

    private static func time(_ milliseconds: Double) -> String {
        DurationText.precise(Duration(answered: milliseconds))
    }

    /// Stable; times in milliseconds since the fault went in.
    public var json: JSONValue { Self.json(self.drill) }

    static func json(_ drill: DrillStatus) -> JSONValue {
        .object([
            ("id", .integer(drill.id)),
            ("component", .string(drill.component)),
            ("fault", .string(drill.fault.rawValue)),
            ("unit", .string(drill.unit)),
            ("mainPID", .integer(Int64(drill.mainPID))),
            ("by", .string(drill.by)),
            ("reason", .string(drill.reason)),
            ("state", .string(drill.state)),
            ("detail", .string(drill.detail)),
            ("begunAt", .string(drill.begunAt)),
            ("injectedAt", .string(drill.injectedAt)),
            ("endedAt", .string(drill.endedAt)),
            ("incident", drill.incident.map { .integer($0) } ?? .null),
            ("healer", .string(drill.healer?.rawValue)),
            ("action", .string(drill.action)),
            ("repairs", .integer(Int64(drill.repairs))),
            ("noticedMs", .number(drill.noticedMs)),
            ("decidedMs", .number(drill.decidedMs)),
            ("sentMs", .number(drill.sentMs)),
            ("repairedMs", .number(drill.repairedMs)),
            ("upMs", .number(drill.upMs)),
            ("provenMs", .number(drill.provenMs)),
        ])
    }
}

extension DrillOutcome {
    /// How `healctl drill` ends.
    public var exitStatus: ExitStatus {
        switch self {
        case .healed: .success
        case .notHealed: .notHealed
        case .notNoticed: .notNoticed
        case .notInjected, .interrupted: .refused
        }
    }
}

extension Duration {
    /// A number from elsewhere: no drill takes longer than a day.
    public init(answered milliseconds: Double) {
        self = .seconds(milliseconds.isFinite ? min(max(0, milliseconds), 86_400_000) / 1_000 : 0)
    }
}
