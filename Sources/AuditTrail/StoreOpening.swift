import Dispatch
import Foundation
import GRDB
import GRDBSQLite
import RecoveryEngine
import ResilienceCore
import Synchronization

/// Opening, checking, and what happens to a damaged file.
enum StoreOpening {
    /// How long the look through the file for damage may take, so that a long history never delays a start; a larger file
    /// is looked through in part, and what lies further back is met when it is read.
    static let checkSeconds = 0.1
    /// So many damaged files are kept; the oldest go.
    static let mostQuarantined = 5

    static func open(path: String, now: WallTime) throws -> (store: Store, quarantine: Quarantine?) {
        do {
            return (try Self.establish(path), nil)
        } catch  where error.meansDamage {
            let states = Self.salvage(path)
            return try Self.renew(
                path, states: states ?? [:], statesSaved: states != nil, finding: Self.words(error), now: now)
        }
    }

    /// Sets the file of a running store aside. The states are known; they are not read from the damaged file.
    static func replace(
        _ store: Store, path: String, finding: String, now: WallTime
    ) throws -> (store: Store, quarantine: Quarantine) {
        // Closed before it is renamed: SQLite would remove the new file's log by its name.
        try? store.queue.close()
        return try Self.renew(path, states: store.states, statesSaved: true, finding: finding, now: now)
    }

    private static func words(_ error: any Error) -> String {
        if let damage = error as? Damage { return damage.finding }
        if let error = error as? DatabaseError { return error.message ?? "\(error.extendedResultCode)" }
        return "\(error)"
    }

    // MARK: - A new one

    private static func renew(
        _ path: String, states: [String: String], statesSaved: Bool, finding: String, now: WallTime
    ) throws -> (store: Store, quarantine: Quarantine) {
        let aside = try Self.setAside(path, now: now)
        let store = try Self.establish(path)
        var records: [AuditRecord] = []
        for (name, text) in states.sorted(by: { $0.key < $1.key }) where !name.isEmpty {
            guard let saved = try? store.coder.decode(SavedComponent.self, text), let open = saved.incident else {
                continue
            }
            let opening = IncidentOpening(
                cause: open.cause, severity: open.severity, failedAt: open.failedAt, detectedAt: open.detectedAt,
                previous: nil, rootCause: open.rootCause)
            records.append(AuditRecord(at: now, component: name, incident: open.id, .incidentOpened(opening)))
            records.append(
                AuditRecord(
                    at: now, component: name, incident: open.id,
                    .note("the record of this incident's beginning is in \(aside), which is damaged")))
        }
        try store.write(
            records: records, states: states.map { (name: $0.key, text: $0.value) }, alerts: [], durable: true)
        return (store, Quarantine(path: aside, finding: finding, statesSaved: statesSaved))
    }

    /// Renames the database and its log, so that `sqlite3` opens the pair under the new name.
    private static func setAside(_ path: String, now: WallTime) throws -> String {
        let base = path + ".corrupt-" + now.compact
        var target = base
        var number = 1
        while access(target, F_OK) == 0 {
            number += 1
            target = "\(base)-\(number)"
        }
        guard rename(path, target) == 0 || errno == ENOENT else {
            throw AuditError.system(errno, what: "Could not set the damaged audit trail aside.", path: path)
        }
        for suffix in ["-wal", "-shm"] where rename(path + suffix, target + suffix) != 0 && errno != ENOENT {
            throw AuditError.system(errno, what: "Could not set the damaged audit trail aside.", path: path + suffix)
        }
        Self.removeOldest(path)
        return target
    }

    private static func removeOldest(_ path: String) {
        let directory = (path as NSString).deletingLastPathComponent
        let prefix = (path as NSString).lastPathComponent + ".corrupt-"
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [])
            .filter { $0.hasPrefix(prefix) && !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") }.sorted()
        for name in names.dropLast(Self.mostQuarantined) {
            for suffix in ["", "-wal", "-shm"] { unlink(directory + "/" + name + suffix) }
        }
    }

