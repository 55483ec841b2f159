import Policy
import ResilienceCore

/// What made automation stop for the whole host, so that it does not begin again at once.
public enum StormCause: String, CaseIterable, Hashable, Sendable, Codable {
    /// Automation was frozen: too many components were down.
    case freeze
    /// The host's action budget was spent.
    case budget
}

/// The time after a storm of failures in which nothing disruptive is done.
struct Storm: Hashable, Sendable {
    var cause: StormCause
    /// When the freeze ended, or the budget ran out.
    var since: MonotonicInstant
    /// When the budget that ran out allows more. As long as it is the same, it is the same storm.
    var budgetUntil: MonotonicInstant?
}

extension RecoveryEngine {
    /// When the cooldown after the last storm is over, by the policy in force.
    var stormEnd: MonotonicInstant? { self.host.storm.map { $0.since + self.policy.guards.stormCooldown } }

    /// The first to act after a storm would be all at once: whatever caused it is given time to show whether it is over.
    func stormReasonToHold() -> Hold? {
        guard let storm = self.host.storm, let end = self.stormEnd, end > self.now.monotonic else { return nil }
        return .storm(after: storm.cause, until: end)
    }

    /// - Parameter budgetUntil: when the host's budget allows more, where it ran out.
    mutating func beginStorm(_ cause: StormCause, budgetUntil: MonotonicInstant? = nil) {
        guard self.policy.guards.stormCooldown > .zero else { return }
        if let budgetUntil, self.host.storm?.budgetUntil == budgetUntil { return }
        self.host.storm = Storm(cause: cause, since: self.now.monotonic, budgetUntil: budgetUntil)
        self.armStormTimer()
    }

    mutating func armStormTimer() {
        guard let end = self.stormEnd, end > self.now.monotonic else { return }
        self.armHostTimer(.storm, at: end)
    }
}
