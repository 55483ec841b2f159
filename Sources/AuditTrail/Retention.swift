import GRDB
import RecoveryEngine
import ResilienceCore

extension AuditDatabase {
    /// At most this many records go in one call: a few milliseconds of work.
    public static let mostPrunedAtOnce: Int64 = 2_000

    /// Removes what is older, or more, than `AuditOptions` allow: records from the oldest on, and the incidents that end
    /// with them. It stops before the first record of any unresolved incident. Bounded work: call it again until it says
    /// 0, not in a row but every so often.
    ///
    /// The chain goes on from an anchor, the hash of the last record removed, which a record of the kind `pruned` keeps.
    ///
    /// - Returns: how many records were removed.
    /// - Throws: `AuditError`.
    @discardableResult
    public func prune(now: WallTime) throws -> Int {
        let cutoff = StoredTime.clamp(now + (.zero - self.options.retention))
        let most = self.options.mostRecords
        return try self.with("Could not remove old records from the audit trail.", at: now) { store in
            try store.prune(before: cutoff, keepingAtMost: most, now: now)
        }
    }
}

extension Store {
    fileprivate func prune(before cutoff: Int64, keepingAtMost most: Int64, now: WallTime) throws -> Int {
        guard let last = try self.lastToRemove(before: cutoff, keepingAtMost: most) else { return 0 }
        let first = self.firstSequence
        // The record of the removal comes first and on its own: where the removal then fails, it names an anchor that
        // still stands in the middle of the chain, which is no contradiction.
        let anchor = try self.read { db in
            try db.first("SELECT hash FROM record WHERE seq = ?", [.int(last)]) { $0.blob(0) }
        }
        guard let anchor, anchor.count == 32 else { throw Damage(finding: "record \(last) is missing") }
        let note = AuditRecord(at: now, .pruned(through: last, anchor: Hexadecimal.string(anchor)))
        try self.write(records: [note], states: [], alerts: [], durable: false)
        try self.transaction(durable: false) { db in
            let touched = try db.all(
                "SELECT DISTINCT incident FROM record WHERE seq BETWEEN ? AND ? AND incident IS NOT NULL",
                [.int(first), .int(last)]
            ) { $0.int(0) }
            for id in touched { try Self.removeIncident(id, endingBy: last, alive: self.alive, in: db) }
            try db.run("DELETE FROM record WHERE seq BETWEEN ? AND ?", [.int(first), .int(last)])
            try db.run("UPDATE head SET first_seq = ?, anchor = ? WHERE id = 1", [.int(last + 1), .blob(anchor)])
            // Durations of the incidents that stay were computed from these. `supervised` stays whole: it grows only
            // with changes of the policy, and that a component was ever named means something.
            let oldest = try db.first("SELECT min(day) FROM incident_day") { $0.optionalInt(0) } ?? nil
            let horizon = min(cutoff, oldest.map { $0 * WallTime.microsecondsPerDay } ?? cutoff)
            try db.run("DELETE FROM run WHERE ended_us < ? AND seq <= ?", [.int(horizon), .int(last)])
            try db.run("DELETE FROM exclusion WHERE to_us < ? AND seq <= ?", [.int(horizon), .int(last)])
        }
        self.firstSequence = last + 1
        return Int(last - first + 1)
    }

    /// The last record that may go now; `nil` where none may.
    private func lastToRemove(before cutoff: Int64, keepingAtMost most: Int64) throws -> Int64? {
        let first = self.firstSequence
        let unresolved = self.incidents.values.map(\.incident.firstSequence).min() ?? .max
        // The last record always stays.
        let bound = min(first + AuditDatabase.mostPrunedAtOnce - 1, unresolved - 1, self.sequence - 1)
        guard bound >= first else { return nil }
        let byCount = min(bound, self.sequence - most)
        // The first record young enough to stay, by age.
        let young = try self.read { db in
            try db.first(
                "SELECT seq FROM record WHERE seq BETWEEN ? AND ? AND at_us >= ? ORDER BY seq LIMIT 1",
                [.int(first), .int(bound), .int(cutoff)]
            ) { $0.int(0) }
        }
        let last = max(byCount, (young ?? bound + 1) - 1)
        return last >= first ? last : nil
    }

    private static func removeIncident(_ id: Int64, endingBy last: Int64, alive: Int64?, in db: Database) throws {
        guard let incident = try IncidentTables.incident(id, in: db), incident.resolvedAt != nil,
            incident.lastSequence <= last
        else { return }
        let failedDay = WallTime.day(of: incident.failedAt)
        let lastDay = max(failedDay, WallTime.day(of: incident.resolvedAt ?? incident.failedAt))
        var down: [(day: Int64, length: Int64)] = []
        let days = Set([failedDay]).union(max(failedDay, lastDay - KnownTime.mostDays - 1)...lastDay)
        for day in days.sorted() {
            let length = try db.first(
                "SELECT down_us FROM incident_day WHERE day = ? AND incident = ?", [.int(day), .int(id)]
            ) { $0.int(0) }
            if let length { down.append((day, length)) }
            try db.run("DELETE FROM incident_day WHERE day = ? AND incident = ?", [.int(day), .int(id)])
        }
        if let contribution = Contribution(incident, down: down) {
            try Rollup.apply(contribution, sign: -1, to: db)
            for action in try IncidentTables.actions(of: id, in: db) where action.tally != 0 {
                try Rollup.count(
                    action.action, succeeded: action.tally > 0 ? -1 : 0, failed: action.tally < 0 ? -1 : 0,
                    component: incident.component, day: contribution.day, in: db)
            }
        }
        try db.run("DELETE FROM action WHERE incident = ?", [.int(id)])
        try db.run("DELETE FROM incident WHERE id = ?", [.int(id)])
    }
}
