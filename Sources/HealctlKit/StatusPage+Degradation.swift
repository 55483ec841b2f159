import ResilienceCore
import Supervisor

extension StatusPage {
    /// What the host does without; nothing at NORMAL.
    func lines(_ degradation: DegradationStatus, _ terminal: Terminal, _ times: TimeText) -> [String] {
        var lines: [String] = []
        if degradation.level > .normal {
            let since =
                degradation.since.flatMap { WallTime(rfc3339: $0) }
                .map { " for \(DurationText.coarse(max(.zero, times.now - $0)))" } ?? ""
            var text = "\(degradation.level.rawValue)\(since): \(printable(degradation.why ?? ""))"
            let off = degradation.features.filter { !$0.value }.keys.sorted().map { printable($0) }
            if !off.isEmpty { text += "; off: \(off.joined(separator: ", "))" }
            lines.append(text)
        }
        if !degradation.units.isEmpty {
            lines.append(
                "Units: "
                    + degradation.units.map { "\(printable($0.unit)) \(printable($0.state))" }.joined(separator: ", "))
        }
        if let problem = degradation.problem {
            lines.append("The level of degradation cannot be published: \(printable(problem))")
        }
        return lines.flatMap { line in
            (terminal.width.map { wrapped(line, to: $0) } ?? [line]).map { terminal.styled($0, .doubtful) }
        }
    }
}

extension DegradationStatus {
    var json: JSONValue {
        .object([
            ("level", .string(self.level.rawValue)),
            ("since", .string(self.since)),
            ("why", .string(self.why)),
            ("features", .object(self.features.sorted { $0.key < $1.key }.map { ($0.key, .bool($0.value)) })),
            ("askedBy", .array(self.askedBy.map { .string($0) })),
            (
                "units",
                .array(
                    self.units.map { unit in
                        .object([
                            ("unit", .string(unit.unit)), ("level", .string(unit.level.rawValue)),
                            ("state", .string(unit.state)),
                        ])
                    })
            ),
            ("problem", .string(self.problem)),
        ])
    }
}
