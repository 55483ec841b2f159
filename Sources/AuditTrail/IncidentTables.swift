import GRDB

/// The tables `incident` and `action`, read and written by whole rows.
enum IncidentTables {
    static let incidentColumns = """
        id, component, state, severity, cause_check, category, reason, message, root_cause, previous, failed_us, \
        detected_us, resolved_us, healer, gap_us, down_from_us, first_seq, last_seq, drill
        """
    static let actionColumns = """
        incident, id, action, attempt, step, unit, why, started_us, finished_us, result, detail, verified, \
        verified_us, verification
        """
    /// The few that are not resolved. Left alone, SQLite prefers to read the whole table in order when it must sort.
    static let selectUnresolved = """
        SELECT \(incidentColumns) FROM incident INDEXED BY incident_unresolved WHERE resolved_us IS NULL
        """
    private static let selectIncident = "SELECT \(incidentColumns) FROM incident WHERE id = ?"
    private static let selectActions = "SELECT \(actionColumns) FROM action WHERE incident = ? ORDER BY id"
    private static let selectAction = "SELECT \(actionColumns) FROM action WHERE incident = ? AND id = ?"

    static func incident(_ row: SQLRow) -> IncidentRow {
        IncidentRow(
            id: row.int(0), component: row.text(1), state: row.text(2), severity: row.text(3), check: row.text(4),
            category: row.text(5), reason: row.text(6), message: row.text(7), rootCause: row.optionalText(8),
            previous: row.optionalInt(9), failedAt: row.int(10), detectedAt: row.int(11),
            resolvedAt: row.optionalInt(12), healer: row.optionalText(13), gap: row.optionalInt(14),
            downFrom: row.optionalInt(15), firstSequence: row.int(16), lastSequence: row.int(17),
            drill: row.optionalInt(18))
    }

    static func action(_ row: SQLRow) -> ActionRow {
        ActionRow(
            incident: row.int(0), id: row.int(1), action: row.text(2), attempt: row.int(3), step: row.int(4),
            unit: row.optionalText(5), why: row.text(6), startedAt: row.int(7), finishedAt: row.optionalInt(8),
            result: row.optionalText(9), detail: row.optionalText(10), verified: row.optionalInt(11).map { $0 != 0 },
            verifiedAt: row.optionalInt(12), verification: row.optionalText(13))
    }

    static func incident(_ id: Int64, in db: Database) throws -> IncidentRow? {
        try db.first(Self.selectIncident, [.int(id)], Self.incident)
    }

    static func actions(of incident: Int64, in db: Database) throws -> [ActionRow] {
        try db.all(Self.selectActions, [.int(incident)], Self.action)
    }

    static func action(_ id: Int64, of incident: Int64, in db: Database) throws -> ActionRow? {
        try db.first(Self.selectAction, [.int(incident), .int(id)], Self.action)
    }

    static func store(_ row: IncidentRow, in db: Database) throws {
        try db.run(
            """
            INSERT INTO incident VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
            ?19)
            ON CONFLICT (id) DO UPDATE SET state = ?3, category = ?6, reason = ?7, message = ?8, root_cause = ?9,
            failed_us = ?11, resolved_us = ?13, healer = ?14, gap_us = ?15, down_from_us = ?16, last_seq = ?18,
            drill = ?19
            """,
            [
                .int(row.id), .text(row.component), .text(row.state), .text(row.severity), .text(row.check),
                .text(row.category), .text(row.reason), .text(row.message), .optional(row.rootCause),
                .optional(row.previous), .int(row.failedAt), .int(row.detectedAt), .optional(row.resolvedAt),
                .optional(row.healer), .optional(row.gap), .optional(row.downFrom), .int(row.firstSequence),
                .int(row.lastSequence), .optional(row.drill),
            ])
    }

    static func store(_ row: ActionRow, in db: Database) throws {
        try db.run(
            "INSERT OR REPLACE INTO action VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                .int(row.incident), .int(row.id), .text(row.action), .int(row.attempt), .int(row.step),
                .optional(row.unit), .text(row.why), .int(row.startedAt), .optional(row.finishedAt),
                .optional(row.result), .optional(row.detail), .optional(row.verified.map { $0 ? 1 : 0 }),
                .optional(row.verifiedAt), .optional(row.verification),
            ])
    }
}
