import Policy
import ResilienceCore

/// What a check said lately, for rates and percentiles: bounded in time and in number.
struct ResultHistory: Hashable, Sendable {
    struct Entry: Hashable, Sendable {
        var at: MonotonicInstant
        var hasFailed: Bool
        /// How long the answer took; `nil` where there was none, and no waiting for one either.
        var took: Duration?
    }

    /// Of a check at its fastest pace, more than ten seconds; of an ordinary one, hours.
    static let most = 512

    /// Older results are dropped.
    var within: Duration
    /// Oldest first.
    private(set) var entries: [Entry] = []

    init(within: Duration) { self.within = within }

    mutating func add(_ result: CheckResult, at now: MonotonicInstant) {
        let hasFailed = result.verdict == .down
        let took: Duration? =
            hasFailed && result.failure?.reason != .timeout ? nil : result.finishedAt - result.startedAt
        self.entries.append(Entry(at: now, hasFailed: hasFailed, took: took))
        self.drop(at: now)
    }

    mutating func drop(at now: MonotonicInstant) {
        let old = self.entries.prefix { now - $0.at >= self.within }.count
        self.entries.removeFirst(max(old, self.entries.count - Self.most))
    }

    mutating func forget() { self.entries.removeAll(keepingCapacity: true) }

    func newer(than age: Duration, at now: MonotonicInstant) -> [Entry] {
        self.entries.filter { now - $0.at < age }
    }
}

/// Whether something is so.
enum Evidence: Hashable, Sendable {
    case absent
    /// Nobody can tell.
    case unknown
    case present

    /// Of any of several conditions.
    static func any(_ parts: [Evidence]) -> Evidence {
        if parts.contains(.present) { return .present }
        return parts.contains(.unknown) ? .unknown : .absent
    }
}

extension ErrorRateCondition {
    func evidence(_ entries: [ResultHistory.Entry]) -> Evidence {
        guard entries.count >= LevelCondition.resultsLeast else { return .unknown }
        let share = Double(entries.count(where: \.hasFailed)) / Double(entries.count)
        return share > self.above ? .present : .absent
    }
}

extension ResponseTimeCondition {
    func evidence(_ entries: [ResultHistory.Entry]) -> Evidence {
        let times = entries.compactMap(\.took).sorted()
        guard times.count >= LevelCondition.resultsLeast else { return .unknown }
        // The nearest rank: of 20 times the 19th.
        let rank = (times.count * 95 + 99) / 100
        return times[rank - 1] > self.above ? .present : .absent
    }
}
