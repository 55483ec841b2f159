import AuditTrail
import ResilienceCore

extension StatisticsReport {
    /// `healctl stats --json`: stable. Figures for which there is no data are `null`, durations seconds.
    public var json: JSONValue {
        .object([
            ("since", .string(self.since.rfc3339)),
            ("overall", .object(self.overall.members)),
            ("components", .array(self.components.map(\.json))),
        ])
    }
}

extension StatisticsReport.Component {
    var json: JSONValue { .object([("component", .string(self.component))] + self.figures.members) }
}

extension StatisticsReport.Figures {
    fileprivate var members: [(String, JSONValue)] {
        [
            ("incidents", .integer(self.incidents)),
            ("availability", .number(self.availability)),
            ("mttd", self.mttd.json),
            ("mttr", self.mttr.json),
            ("mtbf", .number(self.mtbf.mean)),
            ("mtbfSpread", self.mtbf.json),
            ("healedWithoutHuman", .number(self.healedWithoutHuman)),
            ("actions", .array(self.actions.map(\.json))),
            ("drills", .object([("ended", .integer(self.drills)), ("healed", .integer(self.drillsHealed))])),
        ]
    }
}

extension StatisticsReport.Durations {
    var json: JSONValue {
        .object([
            ("mean", .number(self.mean)), ("p50", .number(self.p50)), ("p95", .number(self.p95)),
        ])
    }
}

extension StatisticsReport.ActionCount {
    var json: JSONValue {
        .object([
            ("action", .string(self.action)), ("succeeded", .integer(self.succeeded)),
            ("failed", .integer(self.failed)),
        ])
    }
}
