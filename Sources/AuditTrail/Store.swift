import Crypto
import Foundation
import GRDB
import GRDBSQLite
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor

/// The open database and what is remembered of it.
///
/// `@unchecked Sendable`: it is made by one thread, handed to the mutex of an `AuditDatabase` and from then on only
/// touched by whoever holds that mutex; nothing gives it out.
final class Store: @unchecked Sendable {
    let queue: DatabaseQueue
    let coder = RecordCoder()
    var firstSequence: Int64 = 1
    var sequence: Int64 = 0
    var hash: [UInt8] = chainBeginning
    var alive: Int64?
    /// Unresolved incidents.
    var incidents: [Int64: IncidentFold] = [:]
    /// The saved states as they are written, by component; the host's under "".
    var states: [String: String] = [:]
    private var isFlushing = false
    private var commitsSinceCheckpoint = 0
    /// So many alerts may wait; above that the oldest go.
    static let mostAlerts: Int64 = 10_000

    init(queue: DatabaseQueue) { self.queue = queue }

    /// Appends records and whatever else belongs to them, all or nothing.
    ///
    /// - Parameter durable: on the disk when this returns.
    func write(_ batch: AuditBatch, durable: Bool) throws {
        var states: [(name: String, text: String?)] = []
        for component in batch.components {
            states.append((component.name, try component.state.map { try self.coder.encode($0) }))
        }
        if let host = batch.host { states.append(("", try self.coder.encode(host))) }
        let alerts = try batch.alerts.map { alert in
            var alert = alert
            alert.text = PlainText.clean(alert.text, .firstBytes(PlainText.evidenceBytes), lines: true)
            return try self.coder.encode(alert)
        }
        try self.write(records: batch.records, states: states, alerts: alerts, durable: durable)
    }

    func write(
        records: [AuditRecord], states: [(name: String, text: String?)], alerts: [String], durable: Bool
    ) throws {
        var sequence = self.sequence
        var hash = self.hash
        var alive = self.alive
        var touched: [Int64: IncidentFold] = [:]
        try self.transaction(durable: durable) { db in
            var projector = Projector(db, known: self.incidents, alive: self.alive)
            for record in records {
                sequence += 1
                hash = try self.append(record, sequence: sequence, after: hash, to: &projector)
            }
            try projector.finish()
            touched = projector.touched
            for (name, text) in states { try self.save(name, text, in: db) }
            for alert in alerts { try self.enqueue(alert, in: db) }
            if !records.isEmpty {
                alive = projector.alive
                try db.run(
                    "UPDATE head SET seq = ?, hash = ?, alive_us = ? WHERE id = 1",
                    [.int(sequence), .blob(hash), .optional(alive)])
            }
        }
        (self.sequence, self.hash, self.alive) = (sequence, hash, alive)
        for (id, fold) in touched { self.incidents[id] = fold.isResolved ? nil : fold }
        for (name, text) in states { self.states[name] = text }
        self.commitsSinceCheckpoint += 1
    }

    private func append(
        _ record: AuditRecord, sequence: Int64, after hash: [UInt8], to projector: inout Projector
    ) throws -> [UInt8] {
        var record = record
        record.body = record.body.cleaned
        let stored = StoredRecord(
            sequence: sequence, at: record.at.microseconds, incident: record.incident, component: record.component,
            kind: record.body.kind, body: try self.coder.encode(record.body))
        let next = stored.hash(after: hash)
        try projector.db.run(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                .int(stored.sequence), .int(stored.at), .optional(stored.incident), .optional(stored.component),
                .text(stored.kind), .text(stored.body), .blob(next),
            ])
        try projector.take(record, sequence: sequence)
        return next
    }

    private func save(_ name: String, _ text: String?, in db: Database) throws {
        guard self.states[name] != text else { return }
        if let text {
            try db.run(
                "INSERT OR REPLACE INTO state VALUES (?, ?, ?)",
                [.text(name), .text(text), .int(Self.digest(name, text))])
        } else {
            try db.run("DELETE FROM state WHERE name = ?", [.text(name)])
        }
    }

    private func enqueue(_ message: String, in db: Database) throws {
        try db.run("INSERT INTO outbox(message, delivered, attempts) VALUES (?, '[]', 0)", [.text(message)])
        try db.run(
            "DELETE FROM outbox WHERE id <= (SELECT id FROM outbox ORDER BY id DESC LIMIT 1 OFFSET ?)",
            [.int(Self.mostAlerts)])
    }

    /// Tells a state that was written from one that was damaged.
    static func digest(_ name: String, _ text: String) -> Int64 {
        SHA256.hash(data: Array("\(name)\u{0}\(text)".utf8)).withUnsafeBytes {
            Int64(bigEndian: $0.loadUnaligned(as: Int64.self))
        }
    }

    /// One transaction. With `durable`, SQLite flushes the write-ahead log before it returns (`synchronous=FULL`);
    /// without, the log survives this process but not a loss of power.
    func transaction(durable: Bool, _ body: (Database) throws -> Void) throws {
        try self.queue.inDatabase { db in
            if self.isFlushing != durable {
                // Executed anew each time: SQLite obeys this pragma when it is compiled.
                let sql = durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"
                let code = sqlite3_exec(db.sqliteConnection, sql, nil, nil, nil)
                guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
                self.isFlushing = durable
            }
            try db.inTransaction(.immediate) {
                try body(db)
                return .commit
            }
        }
    }

    /// The newest records, oldest first, without what cannot be read any more.
    func lastRecords(_ most: Int) throws -> [NumberedRecord] {
        let rows = try self.read { db in
            try db.all(
                "SELECT seq, at_us, incident, component, body FROM record ORDER BY seq DESC LIMIT ?",
                [.int(Int64(most))]
            ) { row in
                (
                    number: row.int(0), at: row.int(1), incident: row.optionalInt(2), component: row.optionalText(3),
                    body: row.text(4)
                )
            }
        }
        return rows.reversed().compactMap { row in
            guard let body = try? self.coder.decode(AuditRecord.Body.self, row.body) else { return nil }
            return NumberedRecord(
                number: row.number,
                record: AuditRecord(
                    at: WallTime(microseconds: row.at), component: row.component, incident: row.incident, body))
        }
    }

    func read<Result>(_ body: (Database) throws -> Result) throws -> Result {
        try self.queue.inDatabase { try body($0) }
    }

    /// Copies the write-ahead log into the database, as far as readers let it, now and then: so that the commit of an
    /// intent seldom has to. Never waits for anyone.
    func checkpointIfDue() throws {
        guard self.commitsSinceCheckpoint >= 64 else { return }
        self.commitsSinceCheckpoint = 0
        try self.queue.inDatabase { db in
            let code = sqlite3_wal_checkpoint_v2(db.sqliteConnection, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
            guard [SQLITE_OK, SQLITE_BUSY, SQLITE_LOCKED].contains(code & 0xFF) else {
                throw DatabaseError(resultCode: ResultCode(rawValue: code), message: "checkpoint")
            }
        }
    }
}
