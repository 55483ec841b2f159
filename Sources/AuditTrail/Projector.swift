import GRDB
import RecoveryEngine
import ResilienceCore

/// Brings the tables that follow from the records up to date, within the transaction that appends the records.
struct Projector {
    let db: Database
    /// Unresolved incidents as they stood before the transaction.
    let known: [Int64: IncidentFold]
    /// The last sign of life before the records at hand.
    var alive: Int64?
    /// What became of the incidents that the records touch.
    private(set) var touched: [Int64: IncidentFold] = [:]
    private var wasResolved: Set<Int64> = []

    init(_ db: Database, known: [Int64: IncidentFold], alive: Int64?) {
        self.db = db
        self.known = known
        self.alive = alive
    }

    mutating func take(_ record: AuditRecord, sequence: Int64) throws {
        let at = StoredTime.clamp(record.at)
        switch record.body {
        case .supervisorStarted(let version, _):
            // What nobody ended was killed, or lost its power: nothing is known after its last sign of life.
            try self.db.run(
                "UPDATE run SET ended_us = max(started_us, coalesce(?, started_us)) WHERE ended_us IS NULL",
                [.optional(self.alive)])
            try self.db.run(
                "INSERT INTO run VALUES (?, ?, NULL, ?, NULL)", [.int(sequence), .int(at), .text(version)])
        case .supervisorStopped(let reason):
            try self.db.run(
                "UPDATE run SET ended_us = max(started_us, ?), reason = ? WHERE ended_us IS NULL",
                [.int(at), .text(reason)])
        case .policyLoaded(_, let components):
            try self.supervise(components, at: at, sequence: sequence)
        case .timeCounts(let counts, let why):
            try self.exclude(record.component ?? "", counts: counts, why: why, at: at, sequence: sequence)
        default: break
        }
        self.alive = at
        guard let id = record.incident else { return }
        guard var fold = try self.fold(id) else {
            self.touched[id] = IncidentFold(id: id, opening: record, sequence: sequence)
            return
        }
        switch record.body {
        case .actionFinished(let action, _), .verification(let action, _, _):
            if fold.actions[action] == nil {
                fold.actions[action] = try IncidentTables.action(action, of: id, in: self.db)
            }
        default: break
        }
        fold.apply(record, sequence: sequence)
        self.touched[id] = fold
    }

    private mutating func fold(_ id: Int64) throws -> IncidentFold? {
        if let fold = self.touched[id] ?? self.known[id] { return fold }
        guard let stored = try IncidentTables.incident(id, in: self.db) else { return nil }
        if stored.resolvedAt != nil { self.wasResolved.insert(id) }
        return IncidentFold(stored: stored)
    }

    private func supervise(_ components: [String], at: Int64, sequence: Int64) throws {
        let wanted = Set(components)
        let present = Set(
            try self.db.all("SELECT component FROM supervised WHERE to_us IS NULL") { $0.text(0) })
        for name in present.subtracting(wanted).sorted() {
            try self.db.run(
                "UPDATE supervised SET to_us = max(from_us, ?) WHERE component = ? AND to_us IS NULL",
                [.int(at), .text(name)])
        }
        for name in wanted.subtracting(present).sorted() {
            try self.db.run(
                "INSERT INTO supervised VALUES (?, ?, ?, NULL)", [.text(name), .int(sequence), .int(at)])
        }
    }

    private func exclude(_ component: String, counts: Bool, why: String, at: Int64, sequence: Int64) throws {
        let isExcluded =
            try self.db.first(
                "SELECT 1 FROM exclusion WHERE component = ? AND to_us IS NULL", [.text(component)]
            ) { _ in true } ?? false
        if counts, isExcluded {
            try self.db.run(
                "UPDATE exclusion SET to_us = max(from_us, ?) WHERE component = ? AND to_us IS NULL",
                [.int(at), .text(component)])
        } else if !counts, !isExcluded {
            try self.db.run(
                "INSERT INTO exclusion VALUES (?, ?, ?, NULL, ?)",
                [.text(component), .int(sequence), .int(at), .text(why)])
        }
    }

