import Foundation
import GRDB
import GRDBSQLite
import RecoveryEngine
import ResilienceCore
import Synchronization

/// Reads the audit trail beside a running supervisor, or without one. Never writes the database or its log; a member of
/// the group who may only read sees all there is.
///
/// - A log that holds anything: read with `mode=ro`. A reader who may not write gets SQLite's shared index read-only
///   while the supervisor runs, and one in memory after it was killed. (The supervisor leaves the `-wal` and `-shm` files
///   behind when it ends, because SQLite insists that they exist.) A reader who may write marks its place in the index,
///   nothing else.
/// - No log: the file alone is the database, read with `immutable`. Should a supervisor start meanwhile, what was read
///   is thrown away and read again.
///
/// - SeeAlso: https://www.sqlite.org/wal.html, "Read-Only Databases".
public final class AuditReader: Sendable {
    private let path: String
    private let connection: Mutex<Connection>

    private struct Connection {
        var queue: DatabaseQueue
        var isImmutable: Bool
    }

    /// - Throws: `AuditError` `missing`, `notPermitted`, `newerSchema`, `olderSchema`, `corrupt` or `failed`.
    public init(stateDirectory: String) throws {
        self.path = stateDirectory + "/" + AuditDatabase.fileName
        do {
            self.connection = Mutex(try Self.open(self.path))
        } catch {
            throw AuditError(error, what: Self.what, path: self.path)
        }
    }

    private static let what = "Could not read the audit trail."

    private static func open(_ path: String) throws -> Connection {
        guard access(path, F_OK) == 0 else {
            let number = errno
            guard number == ENOENT else { throw Self.refused(path, number) }
            throw AuditError(
                .missing, what: Self.what, why: "There is no \(path).",
                howToFix: "Start heald once, or name its directory with --state-dir.")
        }
        guard access(path, R_OK) == 0 else { throw Self.refused(path, errno) }
        let isImmutable = Self.logIsEmpty(path)
        if !isImmutable, access(path + "-shm", R_OK) != 0,
            access((path as NSString).deletingLastPathComponent, W_OK) != 0
        {
            throw AuditError(
                .notPermitted, what: Self.what, why: "\(path)-shm, which SQLite needs, is missing.",
                howToFix: "Start heald once, or run this as root.")
        }
        return Connection(queue: try Self.connect(path, isImmutable: isImmutable), isImmutable: isImmutable)
    }

    private static func refused(_ path: String, _ number: Int32) -> AuditError {
        AuditError(
            .notPermitted, what: Self.what, why: "\(path): \(String(cString: strerror(number))).",
            howToFix: "Run this as root or as a member of the group of the state directory.")
    }

    private static func logIsEmpty(_ path: String) -> Bool {
        var status = stat()
        return stat(path + "-wal", &status) != 0 || status.st_size == 0
    }

    private static func connect(_ path: String, isImmutable: Bool) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(2)
        configuration.label = "heald.audit.reader"
        configuration.foreignKeysEnabled = false
        configuration.prepareDatabase { try StoreOpening.harden($0) }
        let escaped = path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path
        let mode = isImmutable ? "immutable=1" : "mode=ro"
        let queue = try DatabaseQueue(path: "file:\(escaped)?\(mode)", configuration: configuration)
        try queue.inDatabase {
            try StoreOpening.refuseNewer($0)
            try StoreOpening.refuseOlder($0)
        }
        return queue
    }

    /// Runs `body` in one read transaction, so that all it sees is of one moment.
    func read<Result>(_ body: (Database) throws -> Result) throws -> Result {
        var result: Result?
        do {
            try self.connection.withLock { connection in
                var current = connection
                defer { connection = current }
                for _ in 0..<3 {
                    let value = try current.queue.inDatabase { db in
                        var value: Result?
                        try db.inTransaction(.deferred) {
                            value = try body(db)
                            return .commit
                        }
                        return value
                    }
                    if !current.isImmutable || Self.logIsEmpty(self.path) {
                        result = value
                        return
                    }
                    try? current.queue.close()
                    current = try Self.open(self.path)
                }
            }
        } catch {
            throw AuditError(error, what: Self.what, path: self.path)
        }
        guard let result else {
            throw AuditError(
                .failed, what: Self.what, why: "\(self.path) is replaced again and again.", howToFix: "Try again.")
        }
        return result
    }

    /// The end of the chain as the database has it.
    ///
    /// - Throws: `AuditError`.
    public var head: ChainHead {
        get throws {
            try self.read { db in
                try db.first("SELECT seq, hash FROM head WHERE id = 1") {
                    ChainHead(sequence: $0.int(0), hash: Hexadecimal.string($0.blob(1)))
                } ?? ChainHead(sequence: 0, hash: Hexadecimal.string(chainBeginning))
            }
        }
    }
}
