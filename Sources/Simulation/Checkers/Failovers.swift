import Policy
import RecoveryEngine
import ResilienceCore

/// Of the members of a failover we never start one while another runs, whatever anybody knows: a member that somebody
/// else starts once ours is on its way is not ours to prevent.
struct NeverTwoActive: Checker {
    static let invariant = "never two active members"
    private var running: [String: (by: Fact.Hand, since: MonotonicInstant)] = [:]
    /// From the last look at the others until systemd has the job.
    private static let blink = Duration.milliseconds(50)

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .processEnded(let unit, _): self.running[unit] = nil
        case .processBegan(let unit, let hand, let askedAt):
            defer { self.running[unit] = (hand, now) }
            guard hand == .us else { return nil }
            for component in knowledge.policy.components where component.unit == unit {
                guard let standby = knowledge.facts[component.name]?.abandoned, self.running[standby] != nil else {
                    continue
                }
                return "\(unit) is started while \(standby) runs, which had taken over and left the policy"
            }
            for component in knowledge.policy.components where component.isExclusive {
                guard component.members.contains(unit) else { continue }
                for other in component.members where other != unit {
                    guard let rival = self.running[other] else { continue }
                    if rival.by != .us, rival.since > askedAt - Self.blink { continue }
                    return "\(unit) is started while \(other) runs, since \(seconds(rival.since))"
                }
            }
        default: break
        }
        return nil
    }
}

/// A standby takes over, or clients are pointed elsewhere, once in an incident; being put back is no second time.
struct OneFailoverPerIncident: Checker {
    static let invariant = "one failover an incident"
    private var begun: [Int64: ActionRequest] = [:]
    private var done: Set<Int64> = []

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .considered(.act(let request)), .considered(.reconcile(let request)):
            guard ["FAILOVER", "SWITCH_ENDPOINT"].contains(request.action), request.origin == .step else { return nil }
            self.begun[request.id] = request
            guard self.done.contains(request.incident) else { return nil }
            return "\(request.component): action \(request.id) is one more within incident \(request.incident)"
        case .told(.actionFinished(let id, let outcome)) where outcome.result == .succeeded:
            if let request = self.begun[id] { self.done.insert(request.incident) }
        // What was written down of it may be lost with the power.
        case .supervisorEnded(let lost): if !lost.isEmpty { self.done = [] }
        // Numbers of what was never written down are given anew.
        case .supervisorStarted: self.begun = [:]
        default: break
        }
        return nil
    }
}

/// The unit that serves is the one that is watched: where one member alone has been running for long, it is the active
/// one, or something is being done.
struct WhatRunsIsWatched: Checker {
    static let invariant = "what runs is watched"
    private var running: Set<String> = []
    private var since: [String: MonotonicInstant] = [:]
    private static let patience = Duration.seconds(30)

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .processBegan(let unit, _, _): self.running.insert(unit)
        case .processEnded(let unit, _): self.running.remove(unit)
        case .supervisorStarted, .told(.policyLoaded), .told(.stalled), .told(.unitsUnknown): self.since = [:]
        case .told(.deadline): return self.look(now, knowledge)
        default: break
        }
        return nil
    }

    private mutating func look(_ now: MonotonicInstant, _ knowledge: Knowledge) -> String? {
        for component in knowledge.policy.components where component.isExclusive && component.mode == .auto {
            let alive = component.members.filter(self.running.contains)
            let isSettled =
                knowledge.incidents[component.name] == nil && !knowledge.isPaused(component.name, at: now)
                && !knowledge.isUnrecorded
            guard isSettled, alive.count == 1, knowledge.activeUnit(of: component) != alive[0] else {
                self.since[component.name] = nil
                continue
            }
            let since = self.since[component.name] ?? now
            self.since[component.name] = since
            if now - since > Self.patience {
                return "\(alive[0]) alone runs for \(component.name), and "
                    + "\(knowledge.activeUnit(of: component) ?? "nothing") is taken for the active unit"
            }
        }
        return nil
    }
}

/// What a failover stopped is started again where the standby did not come up: a service that limped must not be left
/// dead.
struct FencedIsNotForgotten: Checker {
    static let invariant = "what was fenced is not left dead"
    /// Units that we stopped for a failover while they ran, by component, and the action that did.
    private var fenced: [String: (unit: String, action: Int64)] = [:]
    private var running: Set<String> = []

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .stepTaken(let request, .stop(let unit, _)):
            // A standby that did not come up well is rightly stopped.
            guard case .failOver(let order) = request.order, unit == order.from, !order.isPutBack,
                self.running.contains(unit)
            else {
                return nil
            }
            self.fenced[request.component] = (unit, request.id)
        case .told(.actionFinished(let id, let outcome)) where outcome.result == .refused:
            // Nothing was touched.
            self.fenced = self.fenced.filter { $0.value.action != id }
        case .processEnded(let unit, _): self.running.remove(unit)
        case .processBegan(let unit, _, _):
            self.running.insert(unit)
            self.fenced = self.fenced.filter { $0.value.unit != unit }
        case .told(.policyLoaded), .supervisorEnded: self.fenced = [:]
        case .considered(.record(let record)):
            // Whoever took over has proven itself: what happens to it later is another story.
            if case .incidentResolved = record.body, let name = record.component { self.fenced[name] = nil }
            guard case .incidentExhausted = record.body, let name = record.component,
                let unit = self.fenced[name]?.unit,
                let members = knowledge.components[name]?.members, self.running.isDisjoint(with: members)
            else { return nil }
            return "\(name) is given up with \(unit) stopped by us, and nothing was started since"
        default: break
        }
        return nil
    }
}