    /// Writes the incidents and actions that were touched, and counts what is resolved.
    mutating func finish() throws {
        for id in self.touched.keys.sorted() {
            guard var fold = self.touched[id] else { continue }
            if self.wasResolved.contains(id) {
                try self.correctCounts(fold)
            }
            let isResolvedNow = fold.isResolved && !self.wasResolved.contains(id)
            if isResolvedNow { try self.settle(&fold.incident, isOwn: fold.isOwn) }
            try IncidentTables.store(fold.incident, in: self.db)
            for action in fold.changed.sorted() {
                if let row = fold.actions[action] { try IncidentTables.store(row, in: self.db) }
            }
            fold.changed.removeAll()
            if isResolvedNow { try self.count(fold.incident) }
            // An action that is done and verified seldom changes again; it is read back if it does.
            if fold.actions.count > 16 {
                fold.actions = fold.actions.filter { $0.value.result == nil }
            }
            self.touched[id] = fold
        }
    }

    /// What is known of an incident only at its end, and needs its predecessors.
    private func settle(_ incident: inout IncidentRow, isOwn: Bool) throws {
        let settled = try IncidentEnd.find(incident, isOwn: isOwn, alive: self.alive, in: self.db)
        incident.gap = settled.gap
        incident.downFrom = settled.downFrom
    }

    private func count(_ incident: IncidentRow) throws {
        let down = try IncidentEnd.downtime(incident, alive: self.alive, in: self.db)
        guard let contribution = Contribution(incident, down: down) else { return }
        try Rollup.apply(contribution, sign: 1, to: self.db)
        var days = contribution.down
        days[contribution.day, default: 0] += 0
        for (day, length) in days {
            try self.db.run(
                "INSERT OR REPLACE INTO incident_day VALUES (?, ?, ?)", [.int(day), .int(incident.id), .int(length)])
        }
        for action in try IncidentTables.actions(of: incident.id, in: self.db) where action.tally != 0 {
            try Rollup.count(
                action.action, succeeded: action.tally > 0 ? 1 : 0, failed: action.tally < 0 ? 1 : 0,
                component: incident.component, day: contribution.day, in: self.db)
        }
    }

    /// An action of an incident that is already counted has changed.
    private func correctCounts(_ fold: IncidentFold) throws {
        guard fold.incident.drill == nil else { return }
        for id in fold.changed.sorted() {
            guard let action = fold.actions[id] else { continue }
            let before = try IncidentTables.action(id, of: fold.incident.id, in: self.db)?.tally ?? 0
            let after = action.tally
            guard before != after else { continue }
            try Rollup.count(
                action.action, succeeded: (after > 0 ? 1 : 0) - (before > 0 ? 1 : 0),
                failed: (after < 0 ? 1 : 0) - (before < 0 ? 1 : 0), component: fold.incident.component,
                day: WallTime.day(of: fold.incident.failedAt), in: self.db)
        }
    }
}

/// What the end of an incident makes known.
enum IncidentEnd {
    struct Finding {
        /// Operating time since the component's last failure of its own: known time between that one's end and this
        /// one's beginning.
        var gap: Int64?
        /// Where the incident's downtime begins.
        var downFrom: Int64
        /// The earliest record of any incident that this follows from; `nil` where the search met the beginning.
        var oldestUsed: Int64?
    }

    static func find(_ incident: IncidentRow, isOwn: Bool, alive: Int64?, in db: Database) throws -> Finding {
        var finding = Finding(gap: nil, downFrom: incident.failedAt, oldestUsed: nil)
        var previousEnd: Int64?
        var isFirst = true
        try db.each(
            """
            SELECT resolved_us, root_cause, healer, first_seq, drill FROM incident
            WHERE component = ? AND resolved_us IS NOT NULL AND id < ? ORDER BY id DESC LIMIT 100
            """, [.text(incident.component), .int(incident.id)]
        ) { row in
            if isFirst { finding.downFrom = max(finding.downFrom, row.int(0)) }
            isFirst = false
            let isOther =
                row.optionalText(1) != nil || row.text(2) == Healer.withdrawn.rawValue || row.optionalInt(4) != nil
            if isOwn, isOther { return true }
            finding.oldestUsed = row.int(3)
            if isOwn { previousEnd = row.int(0) }
            return false
        }
        if let previousEnd {
            let window = Interval(from: previousEnd, to: incident.failedAt)
            finding.gap =
                window.from < window.to
                ? try KnownTime(db, window: window, alive: alive).of(incident.component).length : 0
        }
        return finding
    }

    /// Known downtime by day.
    static func downtime(
        _ incident: IncidentRow, alive: Int64?, in db: Database
    ) throws -> [(day: Int64, length: Int64)] {
        guard let resolved = incident.resolvedAt, let from = incident.downFrom, from < resolved else { return [] }
        return try KnownTime(db, window: Interval(from: from, to: resolved), alive: alive)
            .of(incident.component).lengthByDay()
    }
}
