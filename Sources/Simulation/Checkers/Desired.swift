import Policy
import RecoveryEngine
import ResilienceCore

/// A unit that ought to run is not left stopped, but while repairs are held back; one that may be stopped is not taken
/// back.
struct DesiredIsKept: Checker {
    static let invariant = "what ought to run is not left stopped"
    private var stoppedSince: [String: MonotonicInstant] = [:]
    private static let patience = Duration.seconds(10)

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .supervisorStarted, .supervisorEnded, .wallMoved, .told(.policyLoaded), .told(.stalled),
            .told(.unitsUnknown):
            self.stoppedSince = [:]
        case .told: return self.look(now, knowledge)
        default: break
        }
        return nil
    }

    private mutating func look(_ now: MonotonicInstant, _ knowledge: Knowledge) -> String? {
        for component in knowledge.policy.components {
            let name = component.name
            guard component.desired == .running, component.mode != .observe, knowledge.stopped.contains(name),
                !knowledge.isShed(name),
                !knowledge.isPaused(name, at: now), knowledge.policy.maintenance.isEmpty,
                let unit = knowledge.activeUnit(of: component), let seen = knowledge.units[unit], !seen.isDoubtful,
                seen.observation.activeState == .inactive || seen.observation.activeState == .failed,
                seen.observation.job == nil, seen.observation.loadState == "loaded",
                !knowledge.inFlight.values.contains(where: { $0.component == name })
            else {
                self.stoppedSince[name] = nil
                continue
            }
            let since = self.stoppedSince[name] ?? now
            self.stoppedSince[name] = since
            if now - since > Self.patience { return "\(name) has been left stopped for \(seconds(now - since))" }
        }
        return nil
    }
}
