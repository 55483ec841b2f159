public import ResilienceCore
import Synchronization

/// Puts errors that are the same together, and tells how often each comes, whether it grows, and whether it recurs.
/// Bounded: beyond, what has not been seen for longest makes room. Safe to share.
public final class ErrorAggregator<C: Clock>: Sendable where C.Duration == Duration {
    private struct Group {
        var reason: FailureReason?
        var count = 0
        var firstAt: MonotonicInstant
        var lastAt: MonotonicInstant
        var episodes = 1
        var episodeAt: MonotonicInstant
        /// Counts by a sixth of a window, by the number of the sixth modulo their number.
        var sixths: [(number: Int64, count: Int)]
        var example: CallContext
    }

    private struct State {
        var groups: [ErrorFingerprint: Group] = [:]
        var forgotten = 0
    }

    private let state = Mutex(State())
    private let reading: ClockReading<C>
    private let window: Duration
    private let fingerprintsMax: Int
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
        try SettingsError.positive(window, "window")
        try SettingsError.count(fingerprintsMax, "fingerprintsMax")
        self.window = window
        self.fingerprintsMax = fingerprintsMax
        self.reading = ClockReading(clock)
        self.detail = detail
    }

    /// Counts one error; a cancelled call is none.
    public func record(_ error: CallError) {
        guard error.code != .cancelled else { return }
        let fingerprint = self.fingerprint(of: error)
        let now = self.reading.now
        self.state.withLock { state in
            if state.groups[fingerprint] == nil, state.groups.count >= self.fingerprintsMax {
                self.makeRoom(in: &state)
            }
            var group =
                state.groups.removeValue(forKey: fingerprint)
                ?? Group(
                    firstAt: now, lastAt: now, episodeAt: now, sixths: Array(repeating: (-1, 0), count: Self.sixths),
                    example: error.context)
            if now - group.lastAt >= self.window {
                group.episodes += 1
                group.episodeAt = now
            }
            group.count += 1
            group.lastAt = now
            group.example = error.context
            group.reason = error.reason ?? group.reason
            let number = self.sixth(at: now)
            let position = Int(number % Int64(Self.sixths))
            if group.sixths[position].number != number { group.sixths[position] = (number, 0) }
            group.sixths[position].count += 1
            state.groups[fingerprint] = group
        }
    }

    /// What is known, the most frequent within the last window first.
    public func report() -> [ErrorPattern] {
        let now = self.reading.now
        let groups = self.state.withLock { $0.groups }
        return groups.map { self.pattern($0.key, $0.value, at: now) }.sorted {
            ($0.recent, $0.count, $1.fingerprint.description) > ($1.recent, $1.count, $0.fingerprint.description)
        }
    }

    /// How many errors had to make room.
    public var forgotten: Int { self.state.withLock { $0.forgotten } }

    // MARK: -

    /// Two windows are kept, in sixths: the last one and the one before.
    private static var sixths: Int { 12 }

    private func sixth(at now: MonotonicInstant) -> Int64 {
        max(0, now.nanoseconds) / max(1, self.window.inNanoseconds / 6)
    }

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

    private func makeRoom(in state: inout State) {
        let oldest = state.groups.sorted { $0.value.lastAt < $1.value.lastAt }
            .prefix(max(1, self.fingerprintsMax / 10))
        for (fingerprint, _) in oldest { state.groups[fingerprint] = nil }
        state.forgotten += oldest.count
    }

    private func pattern(_ fingerprint: ErrorFingerprint, _ group: Group, at now: MonotonicInstant) -> ErrorPattern {
        let current = self.sixth(at: now)
        func sum(_ ages: Range<Int64>) -> Int {
            group.sixths.filter { $0.number >= 0 && ages.contains(current - $0.number) }.reduce(0) { $0 + $1.count }
        }
        let recent = sum(0..<6)
        let before = sum(6..<12)
        let trend: ErrorTrend =
            if recent == 0 {
                .gone
            } else if now - group.firstAt < self.window {
                .new
            } else if recent >= 2 * before {
                .rising
            } else {
                2 * recent <= before ? .falling : .steady
            }
        let recursEvery =
            group.episodes >= 3 ? (group.episodeAt - group.firstAt) / (group.episodes - 1) : nil
        return ErrorPattern(
            fingerprint: fingerprint, reason: group.reason, count: group.count, recent: recent,
            firstAt: group.firstAt, lastAt: group.lastAt, trend: trend, episodes: group.episodes,
            recursEvery: recursEvery, example: group.example)
    }
}
