import AuditTrail
import ResilienceCore

extension IncidentReport {
    /// An element of `healctl incidents --json`: stable. What is not known is `null`, times are RFC 3339 in UTC with
    /// microseconds, durations seconds. `drill` is the number of the drill that brought it about. `healer` and `previous` are not in it.
    public var json: JSONValue {
        .object([
            ("id", .integer(self.id)),
            ("component", .string(self.component)),
            ("state", .string(self.state)),
            ("severity", .string(self.severity)),
            (
                "cause",
                .object([
                    ("check", .string(self.cause.check)),
                    ("category", .string(self.cause.category)),
                    ("reason", .string(self.cause.reason)),
                    ("message", .string(self.cause.message)),
                ])
            ),
            ("rootCause", .string(self.rootCause)),
            ("failedAt", .string(self.failedAt.rfc3339)),
            ("detectedAt", .string(self.detectedAt.rfc3339)),
            ("resolvedAt", .string(self.resolvedAt?.rfc3339)),
            ("timeToDetectSeconds", .number(self.timeToDetect.inSeconds)),
            ("timeToRecoverSeconds", .number(self.timeToRecover?.inSeconds)),
            ("actions", .array(self.actions.map(\.json))),
            ("drill", self.drill.map { .integer($0) } ?? .null),
        ])
    }
}

extension IncidentReport.Action {
    var json: JSONValue {
        .object([
            ("action", .string(self.action)),
            ("attempt", .integer(Int64(self.attempt))),
            ("startedAt", .string(self.startedAt.rfc3339)),
            ("finishedAt", .string(self.finishedAt?.rfc3339)),
            ("result", .string(self.result)),
            ("detail", .string(self.detail)),
        ])
    }
}
