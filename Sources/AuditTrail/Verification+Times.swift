import GRDB
import RecoveryEngine
import ResilienceCore

/// The tables `run`, `exclusion` and `supervised` as the records have them.
struct SpanFold {
    struct Span: Hashable {
        var sequence: Int64
        var name: String
        var from: Int64
        var to: Int64?
        var text: String?
        /// The end is the last sign of life, which is no record.
        var endIsUnknown = false
    }

    private(set) var runs: [Span] = []
    private(set) var exclusions: [Span] = []
    private(set) var supervised: [Span] = []
    private var openExclusions: [String: Int] = [:]
    private var openSupervised: [String: Int] = [:]

    mutating func take(_ record: AuditRecord, sequence: Int64) {
        let at = StoredTime.clamp(record.at)
        switch record.body {
        case .supervisorStarted(let version, _):
            if let last = self.runs.indices.last, self.runs[last].to == nil { self.runs[last].endIsUnknown = true }
            self.runs.append(Span(sequence: sequence, name: version, from: at))
        case .supervisorStopped(let reason):
            guard let last = self.runs.indices.last, self.runs[last].to == nil else { return }
            self.runs[last].to = max(self.runs[last].from, at)
            self.runs[last].text = reason
        case .timeCounts(let counts, let why):
            let name = record.component ?? ""
            if counts, let index = self.openExclusions.removeValue(forKey: name) {
                self.exclusions[index].to = max(self.exclusions[index].from, at)
            } else if !counts, self.openExclusions[name] == nil {
                self.openExclusions[name] = self.exclusions.count
                self.exclusions.append(Span(sequence: sequence, name: name, from: at, text: why))
            }
        case .policyLoaded(_, let components):
            let wanted = Set(components)
            for (name, index) in self.openSupervised where !wanted.contains(name) {
                self.supervised[index].to = max(self.supervised[index].from, at)
                self.openSupervised[name] = nil
            }
            for name in wanted where self.openSupervised[name] == nil {
                self.openSupervised[name] = self.supervised.count
                self.supervised.append(Span(sequence: sequence, name: name, from: at))
            }
        default: break
        }
    }
}

extension Verification {
    /// Runs, exclusions and supervision, and the durations that follow from them.
    mutating func verifyTimes() throws {
        let runs = try self.db.all(
            "SELECT seq, version, started_us, ended_us, reason FROM run WHERE seq >= ? ORDER BY seq",
            [.int(self.first)],
            Self.span)
        self.compare(runs, with: self.spans.runs, table: "run")
        // After retention, a span may have begun in a removed record and go on; such a one begins only once.
        let isWhole = self.first == 1
        let exclusions = try self.db.all(
            "SELECT seq, component, from_us, to_us, why FROM exclusion WHERE seq >= ?", [.int(self.first)], Self.span)
        let supervised = try self.db.all(
            "SELECT seq, component, from_us, to_us, NULL FROM supervised WHERE seq >= ?", [.int(self.first)], Self.span)
        if isWhole {
            self.compare(Self.sorted(exclusions), with: Self.sorted(self.spans.exclusions), table: "exclusion")
            self.compare(Self.sorted(supervised), with: Self.sorted(self.spans.supervised), table: "supervised")
        } else {
            self.compareRest(exclusions, with: self.spans.exclusions, table: "exclusion")
            self.compareRest(supervised, with: self.spans.supervised, table: "supervised")
        }
        try self.verifyDurations()
    }

    private static func span(_ row: SQLRow) -> SpanFold.Span {
        SpanFold.Span(
            sequence: row.int(0), name: row.text(1), from: row.int(2), to: row.optionalInt(3),
            text: row.optionalText(4))
    }

    private static func sorted(_ spans: [SpanFold.Span]) -> [SpanFold.Span] {
        spans.sorted { ($0.sequence, $0.name) < ($1.sequence, $1.name) }
    }

    private mutating func compare(_ rows: [SpanFold.Span], with spans: [SpanFold.Span], table: String) {
        if rows.count != spans.count {
            self.find("the table \(table) has \(rows.count) rows where the records have \(spans.count)")
        }
        for (row, span) in zip(rows, spans) where !Self.agree(row, span) {
            self.find("the row of record \(span.sequence) in the table \(table) is not what the record says")
        }
    }

    /// Every row must have a record of its number that says the same; records that only repeat what held before have
    /// no row.
    private mutating func compareRest(_ rows: [SpanFold.Span], with spans: [SpanFold.Span], table: String) {
        for row in rows where !spans.contains(where: { $0.name == row.name && Self.agree(row, $0) }) {
            self.find("the row of record \(row.sequence) in the table \(table) is not what the record says")
        }
    }

    private static func agree(_ row: SpanFold.Span, _ span: SpanFold.Span) -> Bool {
        var expected = span
        if span.endIsUnknown {
            guard let end = row.to, end >= row.from else { return false }
            expected.to = end
            expected.endIsUnknown = false
        }
        return row == expected
    }

