import Foundation
import GRDB

/// Why the audit trail cannot be opened, read or written, and what the operator can do.
public struct AuditError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// The file or its directory cannot be written: a read-only mount, or permissions.
        case readOnly
        /// No space (or quota) is left.
        case full
        /// The content is damaged; a writer sets such a file aside by itself.
        case corrupt
        /// A newer version wrote it.
        case newerSchema
        /// An older version wrote it, and heald has not been started since.
        case olderSchema
        /// Another supervisor has it.
        case locked
        /// There is none (yet).
        case missing
        /// This user may not read it.
        case notPermitted
        /// The disk fails, or anything else that SQLite reports.
        case failed
    }

    public var code: Code
    public var what: String
    public var why: String
    public var howToFix: String

    public var description: String { "\(self.what) Why: \(self.why) Fix: \(self.howToFix)" }

    init(_ code: Code, what: String, why: String, howToFix: String) {
        self.code = code
        self.what = what
        self.why = why
        self.howToFix = howToFix
    }

    /// - Parameter what: what could not be done, a sentence.
    init(_ error: any Error, what: String, path: String) {
        if let known = error as? AuditError {
            self = known
            return
        }
        if let damage = error as? Damage {
            self.init(
                .corrupt, what: what, why: "\(path) is damaged: \(damage.finding).",
                howToFix: "Start heald: it sets the damaged file aside and begins a new one.")
            return
        }
        guard let error = error as? DatabaseError else {
            self.init(.failed, what: what, why: "\(error).", howToFix: "See the journal of heald.")
            return
        }
        let reason =
            "\(path): SQLite says \"\(error.message ?? "nothing more")\" (\(error.extendedResultCode.rawValue))."
        switch error.resultCode {
        case .SQLITE_FULL,
            .SQLITE_IOERR where error.meansNoSpace:
            self.init(.full, what: what, why: reason, howToFix: "Free space on the filesystem of the state directory.")
        case .SQLITE_READONLY:
            self.init(
                .readOnly, what: what, why: reason,
                howToFix: "Make the state directory and the files in it writable for heald's user.")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT:
            self.init(
                .corrupt, what: what, why: reason,
                howToFix: "Start heald: it sets the damaged file aside and begins a new one.")
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH:
            self.init(
                .notPermitted, what: what, why: reason,
                howToFix: "Check that the state directory exists and that this user may use it.")
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init(
                .locked, what: what, why: reason,
                howToFix: "End the program that holds a write lock on it, for example an sqlite3 shell.")
        default:
            self.init(.failed, what: what, why: reason, howToFix: "Check the disk and the journal of the kernel.")
        }
    }

    static func system(_ number: Int32, what: String, path: String) -> AuditError {
        let reason = "\(path): \(String(cString: strerror(number)))."
        switch number {
        case EROFS, EACCES, EPERM:
            return AuditError(
                .readOnly, what: what, why: reason,
                howToFix: "Make the state directory and the files in it writable for heald's user.")
        case ENOSPC, EDQUOT:
            return AuditError(
                .full, what: what, why: reason, howToFix: "Free space on the filesystem of the state directory.")
        case ENOENT:
            return AuditError(
                .missing, what: what, why: reason, howToFix: "Give the right --state-dir, or create the directory.")
        default:
            return AuditError(.failed, what: what, why: reason, howToFix: "Check the state directory and the disk.")
        }
    }
}

/// Content that no writer of ours leaves behind.
struct Damage: Error, Hashable {
    /// What was found, half a sentence.
    var finding: String
}

extension DatabaseError {
    /// No room for the log, or for its index.
    fileprivate var meansNoSpace: Bool {
        self.resultCode == .SQLITE_FULL || self.extendedResultCode == .SQLITE_IOERR_SHMSIZE
    }
}

extension Error {
    /// The database must be set aside: more tries will not help.
    var meansDamage: Bool {
        if self is Damage { return true }
        guard let error = self as? DatabaseError else { return false }
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT: return true
        case .SQLITE_IOERR:
            return error.extendedResultCode == .SQLITE_IOERR_SHORT_READ
                || error.extendedResultCode.rawValue == SQLiteCodes.ioErrorCorruptFilesystem
        // "no such table", a type where none may be, a constraint that our statements keep: the schema or the rows are
        // not what we wrote.
        case .SQLITE_ERROR, .SQLITE_SCHEMA, .SQLITE_MISMATCH, .SQLITE_CONSTRAINT, .SQLITE_TOOBIG, .SQLITE_RANGE:
            return true
        default: return false
        }
    }
}

enum SQLiteCodes {
    /// SQLITE_IOERR_CORRUPTFS
    static let ioErrorCorruptFilesystem: Int32 = 10 | (33 << 8)
}
