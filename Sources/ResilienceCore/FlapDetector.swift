/// Whether something changes its state too often, as Nagios sees it: the share of changes among the last results,
/// weighted so that the newest counts 1.2 and the oldest 0.8, with one threshold to begin and a lower one to end.
///
/// A result is a change, or an interval that passed without one. So it needs no results handed in while nothing
/// happens, and however fast something flaps, each change counts.
///
/// - SeeAlso: Nagios Core, "Detection and Handling of State Flapping".
public struct FlapDetector: Hashable, Sendable {
    /// When the state changed, oldest first; never more than the results that are looked at.
    public private(set) var changes: [MonotonicInstant] = []
    public private(set) var isFlapping = false

    public init() {}

    /// Takes up what an earlier run knew.
    public mutating func restore(changes: [MonotonicInstant], isFlapping: Bool) {
        self.changes = changes.sorted()
        self.isFlapping = isFlapping
    }

    public mutating func change(at now: MonotonicInstant, _ rule: FlapRule) {
        self.changes.append(now)
        if self.changes.count > rule.results { self.changes.removeFirst(self.changes.count - rule.results) }
    }

    /// The weighted share of changes, 0...1.
    public func share(at now: MonotonicInstant, _ rule: FlapRule) -> Double {
        let possible = max(2, rule.results - 1)
        var sum = 0.0
        var age = 0
        var later = now
        for change in self.changes.reversed() {
            let quiet = (later - change).inNanoseconds / max(1, rule.interval.inNanoseconds)
            age += Int(min(quiet, Int64(possible)))
            guard age < possible else { break }
            sum += 1.2 - 0.4 * Double(age) / Double(possible - 1)
            age += 1
            later = change
        }
        return sum / Double(possible)
    }

    /// Looks whether it flaps by now.
    public mutating func review(at now: MonotonicInstant, _ rule: FlapRule) {
        let share = self.share(at: now, rule)
        self.isFlapping = self.isFlapping ? share > rule.low : share > rule.high
    }

    /// When it will have been quiet for long enough if nothing changes.
    public func quietAt(_ now: MonotonicInstant, _ rule: FlapRule) -> MonotonicInstant {
        guard let last = self.changes.last else { return now }
        for quiet in 0...max(2, rule.results) {
            let then = last + rule.interval * quiet
            if then >= now, self.share(at: then, rule) <= rule.low { return then }
        }
        return now
    }

    public mutating func forget() {
        self.changes = []
        self.isFlapping = false
    }
}

/// What counts as flapping.
public struct FlapRule: Hashable, Sendable {
    /// Above this share it flaps …
    public var high: Double
    /// … until the share is this or less.
    public var low: Double
    /// So many results are looked at.
    public var results: Int
    /// A time of this length without a change is a result, too.
    public var interval: Duration

    public init(high: Double, low: Double, results: Int, interval: Duration) {
        self.high = high
        self.low = low
        self.results = results
        self.interval = interval
    }
}
