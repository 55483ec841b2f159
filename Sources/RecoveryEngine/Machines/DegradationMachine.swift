import Policy
import ResilienceCore

/// At which level of degradation the host is.
///
/// From each level: to any deeper one at once, as soon as it is asked for; to the one above it after `stepUpAfter`
/// without anything that asks for the level or a deeper one, and from there on in the same way. What is unknown leads
/// nowhere, and for a time holds what is known from before.
struct DegradationMachine: Hashable, Sendable {
    /// For so long what has become unknown holds a level.
    static let unknownHolds = Duration.seconds(300)

    struct Change: Hashable, Sendable {
        var from: DegradationLevel
        var to: DegradationLevel
    }

    var level: DegradationLevel = .normal
    /// Since when each level's condition has held without a break.
    private var presentSince: [DegradationLevel: MonotonicInstant] = [:]
    /// Since when a condition that held has been unknown.
    private var unknownSince: [DegradationLevel: MonotonicInstant] = [:]
    /// Since when nothing has asked for the present level or a deeper one.
    private var freeSince: MonotonicInstant?

    /// - Parameters:
    ///   - evidence: of the condition of each level that has one.
    ///   - requested: what DEGRADE asks for.
    /// - Returns: the one change that is due, if any.
    mutating func review(
        _ policy: DegradationPolicy, _ evidence: [DegradationLevel: Evidence], requested: DegradationLevel?,
        at now: MonotonicInstant
    ) -> Change? {
        self.take(policy, evidence, at: now)
        var due = requested.flatMap { wanted in policy.order.last { $0 <= wanted } } ?? .normal
        for (level, since) in self.presentSince where level > due {
            if now - since >= policy.levels[level]?.enter?.duration ?? .zero { due = level }
        }
        if due > self.level {
            self.freeSince = nil
            return self.move(to: due)
        }
        guard let next = policy.shallower(than: self.level), !self.isHeld(requested, at: now) else {
            self.freeSince = nil
            return nil
        }
        let since = self.freeSince ?? now
        self.freeSince = since
        guard now - since >= policy.stepUpAfter else { return nil }
        self.freeSince = now
        return self.move(to: next)
    }

    /// Takes up what an earlier run left behind: what led to it then may still be so.
    mutating func restore(_ level: DegradationLevel, at now: MonotonicInstant) {
        self.level = level
        self.unknownSince[level] = now
    }

    /// A policy without the present level: the next one above that it has, at once.
    mutating func adopt(_ policy: DegradationPolicy?) -> Change? {
        let order = policy?.order ?? [.normal]
        self.presentSince = self.presentSince.filter { policy?.levels[$0.key]?.enter != nil }
        self.unknownSince = self.unknownSince.filter { policy?.levels[$0.key]?.enter != nil }
        guard !order.contains(self.level) else { return nil }
        self.freeSince = nil
        return self.move(to: order.last { $0 < self.level } ?? .normal)
    }

    /// When time alone may change something.
    func nextReview(_ policy: DegradationPolicy) -> MonotonicInstant? {
        var times = self.presentSince.filter { $0.key > self.level }.map { level, since in
            since + (policy.levels[level]?.enter?.duration ?? .zero)
        }
        if self.level > .normal {
            times += self.unknownSince.filter { $0.key >= self.level }.map { $0.value + Self.unknownHolds }
        }
        if let freeSince { times.append(freeSince + policy.stepUpAfter) }
        return times.min()
    }

    private mutating func take(
        _ policy: DegradationPolicy, _ evidence: [DegradationLevel: Evidence], at now: MonotonicInstant
    ) {
        for level in policy.order {
            switch evidence[level] ?? .absent {
            case .present:
                self.presentSince[level] = self.presentSince[level] ?? now
                self.unknownSince[level] = nil
            case .unknown:
                guard self.presentSince.removeValue(forKey: level) != nil else { continue }
                self.unknownSince[level] = now
            case .absent:
                self.presentSince[level] = nil
                self.unknownSince[level] = nil
            }
        }
    }

    private func isHeld(_ requested: DegradationLevel?, at now: MonotonicInstant) -> Bool {
        if let requested, requested >= self.level { return true }
        if self.presentSince.keys.contains(where: { $0 >= self.level }) { return true }
        return self.unknownSince.contains { $0.key >= self.level && now - $0.value < Self.unknownHolds }
    }

    private mutating func move(to level: DegradationLevel) -> Change {
        defer { self.level = level }
        return Change(from: self.level, to: level)
    }
}
