import AuditTrail
import ResilienceCore

extension StatisticsReport {
    /// `healctl stats` for a person.
    public func text(on terminal: Terminal, times: TimeText) -> String {
        var table = Table(columns: [
            .init(title: "COMPONENT", narrowest: 12),
            .init(title: "AVAILABLE", isRightAligned: true),
            .init(title: "INCIDENTS", isRightAligned: true),
            .init(title: "HEALED", isRightAligned: true),
            .init(title: "MTTD", isRightAligned: true, dispensable: 4),
            .init(title: "MTTR", isRightAligned: true),
            .init(title: "P50", isRightAligned: true, dispensable: 3),
            .init(title: "P95", isRightAligned: true),
            .init(title: "MTBF", isRightAligned: true, dispensable: 2),
            .init(title: "ACTIONS (ok/failed)", narrowest: 14, dispensable: 1),
        ])
        table.rows =
            self.components.map { Self.cells($0.component, $0.figures) } + [Self.cells(nil, self.overall)]
        let head = "Since \(times.full(self.since)) (\(DurationText.coarse(max(.zero, times.now - self.since))))"
        return ([head, ""] + table.lines(on: terminal) + self.drillLines).joined(separator: "\n") + "\n"
    }

    /// Drills are in none of the figures above.
    private var drillLines: [String] {
        guard self.overall.drills > 0 else { return [] }
        let parts = self.components.filter { $0.figures.drills > 0 }.map {
            "\(printable($0.component)) \($0.figures.drillsHealed)/\($0.figures.drills)"
        }
        return [
            "",
            "Drills, which count in none of these: \(self.overall.drills), of which \(self.overall.drillsHealed) healed "
                + "(\(parts.joined(separator: ", ")))",
        ]
    }

    /// - Parameter component: `nil` for all together.
    private static func cells(_ component: String?, _ figures: Figures) -> [Table.Cell] {
        func time(_ seconds: Double?) -> Table.Cell {
            // 1e9 s are 32 years: a figure beyond that is damage, and no Duration should be made of it.
            Table.Cell(seconds.flatMap { abs($0) < 1e9 ? DurationText.precise(.seconds($0)) : nil } ?? "–")
        }
        let style: Style = figures.availability.map { $0 >= 0.999 ? .good : $0 >= 0.99 ? .doubtful : .bad } ?? .faint
        let actions = figures.actions.map { "\(printable($0.action)) \($0.succeeded)/\($0.failed)" }
        return [
            Table.Cell(component.map { printable($0) } ?? "all", component == nil ? .heading : .plain),
            Table.Cell(figures.availability.map(Self.percent) ?? "–", style),
            Table.Cell(String(figures.incidents)),
            Table.Cell(figures.healedWithoutHuman.map { "\(Int(($0 * 100).rounded(.down))) %" } ?? "–"),
            time(figures.mttd.mean),
            time(figures.mttr.mean),
            time(figures.mttr.p50),
            time(figures.mttr.p95),
            time(figures.mtbf.mean),
            Table.Cell(actions.joined(separator: ", ")),
        ]
    }

    /// Never rounded up to 100 %: that would hide an outage.
    static func percent(_ share: Double) -> String {
        let thousandths = Int64((share * 100_000).rounded(.down))
        return thousandths >= 100_000 ? "100 %" : "\(thousandths / 1_000).\((thousandths % 1_000).padded(3)) %"
    }
}
