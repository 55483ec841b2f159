import Policy
import RecoveryEngine
import ResilienceCore

/// After a freeze of the host has ended nothing disruptive is begun before `stormCooldown` has passed.
struct StormsAreWaitedOut: Checker {
    static let invariant = "a storm is waited out"
    private var thawedAt: MonotonicInstant?

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .wallMoved: self.thawedAt = nil  // after a restart the wall clock alone says how long ago it was
        case .supervisorEnded(let lost):
            if lost.contains(where: \.isThaw) { self.thawedAt = nil }
        case .considered(let effect) where effect.isThaw: self.thawedAt = now
        case .considered(.act(let request)) where knowledge.isDisruptive(request):
            guard let thawedAt = self.thawedAt else { return nil }
            let cooldown = knowledge.policy.guards.stormCooldown
            // What was written down is rounded to microseconds.
            if now - thawedAt < cooldown - .milliseconds(1) {
                return
                    "action \(request.id) \(seconds(now - thawedAt)) after a freeze; its cooldown is \(seconds(cooldown))"
            }
        default: break
        }
        return nil
    }
}

extension Effect {
    /// The host goes on after a freeze.
    fileprivate var isThaw: Bool {
        if case .record(let record) = self, case .freezeChanged(frozen: false, _) = record.body { true } else { false }
    }
}
