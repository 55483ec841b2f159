import GRDB
import RecoveryEngine
import Resilience
import ResilienceCore

extension AuditReader {
    /// How many errors of each kind, of checks and of actions, are looked at: the newest.
    public static let errorsMax = 100_000

    /// What failed between `since` and `now`, put together by the fingerprints of the library. Nothing is kept for it:
    /// the trail has every failure that began an incident and every action that did not help.
    ///
    /// - Parameter component: `nil` for all.
    /// - Throws: `AuditError`.
    public func errors(
        since: WallTime, now: WallTime, component: String? = nil, errorsMax: Int = AuditReader.errorsMax
    ) throws -> ErrorReport {
        let from = StoredTime.clamp(since)
        let span = max(
            Duration.seconds(2), WallTime(microseconds: StoredTime.clamp(now)) - WallTime(microseconds: from))
        let window = min(span / 2, .seconds(86_400))
        var fold = try ErrorFold(window: window)
        let isPartial = try self.read { db in
            var seen = try Self.failures(from: from, component, errorsMax, in: db)
            let ofActions = try Self.failedActions(from: from, since: seen.first, component, errorsMax, in: db)
            let isPartial = seen.errors.count >= errorsMax || ofActions.count >= errorsMax
            seen.errors += ofActions
            seen.errors.sort { ($0.at, $0.incident) < ($1.at, $1.incident) }
            for error in seen.errors { fold.add(error) }
            return isPartial
        }
        return ErrorReport(
            since: since, window: window, patterns: fold.patterns(at: now), isPartial: isPartial || fold.isCut)
    }

    /// What began incidents, newest first, and the number of the oldest incident that may have failed since.
    private static func failures(
        from: Int64, _ component: String?, _ most: Int, in db: Database
    ) throws -> (errors: [RecordedError], first: Int64) {
        // Numbers are given out in the order of detection; the day is for a clock that was set back.
        let stop = from - WallTime.microsecondsPerDay
        var errors: [RecordedError] = []
        var first = Int64.max
        let condition = component == nil ? "" : " WHERE component = ?"
        // What a drill broke is no failure of the component's; its rows still bound the search.
        try db.each(
            """
            SELECT id, component, cause_check, reason, category, message, failed_us, detected_us,
            drill FROM incident\(condition)
            ORDER BY id DESC
            """, component.map { [.text($0)] } ?? []
        ) { row in
            first = row.int(0)
            if row.int(6) >= from, row.optionalInt(8) == nil {
                errors.append(
                    RecordedError(
                        incident: row.int(0), at: row.int(6), component: row.text(1), source: row.text(2),
                        errorClass: row.text(3), category: row.text(4), message: row.text(5)))
            }
            return errors.count < most && row.int(7) >= stop
        }
        return (errors, first)
    }

    /// Actions that failed or did not help, newest first. Of incidents that have lasted since before, too.
    private static func failedActions(
        from: Int64, since first: Int64, _ component: String?, _ most: Int, in db: Database
    ) throws -> [RecordedError] {
        var errors: [RecordedError] = []
        let condition = component == nil ? "" : " AND i.component = ?"
        let values = component.map { [SQLValue.text($0)] } ?? []
        // CROSS: the actions decide the order, and are read by their key.
        let select = """
            SELECT a.incident, coalesce(a.verified_us, a.finished_us, a.started_us), i.component, a.action, a.result,
            a.verified, a.detail, a.verification FROM action a CROSS JOIN incident i ON i.id = a.incident
            WHERE (a.result NOT IN ('succeeded', 'skipped') OR a.verified = 0) AND i.drill IS NULL\(condition)
            """
        func take(_ row: SQLRow) -> Bool {
            guard row.int(1) >= from else { return true }
            let result = row.text(4)
            let isDone = result == ActionResult.succeeded.rawValue
            errors.append(
                RecordedError(
                    incident: row.int(0), at: row.int(1), component: row.text(2), source: row.text(3),
                    errorClass: isDone ? "not_verified" : "action_" + result, category: nil,
                    message: (isDone ? row.optionalText(7) : row.optionalText(6)) ?? ""))
            return errors.count < most
        }
        try db.each(select + " AND a.incident >= ? ORDER BY a.incident DESC, a.id DESC", values + [.int(first)], take)
        guard errors.count < most else { return errors }
        let open = "SELECT id FROM incident INDEXED BY incident_unresolved WHERE resolved_us IS NULL AND id < ?"
        try db.each(select + " AND a.incident IN (\(open))", values + [.int(first)], take)
        return errors
    }
}

/// One failure as the trail has it.
struct RecordedError {
    var incident: Int64
    /// Microseconds since 1970.
    var at: Int64
    var component: String
    var source: String
    var errorClass: String
    var category: String?
    var message: String
}

/// Puts failures together, oldest first.
private struct ErrorFold {
    private static let patternsMax = 5_000

    private var tally: ErrorTally
    private var incidents: [ErrorFingerprint: (incident: Int64, category: String?)] = [:]
    /// Most messages come again, and finding a shape costs more than all the rest.
    private var shapes: [String: String] = [:]

    init(window: Duration) throws {
        self.tally = try ErrorTally(window: window, fingerprintsMax: Self.patternsMax)
    }

    var isCut: Bool { self.tally.forgotten > 0 }

    mutating func add(_ error: RecordedError) {
        let shape = self.shape(of: error.message)
        let isLate = error.errorClass == FailureReason.timeout.rawValue || error.errorClass == "action_timed_out"
        let fingerprint = ErrorFingerprint(
            operation: error.source, component: error.component, code: isLate ? .timedOut : .failed,
            type: error.errorClass, detail: shape)
        self.tally.record(
            fingerprint, reason: FailureReason(rawValue: error.errorClass),
            in: CallContext(operation: error.source, component: error.component), at: Self.instant(error.at))
        self.incidents[fingerprint] = (error.incident, error.category)
    }

    func patterns(at now: WallTime) -> [ErrorReport.Pattern] {
        self.tally.report(at: Self.instant(now.microseconds)).map { pattern in
            let print = pattern.fingerprint
            let newest = self.incidents[print]
            return ErrorReport.Pattern(
                component: print.component, source: print.operation, errorClass: print.type,
                category: newest?.category, message: print.detail, count: pattern.count, recent: pattern.recent,
                firstAt: WallTime(microseconds: pattern.firstAt.nanoseconds / 1_000),
                lastAt: WallTime(microseconds: pattern.lastAt.nanoseconds / 1_000), trend: pattern.trend,
                recursEvery: pattern.recursEvery, incident: newest?.incident ?? 0)
        }
    }

    private mutating func shape(of message: String) -> String {
        if let known = self.shapes[message] { return known }
        let shape = ErrorFingerprint.shape(of: message)
        if self.shapes.count >= Self.patternsMax { self.shapes.removeAll(keepingCapacity: true) }
        self.shapes[message] = shape
        return shape
    }

    /// Wall time on a scale that reaches to the year 2262; a damaged time lies at its end.
    private static func instant(_ microseconds: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: min(max(0, microseconds), Int64.max / 1_000) * 1_000)
    }
}
