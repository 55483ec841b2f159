import Glibc
public import ResilienceCore

/// An error that carries the status of an HTTP answer.
public protocol HTTPStatusError: Error {
    /// The status, 100 ... 599.
    var httpStatus: Int { get }
    /// What the answer's Retry-After asked for, as a duration; `nil` where it asked for nothing.
    var retryAfter: Duration? { get }
}

/// An error that carries an errno(3) of a system call.
public protocol ErrnoError: Error {
    /// The number, for example `ECONNREFUSED`.
    var errnoCode: Int32 { get }
}

/// An error that carries a result code of SQLite.
public protocol SQLiteError: Error {
    /// The code, extended or not, for example 5 for SQLITE_BUSY.
    var sqliteCode: Int32 { get }
}

/// Knows our own errors, HTTP statuses, errno(3) and SQLite's result codes.
public struct StandardClassifier: ErrorClassifier {
    private let waitsForBreaker: Bool

    /// - Parameter waitsForBreaker: whether a call that an open breaker rejected is tried again once the breaker lets
    ///   trials pass. Otherwise an open breaker ends the tries.
    public init(waitsForBreaker: Bool = false) { self.waitsForBreaker = waitsForBreaker }

    public func classify(_ error: any Error) -> Classification? {
        switch error {
        case let error as CallError: self.classify(error)
        case let error as any HTTPStatusError:
            FailureReason(httpStatus: error.httpStatus).map { Classification($0, retryAfter: error.retryAfter) }
        case let error as any ErrnoError: Classification(FailureReason(errno: error.errnoCode))
        case let error as any SQLiteError: FailureReason(sqliteCode: error.sqliteCode).map { Classification($0) }
        default: nil
        }
    }

    private func classify(_ error: CallError) -> Classification? {
        switch error.code {
        case .circuitOpen:
            return Classification(
                .connection, isWorthRetrying: self.waitsForBreaker && error.retryAfter != nil,
                retryAfter: error.retryAfter)
        case .timedOut: return Classification(.timeout)
        case .rateLimited:
            return Classification(
                .rateLimit, isWorthRetrying: error.retryAfter != nil, retryAfter: error.retryAfter)
        case .bulkheadFull, .tooManyAbandoned: return Classification(.resource)
        case .cancelled: return nil
        case .failed, .attemptsSpent, .notWorthRetrying, .deadlinePassed, .retryBudgetSpent:
            return error.cause.flatMap { self.classify($0) }
        }
    }
}

extension FailureReason {
    /// Why a call failed by the errno(3) of its system call.
    public init(errno code: Int32) {
        switch code {
        case ETIMEDOUT, ETIME: self = .timeout
        case ECONNREFUSED, ECONNRESET, ECONNABORTED, EPIPE, ENOTCONN, ENETDOWN, ENETUNREACH, ENETRESET, EHOSTDOWN,
            EHOSTUNREACH, EAGAIN, EINTR, EBUSY:
            self = .connection
        case EMFILE, ENFILE, ENOMEM, ENOBUFS, ENOSPC, EDQUOT, EADDRNOTAVAIL: self = .resource
        case EACCES, EPERM: self = .authError
        case ENOENT, ENXIO, ENODEV, ESRCH: self = .notFound
        case EINVAL, EBADF, E2BIG, EMSGSIZE, ENAMETOOLONG, EDOM, ERANGE: self = .invalidRequest
        case EADDRINUSE, EROFS, ENOTDIR, EISDIR, ELOOP: self = .misconfigured
        case EIO, EPROTO: self = .serverError
        default: self = .other
        }
    }
}
