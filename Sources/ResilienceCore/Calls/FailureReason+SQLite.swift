extension FailureReason {
    /// Why a call failed by the result code of SQLite, extended or not; `nil` for one that is no failure.
    ///
    /// - SeeAlso: https://www.sqlite.org/rescode.html
    public init?(sqliteCode code: Int32) {
        // The low byte of an extended code is its primary one.
        switch code & 0xFF {
        case 0, 27, 28, 100, 101: return nil  // OK, NOTICE, WARNING, ROW, DONE
        case 5, 6, 15, 17: self = .connection  // BUSY, LOCKED, PROTOCOL, SCHEMA: another connection was in the way
        case 9: self = .timeout  // INTERRUPT
        case 10: self = .serverError  // IOERR
        case 7, 13: self = .resource  // NOMEM, FULL
        case 3, 23: self = .authError  // PERM, AUTH
        case 11, 26: self = .checksum  // CORRUPT, NOTADB
        case 12: self = .notFound  // NOTFOUND
        case 8, 14, 22: self = .misconfigured  // READONLY, CANTOPEN, NOLFS
        // ERROR, TOOBIG, CONSTRAINT, MISMATCH, MISUSE, FORMAT, RANGE
        case 1, 18, 19, 20, 21, 24, 25: self = .invalidRequest
        default: self = .other  // INTERNAL, ABORT, EMPTY
        }
    }
}
