import ResilienceCore

/// Which units were found frozen, as systemd said when it was asked for a decision.
///
/// systemd says of no freeze whose it was. What is known is the order of things: a unit that was found running shortly
/// before the intent to freeze it was written down, and that is frozen when heald comes back from its death, was frozen by
/// that intent, or by somebody else in the moment between the intent and its effect, or while heald was away. Those two
/// nobody can tell apart, and they are taken for ours; so is a freeze behind a thaw of ours whose end heald did not live
/// to hear of. A freeze from before the intent is never taken for ours.
struct FrostLooks: Sendable {
    /// So old an answer may be that a freeze is decided on.
    static let counts = Duration.seconds(5)
    /// For so long a unit that was found frozen is left out of what is planned.
    static let frozenCounts = Duration.seconds(600)

    private var answers: [String: (seen: FreezerObservation, at: MonotonicInstant)] = [:]
    private var askedAt: [String: MonotonicInstant] = [:]

    /// What systemd said just now; `nil`: it has to be asked.
    func isFrozen(_ unit: String, at now: MonotonicInstant) -> Bool? {
        self.answers[unit].flatMap { now - $0.at < Self.counts ? $0.seen.isFrozen : nil }
    }

    func wasFoundFrozen(_ unit: String, at now: MonotonicInstant) -> Bool {
        self.answers[unit].map { $0.seen.isFrozen && now - $0.at < Self.frozenCounts } ?? false
    }

    /// - Returns: whether the question is new.
    mutating func ask(_ unit: String, at now: MonotonicInstant) -> Bool {
        if let askedAt = self.askedAt[unit], now - askedAt < Self.counts { return false }
        self.askedAt[unit] = now
        return true
    }

    /// - Parameter seen: `nil` where systemd could not be asked; the question is then put again in time.
    mutating func take(_ unit: String, _ seen: FreezerObservation?, at now: MonotonicInstant) {
        guard let seen else { return }
        self.askedAt[unit] = nil
        self.answers[unit] = (seen, now)
    }

    /// It is decided: what was found does not hold any more.
    ///
    /// - Returns: the invocations that were found.
    @discardableResult
    mutating func use(_ units: [String]) -> [String: String] {
        var found: [String: String] = [:]
        for unit in units { found[unit] = self.answers.removeValue(forKey: unit)?.seen.invocationID }
        return found
    }
}
