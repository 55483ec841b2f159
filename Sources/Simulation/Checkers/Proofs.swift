import Policy
import RecoveryEngine
import ResilienceCore

/// A repair that was done is called a failure only for something seen after it, or for want of a proof in its time.
struct ProofsAreFair: Checker {
    static let invariant = "proofs are fair"

    private struct Repair {
        var component: String
        /// The process that it was to replace; another one's death is a failure of the repair. `nil` where it was to
        /// mend the one there.
        var replaces: String?
        var finishedAt: MonotonicInstant
        var verify: Duration
        var isFailing = false
    }

    private var actions: [Int64: ActionRequest] = [:]
    /// Actions during which the unit was seen to be down; one that starts nothing is followed by no new process.
    private var downMeanwhile: Set<Int64> = []
    private var repairs: [Int64: Repair] = [:]

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .supervisorStarted:
            self.actions = [:]
            self.downMeanwhile = []
            self.repairs = [:]
        case .considered(.act(let request)), .considered(.reconcile(let request)): self.actions[request.id] = request
        case .told(.actionFinished(let id, let outcome)) where outcome.result == .succeeded:
            guard let request = self.actions[id], let component = knowledge.components[request.component] else {
                return nil
            }
            let step = component.recovery.first { $0.strategy.action == request.action }
            self.repairs[id] = Repair(
                component: component.name,
                // Where nothing is started, the process of before has to do well.
                replaces: request.mayStartUnit ? request.expectedInvocationID : "none", finishedAt: now,
                verify: min(step?.verify ?? .zero, component.startupGrace),
                isFailing: self.downMeanwhile.contains(id))
        case .told(.unitObserved(let unit, let seen)):
            let isDown = [.failed, .inactive, .deactivating].contains(seen.activeState)
            guard isDown || seen.subState.hasPrefix("auto-restart") else { return nil }
            for (id, request) in self.actions where knowledge.activeUnit(of: request.component) == unit {
                if knowledge.inFlight[id] != nil, request.strategy?.traits.startsAnew == false {
                    self.downMeanwhile.insert(id)
                }
            }
            for (id, repair) in self.repairs where knowledge.activeUnit(of: repair.component) == unit {
                if seen.invocationID != repair.replaces { self.repairs[id]?.isFailing = true }
            }
        case .told(.probeFinished(_, let component, _, let result)) where result.verdict != .up:
            for (id, repair) in self.repairs where repair.component == component {
                self.repairs[id]?.isFailing = true
            }
        case .considered(.record(let record)):
            guard case .verification(let id, succeeded: false, let detail) = record.body,
                let repair = self.repairs[id], !repair.isFailing, now - repair.finishedAt < repair.verify
            else { return nil }
            // What starts nothing has not helped against a unit that is down.
            if self.actions[id].map({ !$0.mayStartUnit }) == true,
                let unit = knowledge.activeUnit(of: repair.component),
                let state = knowledge.units[unit]?.observation.activeState, state != .active, state != .activating
            {
                return nil
            }
            // What happened to the new process before the action's end was heard counts as well.
            if let unit = knowledge.activeUnit(of: repair.component), let seen = knowledge.units[unit]?.observation,
                seen.activeState != .active, seen.activeState != .activating, seen.invocationID != repair.replaces
            {
                return nil
            }
            return "\(repair.component): action \(id) is called a failure after \(seconds(now - repair.finishedAt)), "
                + "and nothing failed since (\(detail))"
        default: break
        }
        return nil
    }
}

extension ActionRequest {
    /// It starts the unit, or runs a program that may have asked for a start.
    fileprivate var mayStartUnit: Bool {
        switch self.strategy {
        case .scale, .reduceLoad, .degrade, .switchEndpoint, .resetConnection: false
        case .restart, .healthCheck, .alert, .exec, .clearCache, .rollback, .failover, .circuitBreak, nil: true
        }
    }
}

/// However a component behaves, what is written down about it stays bounded in any minute.
struct TrailIsBounded: Checker {
    static let invariant = "the audit trail is bounded"
    private var written: [String: [MonotonicInstant]] = [:]
    private static let mostPerMinute = 150

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        guard case .considered(.record(let record)) = fact else { return nil }
        let name = record.component ?? "-"
        var recent = self.written[name] ?? []
        recent.append(now)
        if recent.count > Self.mostPerMinute {
            recent.removeAll { now - $0 >= .seconds(60) }
        }
        self.written[name] = recent
        return recent.count > Self.mostPerMinute ? "\(recent.count) records about \(name) within a minute" : nil
    }
}
