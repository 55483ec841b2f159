public import ResilienceCore
import Synchronization

/// Puts errors that are the same together, and tells how often each comes, whether it grows, and whether it recurs.
/// Bounded: beyond, what has not been seen for longest makes room. Safe to share.
public final class ErrorAggregator<C: Clock>: Sendable where C.Duration == Duration {
    private let tally: Mutex<ErrorTally>
    private let reading: ClockReading<C>
    private let detail: @Sendable (any Error) -> String

    /// - Parameters:
    ///   - window: what counts as recent, and how long an error must stay away to be back.
    ///   - fingerprintsMax: how many errors are told apart.
    ///   - detail: what tells errors of one type apart beside HTTP status, errno(3) and SQLite's code; kept and shown, so
    ///     that it must hold no secret. `ErrorFingerprint.shape(of:)` of a message is made for it.
    /// - Throws: `SettingsError` for a window that is not positive or a count outside 1 ... 100 000.
    public init(
        window: Duration = .seconds(300), fingerprintsMax: Int = 500, clock: C,
        detail: @escaping @Sendable (any Error) -> String = { _ in "" }
    ) throws(SettingsError) {
        self.tally = Mutex(try ErrorTally(window: window, fingerprintsMax: fingerprintsMax))
        self.reading = ClockReading(clock)
        self.detail = detail
    }

    /// Counts one error; a cancelled call is none.
    public func record(_ error: CallError) {
        guard error.code != .cancelled else { return }
        let fingerprint = self.fingerprint(of: error)
        let now = self.reading.now
        self.tally.withLock { $0.record(fingerprint, reason: error.reason, in: error.context, at: now) }
    }

    /// What is known, the most frequent within the last window first.
    public func report() -> [ErrorPattern] {
        let now = self.reading.now
        // A copy, so that callers do not wait while it is sorted.
        let tally = self.tally.withLock { $0 }
        return tally.report(at: now)
    }

    /// How many errors had to make room.
    public var forgotten: Int { self.tally.withLock { $0.forgotten } }

    // MARK: -

    private func fingerprint(of error: CallError) -> ErrorFingerprint {
        let root = error.root
        let detail: String =
            switch root {
            case let root as any HTTPStatusError: "HTTP \(root.httpStatus)"
            case let root as any ErrnoError: "errno \(root.errnoCode)"
            case let root as any SQLiteError: "SQLite \(root.sqliteCode)"
            default: String(self.detail(root).prefix(200))
            }
        return ErrorFingerprint(
            operation: error.context.operation, component: error.context.component, code: error.code,
            type: String(describing: type(of: root)), detail: detail)
    }
}
