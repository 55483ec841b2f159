public import ResilienceCore

/// Errors that are the same, counted together: how often each comes, whether it grows, and whether it recurs. A value
/// whose times are handed in, in their order; `ErrorAggregator` is one that is shared and reads a clock.
///
/// Bounded: beyond, what has not been seen for longest makes room.
public struct ErrorTally: Sendable {
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

    private let window: Duration
    private let fingerprintsMax: Int
    private var groups: [ErrorFingerprint: Group] = [:]
    /// How many errors had to make room.
    public private(set) var forgotten = 0

    /// - Parameters:
    ///   - window: what counts as recent, and how long an error must stay away to be back.
    ///   - fingerprintsMax: how many errors are told apart.
    /// - Throws: `SettingsError` for a window that is not positive or a count outside 1 ... 100 000.
    public init(window: Duration, fingerprintsMax: Int) throws(SettingsError) {
        try SettingsError.positive(window, "window")
        try SettingsError.count(fingerprintsMax, "fingerprintsMax")
        self.window = window
        self.fingerprintsMax = fingerprintsMax
    }

    /// Counts one error.
    ///
    /// - Parameter reason: `nil` where no classifier has looked.
    public mutating func record(
        _ fingerprint: ErrorFingerprint, reason: FailureReason?, in context: CallContext, at now: MonotonicInstant
    ) {
        if self.groups[fingerprint] == nil, self.groups.count >= self.fingerprintsMax { self.makeRoom() }
        var group =
            self.groups.removeValue(forKey: fingerprint)
            ?? Group(
                firstAt: now, lastAt: now, episodeAt: now, sixths: Array(repeating: (-1, 0), count: Self.sixths),
                example: context)
        if now - group.lastAt >= self.window {
            group.episodes += 1
            group.episodeAt = now
        }
        group.count += 1
        group.lastAt = now
        group.example = context
        group.reason = reason ?? group.reason
        let number = self.sixth(at: now)
        let position = Int(number % Int64(Self.sixths))
        if group.sixths[position].number != number { group.sixths[position] = (number, 0) }
        group.sixths[position].count += 1
        self.groups[fingerprint] = group
    }

    /// What is known, the most frequent within the last window first.
    public func report(at now: MonotonicInstant) -> [ErrorPattern] {
        self.groups.map { self.pattern($0.key, $0.value, at: now) }.sorted {
            ($0.recent, $0.count, $1.fingerprint.description) > ($1.recent, $1.count, $0.fingerprint.description)
        }
    }

    // MARK: -

    /// Two windows are kept, in sixths: the last one and the one before.
    private static var sixths: Int { 12 }

    private func sixth(at now: MonotonicInstant) -> Int64 {
        max(0, now.nanoseconds) / max(1, self.window.inNanoseconds / 6)
    }

    private mutating func makeRoom() {
        let oldest = self.groups.sorted { $0.value.lastAt < $1.value.lastAt }.prefix(max(1, self.fingerprintsMax / 10))
        for (fingerprint, _) in oldest { self.groups[fingerprint] = nil }
        self.forgotten += oldest.count
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
