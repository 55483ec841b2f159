import GRDB
import RecoveryEngine
import ResilienceCore

extension AuditReader {
    /// What the time from `since` to `now` was like; see `StatisticsReport`.
    ///
    /// Whole days are added up from sums kept by the writer; only the day in which `since` lies, and what is not resolved
    /// yet, is looked at incident by incident.
    ///
    /// - Parameter now: the present.
    /// - Throws: `AuditError`.
    public func statistics(since: WallTime, now: WallTime) throws -> StatisticsReport {
        try self.read { db in
            var statistics = Statistics(db, since: StoredTime.clamp(since), now: StoredTime.clamp(now))
            return StatisticsReport(since: since, try statistics.run())
        }
    }
}

extension StatisticsReport {
    init(since: WallTime, _ tallies: [String: Tally]) {
        var overall = Tally()
        var components: [Component] = []
        for (name, tally) in tallies.sorted(by: { $0.key < $1.key })
        where tally.incidents > 0 || tally.known > 0 || tally.drills > 0 {
            overall.add(tally)
            components.append(Component(component: name, figures: tally.figures()))
        }
        self.init(since: since, overall: overall.figures(), components: components)
    }
}

/// One computation of the statistics.
private struct Statistics {
    let db: Database
    let since: Int64
    let now: Int64
    var tallies: [String: Tally] = [:]
    var alive: Int64?

    init(_ db: Database, since: Int64, now: Int64) {
        self.db = db
        self.since = since
        self.now = max(since, now)
    }

    mutating func run() throws -> [String: Tally] {
        self.alive = try self.db.first("SELECT alive_us FROM head WHERE id = 1") { $0.optionalInt(0) } ?? nil
        let firstDay = WallTime.day(of: self.since)
        let isWhole = firstDay * WallTime.microsecondsPerDay == self.since
        if !isWhole { try self.addPart(of: firstDay) }
        for span in Self.spans(from: isWhole ? firstDay : firstDay + 1, through: WallTime.day(of: self.now)) {
            try self.add(span)
        }
        let known = try KnownTime(self.db, window: Interval(from: self.since, to: self.now), alive: self.alive)
        try self.addUnresolved(known)
        try self.db.each("SELECT DISTINCT component FROM supervised") { row in
            self.tallies[row.text(0), default: Tally()].incidents += 0
            return true
        }
        try self.addDrills()
        for name in self.tallies.keys { self.tallies[name]?.known = try known.of(name).length }
        return self.tallies
    }

    // MARK: - Whole days

    struct Span {
        var level: Int
        var buckets: ClosedRange<Int64>
    }

    /// The fewest buckets that cover the days.
    static func spans(from first: Int64, through last: Int64) -> [Span] {
        var spans: [Span] = []
        var day = first
        while day <= last {
            var level = 0
            while level < Rollup.levels.upperBound - 1 {
                let width = Int64(1) << (4 * (level + 1))
                guard day & (width - 1) == 0, day + width - 1 <= last else { break }
                level += 1
            }
            let bucket = Rollup.bucket(day, level: level)
            if let previous = spans.last, previous.level == level, previous.buckets.upperBound + 1 == bucket {
                spans[spans.count - 1].buckets = previous.buckets.lowerBound...bucket
            } else {
                spans.append(Span(level: level, buckets: bucket...bucket))
            }
            day += Int64(1) << (4 * level)
        }
        return spans
    }

    private mutating func add(_ span: Span) throws {
        let place: [SQLValue] = [.int(span.level), .int(span.buckets.lowerBound), .int(span.buckets.upperBound)]
        try self.db.each(
            "SELECT component, \(Rollup.columns) FROM rollup WHERE level = ? AND bucket BETWEEN ? AND ?", place
        ) { row in
            self.tallies[row.text(0), default: Tally()].add(row, at: 1)
            return true
        }
        try self.db.each(
            """
            SELECT component, action, sum(succeeded), sum(failed) FROM rollup_action
            WHERE level = ? AND bucket BETWEEN ? AND ? GROUP BY component, action
            """, place
        ) { row in
            self.tallies[row.text(0), default: Tally()]
                .add(row.text(1), succeeded: row.int(2), failed: row.int(3))
            return true
        }
    }

    // MARK: - One by one

    /// Resolved incidents of the day in which `since` lies.
    private mutating func addPart(of day: Int64) throws {
        let end = (day + 1) * WallTime.microsecondsPerDay
        let columns = IncidentTables.incidentColumns.split(separator: ",")
            .map { "i." + $0.drop(while: { $0 == " " }) }.joined(separator: ", ")
        let rows = try self.db.all(
            """
            SELECT \(columns), d.down_us FROM incident_day d JOIN incident i ON i.id = d.incident WHERE d.day = ?
            """, [.int(day)]
        ) { (IncidentTables.incident($0), $0.int(19)) }
        for (incident, down) in rows {
            var tally = self.tallies[incident.component] ?? Tally()
            if incident.failedAt >= self.since {
                tally.add(incident, actions: try IncidentTables.actions(of: incident.id, in: self.db))
                tally.down += down
            } else if let resolved = incident.resolvedAt {
                let from = max(self.since, incident.downFrom ?? incident.failedAt)
                let part = Interval(from: from, to: min(resolved, end))
                if part.from < part.to {
                    tally.down += try KnownTime(self.db, window: part, alive: self.alive).of(incident.component).length
                }
            }
            self.tallies[incident.component] = tally
        }
    }

    private mutating func addDrills() throws {
        let coder = RecordCoder()
        try self.db.each(
            "SELECT component, body FROM record WHERE kind = 'drillEnded' AND at_us >= ?", [.int(self.since)]
        ) { row in
            let body = try? coder.decode(AuditRecord.Body.self, row.text(1))
            guard case .drillEnded(_, let outcome, _) = body, outcome.isCounted else { return true }
            self.tallies[row.text(0), default: Tally()].drills += 1
            self.tallies[row.text(0), default: Tally()].drillsHealed += outcome == .healed ? 1 : 0
            return true
        }
    }

    private mutating func addUnresolved(_ known: KnownTime) throws {
        let rows = try self.db.all(
            IncidentTables.selectUnresolved + " ORDER BY id", [], IncidentTables.incident)
        for var incident in rows where incident.drill == nil {
            let end = try IncidentEnd.find(
                incident, isOwn: incident.rootCause == nil, alive: self.alive, in: self.db)
            incident.gap = end.gap
            var tally = self.tallies[incident.component] ?? Tally()
            if incident.failedAt >= self.since {
                tally.add(incident, actions: try IncidentTables.actions(of: incident.id, in: self.db))
            }
            let down = TimeSet([Interval(from: max(self.since, end.downFrom), to: self.now)])
            tally.down += try known.of(incident.component).intersection(down).length
            self.tallies[incident.component] = tally
        }
    }
}
