import ResilienceCore

/// What `healctl stats` tells of one component, or of all together.
public struct StatisticsRow: Hashable, Sendable {
    /// Mean and percentiles of a duration, in seconds; `nil` where there is nothing to take them of.
    public struct Spread: Hashable, Sendable {
        public var mean: Double?
        public var p50: Double?
        public var p95: Double?

        public init(mean: Double?, p50: Double?, p95: Double?) {
            self.mean = mean
            self.p50 = p50
            self.p95 = p95
        }
    }

    public struct ActionCount: Hashable, Sendable {
        public var action: String
        public var succeeded: Int
        public var failed: Int

        public init(action: String, succeeded: Int, failed: Int) {
            self.action = action
            self.succeeded = succeeded
            self.failed = failed
        }
    }

    /// `nil` for all components together.
    public var component: String?
    public var incidents: Int
    /// 0...1 of the time that is known; `nil` where none is.
    public var availability: Double?
    public var timeToDetect: Spread
    public var timeToRecover: Spread
    public var timeBetweenFailures: Spread
    /// Share (0...1) of the resolved incidents that no person had a hand in.
    public var healedWithoutHuman: Double?
    public var actions: [ActionCount]

    public init(
        component: String?, incidents: Int, availability: Double?, timeToDetect: Spread, timeToRecover: Spread,
        timeBetweenFailures: Spread, healedWithoutHuman: Double?, actions: [ActionCount]
    ) {
        self.component = component
        self.incidents = incidents
        self.availability = availability
        self.timeToDetect = timeToDetect
        self.timeToRecover = timeToRecover
        self.timeBetweenFailures = timeBetweenFailures
        self.healedWithoutHuman = healedWithoutHuman
        self.actions = actions
    }
}

/// `healctl stats`.
public struct StatisticsReport: Sendable {
    public var since: WallTime
    public var overall: StatisticsRow
    public var components: [StatisticsRow]

    public init(since: WallTime, overall: StatisticsRow, components: [StatisticsRow]) {
        self.since = since
        self.overall = overall
        self.components = components
    }

    /// `healctl stats --json`: stable.
    public var json: JSONValue {
        .object([
            ("since", .string(self.since.rfc3339)),
            ("overall", self.overall.json),
            ("components", .array(self.components.map(\.json))),
        ])
    }

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
        table.rows = self.components.map { Self.cells($0) } + [Self.cells(self.overall)]
        let head = "Since \(times.full(self.since)) (\(DurationText.coarse(max(.zero, times.now - self.since))))"
        return ([head, ""] + table.lines(on: terminal)).joined(separator: "\n") + "\n"
    }

    private static func cells(_ row: StatisticsRow) -> [Table.Cell] {
        func time(_ seconds: Double?) -> Table.Cell {
            // 1e9 s are 32 years: a figure beyond that is damage, and no Duration should be made of it.
            Table.Cell(seconds.flatMap { abs($0) < 1e9 ? DurationText.precise(.seconds($0)) : nil } ?? "–")
        }
        let style: Style = row.availability.map { $0 >= 0.999 ? .good : $0 >= 0.99 ? .doubtful : .bad } ?? .faint
        let actions = row.actions.map { "\(printable($0.action)) \($0.succeeded)/\($0.failed)" }
        return [
            Table.Cell(row.component.map { printable($0) } ?? "all", row.component == nil ? .heading : .plain),
            Table.Cell(row.availability.map(Self.percent) ?? "–", style),
            Table.Cell(String(row.incidents)),
            Table.Cell(row.healedWithoutHuman.map { "\(Int(($0 * 100).rounded(.down))) %" } ?? "–"),
            time(row.timeToDetect.mean),
            time(row.timeToRecover.mean),
            time(row.timeToRecover.p50),
            time(row.timeToRecover.p95),
            time(row.timeBetweenFailures.mean),
            Table.Cell(actions.joined(separator: ", ")),
        ]
    }

    /// Never rounded up to 100 %: that would hide an outage.
    static func percent(_ share: Double) -> String {
        let thousandths = Int64((share * 100_000).rounded(.down))
        return thousandths >= 100_000 ? "100 %" : "\(thousandths / 1_000).\(padded(thousandths % 1_000, 3)) %"
    }
}

extension StatisticsRow {
    var json: JSONValue {
        var members: [(String, JSONValue)] = []
        if let component = self.component { members.append(("component", .string(component))) }
        members += [
            ("incidents", .integer(Int64(self.incidents))),
            ("availability", .number(self.availability)),
            ("mttd", self.timeToDetect.json),
            ("mttr", self.timeToRecover.json),
            ("mtbf", .number(self.timeBetweenFailures.mean)),
            ("mtbfSpread", self.timeBetweenFailures.json),
            ("healedWithoutHuman", .number(self.healedWithoutHuman)),
            (
                "actions",
                .array(
                    self.actions.map {
                        .object([
                            ("action", .string($0.action)), ("succeeded", .integer(Int64($0.succeeded))),
                            ("failed", .integer(Int64($0.failed))),
                        ])
                    })
            ),
        ]
        return .object(members)
    }
}

extension StatisticsRow.Spread {
    var json: JSONValue {
        .object([
            ("mean", .number(self.mean)), ("p50", .number(self.p50)), ("p95", .number(self.p95)),
        ])
    }
}