    /// What can still be read of the saved states of a damaged file; `nil` where nothing can.
    private static func salvage(_ path: String) -> [String: String]? {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.prepareDatabase { try Self.harden($0) }
        guard let queue = try? DatabaseQueue(path: path, configuration: configuration) else { return nil }
        defer { try? queue.close() }
        let states = try? queue.inDatabase { db in
            try Self.withDeadline(db, seconds: 0.3) { try Self.states(db) }
        }
        return states.flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func states(_ db: Database) throws -> [String: String] {
        var states: [String: String] = [:]
        try db.each("SELECT name, body, digest FROM state") { row in
            let (name, text) = (row.text(0), row.text(1))
            if Store.digest(name, text) == row.int(2) { states[name] = text }
            return true
        }
        return states
    }

    // MARK: - Open and check

    private static func establish(_ path: String) throws -> Store {
        let isNew = try Self.createFile(path)
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.foreignKeysEnabled = false
        configuration.busyMode = .timeout(1)
        configuration.label = "heald.audit"
        configuration.prepareDatabase { try Self.harden($0) }
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        let store = Store(queue: queue)
        do {
            try queue.inDatabase { db in
                if !isNew { try Self.refuseNewer(db) }
                // The commit path flushes on demand; a start is worth a flush anyway.
                try db.execute(
                    sql: """
                        PRAGMA synchronous = NORMAL;
                        PRAGMA journal_size_limit = 16777216;
                        PRAGMA wal_autocheckpoint = 4000;
                        PRAGMA secure_delete = OFF;
                        PRAGMA application_id = \(Schema.applicationID);
                        """)
                // The log and its index stay when the last connection closes, so that a reader who may not write finds
                // them.
                var persist: Int32 = 1
                sqlite3_file_control(db.sqliteConnection, nil, SQLITE_FCNTL_PERSIST_WAL, &persist)
                if !isNew { try Self.check(db) }
            }
            try Schema.migrator.migrate(queue)
            try queue.inDatabase { db in
                try Self.compareSchema(db)
                try Self.load(store, db)
            }
        } catch {
            try? queue.close()
            throw error
        }
        return store
    }

    /// Begins the file with the right mode, whatever the umask, and the group of its directory. SQLite gives the log and
    /// its index the same.
    private static func createFile(_ path: String) throws -> Bool {
        if access(path, F_OK) == 0 {
            var status = stat()
            return stat(path, &status) == 0 && status.st_size == 0
        }
        let what = "Could not create the audit trail."
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o640)
        guard descriptor >= 0 else { throw AuditError.system(errno, what: what, path: path) }
        defer { Glibc.close(descriptor) }
        guard fchmod(descriptor, 0o640) == 0 else { throw AuditError.system(errno, what: what, path: path) }
        var status = stat()
        if stat((path as NSString).deletingLastPathComponent, &status) == 0 {
            // Without the right to do so, the group stays the process's own.
            _ = fchown(descriptor, uid_t.max, status.st_gid)
        }
        return true
    }

    static func harden(_ db: Database) throws {
        try db.execute(
            sql: """
                PRAGMA trusted_schema = OFF;
                PRAGMA mmap_size = 0;
                PRAGMA cell_size_check = ON;
                """)
    }

    static func refuseNewer(_ db: Database) throws {
        guard try Schema.migrator.hasBeenSuperseded(db) else { return }
        throw AuditError(
            .newerSchema, what: "Could not open the audit trail.", why: "A newer version of heald has written it.",
            howToFix: "Install that version again, or move audit.sqlite* out of the state directory.")
    }

    /// A reader changes nothing: the tables are brought up to date by heald.
    static func refuseOlder(_ db: Database) throws {
        guard try !Schema.migrator.hasCompletedMigrations(db) else { return }
        throw AuditError(
            .olderSchema, what: "Could not read the audit trail.", why: "An older version of heald has written it.",
            howToFix: "Start heald once: it brings the tables up to date.")
    }

    /// Looks for damage within bounds.
    private static func check(_ db: Database) throws {
        let finding = try Self.withDeadline(db, seconds: Self.checkSeconds) {
            try db.first("PRAGMA quick_check(1)") { $0.text(0) }
        }
        if let finding, finding != "ok" { throw Damage(finding: finding) }
    }

    private static func compareSchema(_ db: Database) throws {
        let expected = try DatabaseQueue()
        try Schema.migrator.migrate(expected)
        let ours = try expected.inDatabase { try Schema.objects($0) }
        guard try Schema.objects(db) == ours else { throw Damage(finding: "its tables are not the ones heald makes") }
    }

    private static func load(_ store: Store, _ db: Database) throws {
        let head = try db.first("SELECT first_seq, seq, hash, alive_us FROM head WHERE id = 1") { row in
            (first: row.int(0), sequence: row.int(1), hash: row.blob(2), alive: row.optionalInt(3))
        }
        guard let head, head.hash.count == 32, head.first >= 1, head.sequence >= head.first - 1 else {
            throw Damage(finding: "the end of the chain is missing")
        }
        let last = try db.first("SELECT seq FROM record ORDER BY seq DESC LIMIT 1") { $0.int(0) } ?? head.first - 1
        guard last <= head.sequence else { throw Damage(finding: "there are records after the end of the chain") }
        store.firstSequence = head.first
        store.sequence = head.sequence
        store.hash = head.hash
        store.alive = head.alive
        store.states = try Self.states(db)
        let rows = try db.all(
            IncidentTables.selectUnresolved, [], IncidentTables.incident)
        for row in rows { store.incidents[row.id] = IncidentFold(stored: row) }
    }

    /// Runs `body`; after so many seconds SQLite gives up and `nil` is returned.
    ///
    /// Interrupted from another thread: in SQLite 3.40 `quick_check` reads all pages within one instruction, so a progress
    /// handler comes too late.
    private static func withDeadline<Result>(
        _ db: Database, seconds: Double, _ body: () throws -> Result?
    ) throws -> Result? {
        let interruption = Interruption(db)
        DispatchQueue.global().asyncAfter(deadline: .now() + seconds) { interruption.fire() }
        defer { interruption.disarm() }
        do {
            return try body()
        } catch let error as DatabaseError where error.resultCode == .SQLITE_INTERRUPT {
            return nil
        }
    }
}

/// Interrupts what a connection is doing, unless it is over by then.
private final class Interruption: Sendable {
    /// The connection's address while it may be interrupted.
    private let connection: Mutex<UInt?>

    init(_ db: Database) { self.connection = Mutex(db.sqliteConnection.map { UInt(bitPattern: $0) }) }

    func fire() {
        self.connection.withLock { address in
            if let address { sqlite3_interrupt(OpaquePointer(bitPattern: address)) }
        }
    }

    func disarm() { self.connection.withLock { $0 = nil } }
}
