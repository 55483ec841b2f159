import AuditTrail
import Resilience
import ResilienceCore

/// `healctl errors`.
public struct ErrorPage: Sendable {
    public var report: ErrorReport
    public var limit: Int
    /// `of api`, or nothing.
    public var selection: String

    public init(report: ErrorReport, limit: Int, selection: String = "") {
        self.report = report
        self.limit = limit
        self.selection = selection
    }

    public func text(on terminal: Terminal, times: TimeText) -> String {
        let beginning = "since \(times.full(self.report.since))\(self.selection)"
        guard !self.report.patterns.isEmpty else { return "No errors \(beginning).\n" }
        let window = DurationText.coarse(self.report.window)
        var table = Table(columns: [
            .init(title: "COUNT", isRightAligned: true),
            .init(title: window.uppercased(), isRightAligned: true, dispensable: 2),
            .init(title: "TREND"),
            .init(title: "CLASS", narrowest: 7),
            .init(title: "COMPONENT", narrowest: 9),
            .init(title: "SOURCE", narrowest: 8, dispensable: 3),
            .init(title: "FIRST", dispensable: 5),
            .init(title: "LAST", dispensable: 1),
            .init(title: "EVERY", isRightAligned: true, dispensable: 4),
            .init(title: "MESSAGE", narrowest: 12),
        ])
        let shown = self.report.patterns.prefix(self.limit)
        table.rows = shown.map { Self.cells($0, times) }
        var lines = ["Errors \(beginning); trends: the last \(window) against those before", ""]
        lines += table.lines(on: terminal)
        let hidden = self.report.patterns.count - shown.count
        if hidden > 0 { lines.append("… and \(hidden) more; --limit shows them") }
        if self.report.isPartial {
            lines.append("… of the newest only: there are more than are looked at; see --since")
        }
        if let rising = shown.first(where: { $0.trend == .rising || $0.trend == .new }) {
            lines.append("")
            lines.append(
                "\(rising.trend == .new ? "New" : "Rising"), for example: healctl incidents show \(rising.incident)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func cells(_ pattern: ErrorReport.Pattern, _ times: TimeText) -> [Table.Cell] {
        [
            Table.Cell(String(pattern.count)),
            Table.Cell(String(pattern.recent), pattern.recent == 0 ? .faint : .plain),
            Table.Cell(pattern.trend.rawValue, pattern.trend.style),
            Table.Cell(printable(pattern.errorClass)),
            Table.Cell(printable(pattern.component)),
            Table.Cell(printable(pattern.source)),
            Table.Cell(times.short(pattern.firstAt), .faint),
            Table.Cell(times.short(pattern.lastAt)),
            Table.Cell(pattern.recursEvery.map(DurationText.coarse) ?? "", .faint),
            Table.Cell(printable(pattern.message, limit: 300)),
        ]
    }

    /// `healctl errors --json`: stable. What is not known is `null`, durations are seconds.
    public var json: JSONValue {
        .object([
            ("since", .string(self.report.since.rfc3339)),
            ("windowSeconds", .number(self.report.window.inSeconds)),
            ("partial", .bool(self.report.isPartial || self.report.patterns.count > self.limit)),
            ("errors", .array(self.report.patterns.prefix(self.limit).map(\.json))),
        ])
    }
}

extension ErrorReport.Pattern {
    fileprivate var json: JSONValue {
        .object([
            ("class", .string(self.errorClass)), ("category", .string(self.category)),
            ("component", .string(self.component)), ("source", .string(self.source)),
            ("message", .string(self.message)), ("count", .integer(Int64(self.count))),
            ("recent", .integer(Int64(self.recent))), ("trend", .string(self.trend.rawValue)),
            ("firstAt", .string(self.firstAt.rfc3339)), ("lastAt", .string(self.lastAt.rfc3339)),
            ("recursEverySeconds", .number(self.recursEvery?.inSeconds)), ("incident", .integer(self.incident)),
        ])
    }
}

extension ErrorTrend {
    fileprivate var style: Style {
        switch self {
        case .new: .doubtful
        case .rising: .bad
        case .steady: .plain
        case .falling: .good
        case .gone: .faint
        }
    }
}
