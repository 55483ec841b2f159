import GRDB
import RecoveryEngine
import ResilienceCore

/// What `healctl audit verify` found.
public struct VerificationReport: Hashable, Sendable {
    /// Records looked at.
    public var records: Int64
    /// The end of the chain as it stands in the database.
    public var head: ChainHead
    /// The first record that is not what was written, where one can be named.
    public var firstBadRecord: Int64?
    /// What is wrong, in words; empty where nothing is. At most `mostFindings`.
    public var findings: [String]
    /// What could not be looked at, and why. No fault.
    public var remarks: [String]

    public var isIntact: Bool { self.findings.isEmpty }
    public static let mostFindings = 50
}

extension AuditReader {
    /// Proves the whole trail: the file, the chain of records, and that the tables agree with the records. Finds any
    /// change of a row, a missing, added or moved one, and a chain that was cut short.
    ///
    /// A person who may write the file can rewrite all of it, hashes included. Only a copy of the chain's end kept where
    /// that person cannot write proves against that: pass it as `expectedHead`.
    ///
    /// Not part of the proof: `head.alive_us`, `state` (apart from damage) and `outbox`, which are no history.
    ///
    /// Reads everything, at about 100,000 records a second; run it where there is time. Holds one read transaction, so
    /// that the write-ahead log of a running supervisor grows meanwhile.
    ///
    /// - Throws: `AuditError` where it cannot be read at all.
    public func verify(expectedHead: ChainHead? = nil) throws -> VerificationReport {
        do {
            return try self.read { db in
                var verification = Verification(db)
                return try verification.run(expectedHead: expectedHead)
            }
        } catch let error as AuditError where error.code == .corrupt || error.code == .failed {
            return VerificationReport(
                records: 0, head: ChainHead(sequence: 0, hash: Hexadecimal.string(chainBeginning)),
                firstBadRecord: nil, findings: [error.why], remarks: [])
        }
    }
}

/// One pass over everything.
struct Verification {
    let db: Database
    let coder = RecordCoder()
    var report = VerificationReport(
        records: 0, head: ChainHead(sequence: 0, hash: ""), firstBadRecord: nil, findings: [], remarks: [])
    var first: Int64 = 1
    /// Incidents whose records are not complete yet.
    var folds: [Int64: IncidentFold] = [:]
    /// Incidents compared with their row.
    var compared: Int64 = 0
    var spans = SpanFold()
    /// The wall clock was set back somewhere: then durations were taken from times that later records contradict.
    var clockWentBack = false
    private var lastPruned: (through: Int64, anchor: String)?

    init(_ db: Database) { self.db = db }

    mutating func find(_ finding: String, record: Int64? = nil) {
        if let record { self.report.firstBadRecord = min(self.report.firstBadRecord ?? record, record) }
        if self.report.findings.count < VerificationReport.mostFindings { self.report.findings.append(finding) }
    }

    mutating func run(expectedHead: ChainHead?) throws -> VerificationReport {
        for problem in try self.db.all("PRAGMA integrity_check(10)", [], { $0.text(0) }) where problem != "ok" {
            self.find("the file is damaged: \(problem)")
        }
        try self.verifyChain(expectedHead)
        try self.verifyIncidents()
        try self.verifyTimes()
        try self.verifyRollups()
        try self.verifyStates()
        return self.report
    }

    // MARK: - The chain

    private mutating func verifyChain(_ expected: ChainHead?) throws {
        let head = try self.db.first("SELECT first_seq, anchor, seq, hash FROM head WHERE id = 1") { row in
            (first: row.int(0), anchor: row.blob(1), sequence: row.int(2), hash: row.blob(3))
        }
        guard let head else { return self.find("the end of the chain is missing") }
        self.first = head.first
        self.report.head = ChainHead(sequence: head.sequence, hash: Hexadecimal.string(head.hash))
        var expectedSequence = head.first
        var previous = head.anchor
        var lastTime = Int64.min
        var isBroken = false
        var witness = expected?.sequence == head.first - 1 ? Hexadecimal.string(head.anchor) : nil
        try self.db.each("SELECT seq, at_us, incident, component, kind, body, hash FROM record ORDER BY seq") { row in
            let stored = StoredRecord(
                sequence: row.int(0), at: row.int(1), incident: row.optionalInt(2), component: row.optionalText(3),
                kind: row.text(4), body: row.text(5))
            let hash = row.blob(6)
            self.report.records += 1
            if stored.sequence != expectedSequence {
                self.find(
                    stored.sequence < expectedSequence
                        ? "record \(stored.sequence) lies before the beginning of the chain"
                        : "records \(expectedSequence) to \(stored.sequence - 1) are missing",
                    record: min(stored.sequence, expectedSequence))
                isBroken = true
            } else if !isBroken, stored.hash(after: previous) != hash {
                self.find(
                    "record \(stored.sequence) is not what was written: it was changed, moved or put in, "
                        + "or the one before it was", record: stored.sequence)
                isBroken = true
            }
            if stored.sequence == expected?.sequence { witness = Hexadecimal.string(hash) }
            if stored.at < lastTime { self.clockWentBack = true }
            lastTime = stored.at
            (previous, expectedSequence) = (hash, stored.sequence + 1)
            self.take(stored)
            return true
        }
        if expectedSequence - 1 != head.sequence {
            self.find(
                "the chain ends with record \(expectedSequence - 1), but should end with \(head.sequence)",
                record: expectedSequence)
        } else if previous != head.hash {
            self.find("the end of the chain does not match the last record", record: head.sequence)
        }
        self.verifyAnchor(head.first, head.anchor)
        if let expected { self.compare(expected, with: witness, last: head.sequence) }
    }

