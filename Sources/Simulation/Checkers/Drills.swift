import Policy
import RecoveryEngine
import ResilienceCore

/// A fault is put only into what is well, will be repaired, and harms nobody else; one drill at a time, each once.
struct DrillsAreSafe: Checker {
    static let invariant = "drills are safe"
    /// When repairs were decided on that were carried out.
    private var spent: [MonotonicInstant] = []
    private var decidedAt: [Int64: MonotonicInstant] = [:]
    /// Wall times written down before a jump forward say too little after a restart.
    private var jumpedAt: MonotonicInstant?
    private var injected: Set<Int64> = []
    private var underWay: Int64?

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .wallMoved(let duration) where duration > .zero: self.jumpedAt = now
        case .supervisorStarted(_, let restored):
            if let jumpedAt = self.jumpedAt { self.spent.removeAll { $0 <= jumpedAt } }
            self.jumpedAt = nil
            self.underWay = restored.host.drill.flatMap { $0.isUnderWay ? $0.id : nil }
        case .considered(.record(let record)):
            switch record.body {
            case .drillBegun(let beginning):
                if let other = self.underWay { return "drill \(beginning.cause.id) while \(other) is under way" }
                self.underWay = beginning.cause.id
            case .drillEnded(let id, _, _) where self.underWay == id: self.underWay = nil
            case .drillEnded(let id, _, _): return "the end of drill \(id), which is not under way"
            default: break
            }
        case .considered(.act(let request)):
            self.decidedAt[request.id] = now
            guard case .inject(let fault) = request.drill else { return nil }
            return self.objection(request, fault, now, knowledge).map {
                "drill \(request.id) of \(request.component): \($0)"
            }
        case .actionPerformed(let request):
            if case .inject = request.drill {
                return self.injected.insert(request.id).inserted ? nil : "a second fault of drill \(request.id)"
            }
            if knowledge.isDisruptive(request) { self.spent.append(self.decidedAt[request.id] ?? now) }
        default: break
        }
        return nil
    }

    private func objection(
        _ request: ActionRequest, _ fault: DrillFault, _ now: MonotonicInstant, _ knowledge: Knowledge
    ) -> String? {
        let name = request.component
        guard let component = knowledge.components[name], let unit = request.unit else { return "no policy names it" }
        if self.underWay != request.id { return "it is not on record" }
        if component.mode != .auto { return "its mode is \(component.mode.rawValue)" }
        if knowledge.isPaused(name, at: now) { return "it is paused" }
        if knowledge.isUnrecorded { return "nothing can be recorded" }
        if knowledge.isFrozen(name) { return "automation is frozen" }
        if knowledge.latched.contains(name) { return "it is latched" }
        if knowledge.stopped.contains(name) { return "an operator stopped it" }
        if let incident = knowledge.incidents[name] { return "incident \(incident.id) is open" }
        if let breaker = knowledge.breakers[name], breaker != "closed" { return "its breaker is \(breaker)" }
        if knowledge.isInDoubt(name) { return "a check of it fails" }
        if !component.recovery.contains(where: \.strategy.traits.isDisruptive) { return "nothing would repair it" }
        if fault == .hang, !component.checks.contains(where: { $0.enabled && !$0.kind.isUnit }) {
            return "nothing would notice"
        }
        return self.objection(to: unit, of: component, now, knowledge)
            ?? self.objectionAround(component, now, knowledge)
    }

    private func objection(
        to unit: String, of component: Component, _ now: MonotonicInstant, _ knowledge: Knowledge
    ) -> String? {
        guard let seen = knowledge.units[unit], !seen.isDoubtful else { return "nothing is known of its unit" }
        if seen.observation.activeState != .active { return "its unit is \(seen.observation.activeState.rawValue)" }
        if seen.observation.job != nil { return "a job is in flight" }
        if knowledge.inFlight.values.contains(where: { $0.touched.contains(unit) }) { return "an action is in flight" }
        guard let since = seen.activeSince, now - since < component.startupGrace - .milliseconds(50) else { return nil }
        return "it was started \(seconds(now - since)) ago"
    }

    private func objectionAround(
        _ component: Component, _ now: MonotonicInstant, _ knowledge: Knowledge
    ) -> String? {
        // Those that need each other in a circle do not wait for each other.
        let needy = knowledge.policy.components.filter { knowledge.awaited(by: $0.name).contains(component.name) }
        if let other = needy.first(where: { knowledge.incidents[$0.name] != nil }) {
            return "\(other.name), which needs it, is not well"
        }
        if let other = knowledge.awaited(by: component.name).sorted().first(where: {
            knowledge.incidents[$0] != nil
        }) {
            return "\(other), which it needs, is not well"
        }
        let budget = knowledge.policy.guards.maxActions
        let spent = self.spent.count { now - $0 < budget.per - .milliseconds(1) }
        if (budget.count - spent) * 2 < budget.count { return "\(spent) of \(budget.count) actions are spent" }
        guard let group = component.group,
            let least = knowledge.policy.groups[group]?.minHealthyInGroup
                ?? knowledge.policy.guards.minHealthyInGroup
        else { return nil }
        let left = knowledge.policy.components.count {
            $0.group == group && $0.name != component.name && !knowledge.isSurelyDown($0.name)
        }
        return left < least ? "only \(left) others of \(group) could serve" : nil
    }
}

/// A drill comes to an end, and no process stays stopped.
struct DrillsAreTakenBack: Checker {
    static let invariant = "nothing of a drill stays behind"

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .drillsOver(let stopped):
            return stopped.isEmpty ? nil : "still stopped: \(stopped.sorted().joined(separator: ", "))"
        case .ended(let records, _, let settled) where settled:
            var open: Set<Int64> = []
            for record in records {
                if case .drillBegun(let beginning) = record.body { open.insert(beginning.cause.id) }
                if case .drillEnded(let id, _, _) = record.body, open.remove(id) == nil {
                    return "drill \(id) ended twice, or never began"
                }
            }
            return open.isEmpty ? nil : "never ended: drills \(open.sorted())"
        default: return nil
        }
    }
}