    /// `gap_us`, `down_from_us` and `incident_day`.
    private mutating func verifyDurations() throws {
        guard !self.clockWentBack else {
            self.report.remarks.append("the clock was set back at some time: durations were not computed again")
            return
        }
        let alive = try self.db.first("SELECT alive_us FROM head WHERE id = 1") { $0.optionalInt(0) } ?? nil
        var days: Int64 = 0
        // In chunks, since each incident asks for others.
        var last = Int64.min
        while true {
            let chunk = try self.db.all(
                """
                SELECT \(IncidentTables.incidentColumns) FROM incident WHERE resolved_us IS NOT NULL AND id > ?
                ORDER BY id LIMIT 500
                """, [.int(last)], IncidentTables.incident)
            guard let end = chunk.last else { break }
            last = end.id
            for incident in chunk { days += try self.verifyDurations(incident, alive: alive) }
        }
        let stored = try self.db.first("SELECT count(*) FROM incident_day") { $0.int(0) }
        if stored != days { self.find("the table incident_day has \(stored ?? 0) rows instead of \(days)") }
    }

    private mutating func verifyDurations(_ incident: IncidentRow, alive: Int64?) throws -> Int64 {
        let isOwn = IncidentFold(stored: incident).isOwn
        let end = try IncidentEnd.find(incident, isOwn: isOwn, alive: alive, in: self.db)
        // The one before it may have been removed by retention.
        let isProvable = self.first == 1 || (end.oldestUsed ?? 0) >= self.first
        if isProvable, incident.gap != end.gap || incident.downFrom != end.downFrom {
            self.find("the durations of incident \(incident.id) are not what the records say")
        }
        // A drill has no downtime.
        guard incident.drill == nil else { return 0 }
        var days: [Int64: Int64] = [WallTime.day(of: incident.failedAt): 0]
        for (day, length) in try IncidentEnd.downtime(incident, alive: alive, in: self.db) {
            days[day, default: 0] += length
        }
        for (day, length) in days {
            let stored = try self.db.first(
                "SELECT down_us FROM incident_day WHERE day = ? AND incident = ?", [.int(day), .int(incident.id)]
            ) { $0.int(0) }
            if stored != length { self.find("the downtime of incident \(incident.id) is not what the records say") }
        }
        return Int64(days.count)
    }

    /// The sums behind the statistics, computed again from the incidents.
    mutating func verifyRollups() throws {
        var rollups: [Rollup.Key: Rollup] = [:]
        var actions: [String: (Int64, Int64)] = [:]
        try self.db.each(
            "SELECT \(IncidentTables.incidentColumns) FROM incident WHERE resolved_us IS NOT NULL"
        ) { row in
            let incident = IncidentTables.incident(row)
            guard let contribution = Contribution(incident, down: []) else { return true }
            for level in Rollup.levels {
                let bucket = Rollup.bucket(contribution.day, level: level)
                let key = Rollup.Key(level: level, bucket: bucket, component: incident.component)
                rollups[key, default: Rollup()].add(contribution, sign: 1)
            }
            for action in try IncidentTables.actions(of: incident.id, in: self.db) where action.tally != 0 {
                for level in Rollup.levels {
                    let bucket = Rollup.bucket(contribution.day, level: level)
                    var count = actions["\(level) \(bucket) \(incident.component) \(action.action)"] ?? (0, 0)
                    if action.tally > 0 { count.0 += 1 } else { count.1 += 1 }
                    actions["\(level) \(bucket) \(incident.component) \(action.action)"] = count
                }
            }
            return true
        }
        try self.db.each(
            "SELECT d.day, d.down_us, i.component FROM incident_day d JOIN incident i ON i.id = d.incident"
        ) { row in
            for level in Rollup.levels {
                let key = Rollup.Key(
                    level: level, bucket: Rollup.bucket(row.int(0), level: level), component: row.text(2))
                rollups[key, default: Rollup()].down += row.int(1)
            }
            return true
        }
        try self.compareRollups(rollups.filter { !$0.value.isEmpty }, actions)
    }

    private mutating func compareRollups(
        _ rollups: [Rollup.Key: Rollup], _ actions: [String: (Int64, Int64)]
    ) throws {
        var rows = 0
        var wrong: [String] = []
        try self.db.each("SELECT level, bucket, component, \(Rollup.columns) FROM rollup") { row in
            rows += 1
            let key = Rollup.Key(level: Int(clamping: row.int(0)), bucket: row.int(1), component: row.text(2))
            if rollups[key] != Rollup(row, at: 3) {
                wrong.append("\(key.component), bucket \(key.level):\(key.bucket)")
            }
            return wrong.count < VerificationReport.mostFindings
        }
        for place in wrong { self.find("the sums of \(place) are not those of the incidents") }
        if wrong.isEmpty, rows != rollups.count {
            self.find("the table rollup has \(rows) rows instead of \(rollups.count)")
        }
        var actionRows = 0
        var wrongActions: [String] = []
        try self.db.each("SELECT level, bucket, component, action, succeeded, failed FROM rollup_action") { row in
            actionRows += 1
            let key = "\(row.int(0)) \(row.int(1)) \(row.text(2)) \(row.text(3))"
            let count = actions[key] ?? (0, 0)
            if count != (row.int(4), row.int(5)) { wrongActions.append(key) }
            return wrongActions.count < VerificationReport.mostFindings
        }
        for place in wrongActions { self.find("the counts of actions of \(place) are not those of the incidents") }
        if wrongActions.isEmpty, actionRows != actions.count {
            self.find("the table rollup_action has \(actionRows) rows instead of \(actions.count)")
        }
    }
}