    private mutating func verifyAnchor(_ first: Int64, _ anchor: [UInt8]) {
        if first == 1 {
            if anchor != chainBeginning { self.find("the beginning of the chain was changed", record: 1) }
        } else if self.lastPruned?.through != first - 1 || self.lastPruned?.anchor != Hexadecimal.string(anchor) {
            self.find(
                "records before \(first) are missing, and no record says that retention removed them", record: first)
        }
    }

    private mutating func compare(_ expected: ChainHead, with witness: String?, last: Int64) {
        if expected.sequence > last {
            self.find(
                "the chain ends with record \(last), but record \(expected.sequence) existed: its end was cut off",
                record: last + 1)
        } else if let witness {
            if witness != expected.hash {
                self.find(
                    "record \(expected.sequence) has another hash than the copy of the chain's end: the trail was "
                        + "rewritten", record: expected.sequence)
            }
        } else if expected.sequence > 0 {
            self.report.remarks.append(
                "record \(expected.sequence), the copy of the chain's end, was removed by retention; compare a newer copy"
            )
        }
    }

    private mutating func take(_ stored: StoredRecord) {
        guard let body = try? self.coder.decode(AuditRecord.Body.self, stored.body) else {
            return self.find("record \(stored.sequence) cannot be read", record: stored.sequence)
        }
        if body.kind != stored.kind {
            self.find(
                "record \(stored.sequence) is called \(stored.kind) but is a \(body.kind)", record: stored.sequence)
        }
        let record = AuditRecord(
            at: WallTime(microseconds: stored.at), component: stored.component, incident: stored.incident, body)
        if case .pruned(let through, let anchor) = body, through < stored.sequence, through == self.first - 1 {
            self.lastPruned = (through, anchor)
        }
        self.spans.take(record, sequence: stored.sequence)
        if let id = stored.incident { self.fold(record, id, stored.sequence) }
    }

    private mutating func fold(_ record: AuditRecord, _ id: Int64, _ sequence: Int64) {
        if self.folds[id] == nil {
            // One that was compared already, or whose beginning was removed, has a row; a new one has none before.
            guard let row = try? IncidentTables.incident(id, in: self.db), row.firstSequence != sequence else {
                self.folds[id] = IncidentFold(id: id, opening: record, sequence: sequence)
                return
            }
            if row.firstSequence >= self.first, row.lastSequence < sequence {
                self.find("incident \(id) does not know of record \(sequence)", record: sequence)
            }
            if row.firstSequence > sequence, case .incidentOpened = record.body {
                self.folds[id] = IncidentFold(id: id, opening: record, sequence: sequence)
            }
            return
        }
        self.folds[id]?.apply(record, sequence: sequence)
        guard let fold = self.folds[id], fold.isResolved,
            let last = try? self.db.first("SELECT last_seq FROM incident WHERE id = ?", [.int(id)], { $0.int(0) }),
            last == sequence
        else { return }
        self.compareWithRow(fold)
        self.folds[id] = nil
    }

    // MARK: - Incidents and actions

    mutating func compareWithRow(_ fold: IncidentFold) {
        let id = fold.incident.id
        self.compared += 1
        guard var row = try? IncidentTables.incident(id, in: self.db) else {
            return self.find("incident \(id) is in the records but not in the table of incidents")
        }
        // At the end of an incident these are found from others, and are proved with the durations.
        if fold.isResolved { (row.gap, row.downFrom) = (nil, nil) }
        if row != fold.incident {
            self.find("incident \(id) in the table of incidents is not what the records say")
        }
        let actions = (try? IncidentTables.actions(of: id, in: self.db)) ?? []
        if actions != fold.actions.values.sorted(by: { $0.id < $1.id }) {
            self.find("the actions of incident \(id) are not what the records say")
        }
    }

    private mutating func verifyIncidents() throws {
        for id in self.folds.keys.sorted() { if let fold = self.folds[id] { self.compareWithRow(fold) } }
        self.folds = [:]
        let rows = try self.db.first("SELECT count(*) FROM incident WHERE first_seq >= ?", [.int(self.first)]) {
            $0.int(0)
        }
        if rows != self.compared {
            self.find("the table has \(rows ?? 0) incidents where the records have \(self.compared)")
        }
        let cut = try self.db.all(
            """
            SELECT i.id FROM incident i LEFT JOIN record r ON r.seq = i.last_seq
            WHERE i.first_seq < ? AND r.incident IS NOT i.id
            """, [.int(self.first)]
        ) { $0.int(0) }
        for id in cut { self.find("incident \(id) is in the table of incidents but in no record") }
        let stray = try self.db.all(
            "SELECT DISTINCT incident FROM action WHERE incident NOT IN (SELECT id FROM incident) LIMIT 5"
        ) { $0.int(0) }
        for id in stray { self.find("there are actions of incident \(id), which does not exist") }
    }

    private mutating func verifyStates() throws {
        var damaged: [String] = []
        try self.db.each("SELECT name, body, digest FROM state") { row in
            let name = row.text(0)
            if Store.digest(name, row.text(1)) != row.int(2) { damaged.append(name) }
            return true
        }
        for name in damaged { self.find("the saved state of \(name.isEmpty ? "the host" : name) is damaged") }
    }
}
