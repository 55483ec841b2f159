import GRDB
import Policy
import RecoveryEngine
import ResilienceCore

extension AuditReader {
    /// Incidents, newest first.
    ///
    /// - Throws: `AuditError`.
    public func incidents(_ filter: IncidentFilter = IncidentFilter()) throws -> [IncidentReport] {
        try self.read { db in
            var rows = try Self.unresolved(filter, in: db)
            if filter.state == nil || filter.state == .resolved {
                rows += try Self.resolved(filter, in: db)
                rows.sort { $0.id > $1.id }
            }
            return try rows.prefix(max(0, filter.limit)).map {
                IncidentReport($0, try IncidentTables.actions(of: $0.id, in: db))
            }
        }
    }

    /// One incident with everything that was recorded of it; `nil` where there is none of that number.
    ///
    /// - Throws: `AuditError`.
    public func incident(_ id: Int64) throws -> IncidentTimeline? {
        try self.read { db in
            guard let row = try IncidentTables.incident(id, in: db) else { return nil }
            let coder = RecordCoder()
            let entries = try db.all(
                """
                SELECT seq, at_us, component, body FROM record WHERE seq BETWEEN ? AND ? AND incident = ? ORDER BY seq
                """, [.int(row.firstSequence), .int(row.lastSequence), .int(id)]
            ) { record in
                let at = WallTime(microseconds: record.int(1))
                let text = record.text(3)
                let body = try? coder.decode(AuditRecord.Body.self, text)
                return IncidentTimeline.Entry(
                    sequence: record.int(0), at: at,
                    record: body.map {
                        AuditRecord(at: at, component: record.optionalText(2), incident: id, $0)
                    }, text: text)
            }
            return IncidentTimeline(
                report: IncidentReport(row, try IncidentTables.actions(of: id, in: db)), entries: entries)
        }
    }

    private static func unresolved(_ filter: IncidentFilter, in db: Database) throws -> [IncidentRow] {
        guard filter.state != .resolved else { return [] }
        let (conditions, values) = Self.conditions(filter)
        let rows = try db.all(
            """
            \(IncidentTables.selectUnresolved)\(conditions) ORDER BY id DESC
            """, values, IncidentTables.incident)
        guard let state = filter.state else { return rows }
        return rows.filter { $0.state == state.rawValue }
    }

    private static func resolved(_ filter: IncidentFilter, in db: Database) throws -> [IncidentRow] {
        let (conditions, values) = Self.conditions(filter)
        let since = filter.since.map(StoredTime.clamp) ?? .min
        // Numbers are given out in the order of detection, so the search ends a day before `since`: the day is for a
        // clock that was set back.
        let stop = since == .min ? since : since - WallTime.microsecondsPerDay
        var rows: [IncidentRow] = []
        guard filter.limit > 0 else { return rows }
        try db.each(
            """
            SELECT \(IncidentTables.incidentColumns) FROM incident WHERE resolved_us IS NOT NULL\(conditions)
            ORDER BY id DESC
            """, values
        ) { row in
            if row.int(10) >= since { rows.append(IncidentTables.incident(row)) }
            return rows.count < filter.limit && row.int(11) >= stop
        }
        return rows
    }

    private static func conditions(_ filter: IncidentFilter) -> (sql: String, values: [SQLValue]) {
        var sql = ""
        var values: [SQLValue] = []
        if let component = filter.component {
            sql += " AND component = ?"
            values.append(.text(component))
        }
        if let cause = filter.cause {
            if let reason = FailureReason(rawValue: cause.lowercased()) {
                sql += " AND reason = ?"
                values.append(.text(reason.rawValue))
            } else {
                sql += " AND category = ?"
                values.append(.text(cause.uppercased()))
            }
        }
        return (sql, values)
    }
}
