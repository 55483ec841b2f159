import Policy
import RecoveryEngine
import ResilienceCore

/// Nothing disruptive is done while paused, observing, frozen or unable to record, nor without evidence since the last
/// doubt.
struct NoActionWhileHeld: Checker {
    static let invariant = "no action while held back"

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        guard case .considered(.act(let request)) = fact, knowledge.isDisruptive(request) else { return nil }
        let name = request.component
        let what = "action \(request.id) on \(name)"
        if knowledge.isPaused(name, at: now) { return "\(what) while paused" }
        if knowledge.components[name]?.mode == .observe { return "\(what), which is only observed" }
        if knowledge.latched.contains(name) { return "\(what), which is latched" }
        if knowledge.isFrozen(name) { return "\(what) while frozen" }
        if knowledge.isUnrecorded { return "\(what) while nothing can be recorded" }
        guard let component = knowledge.components[name], request.origin == .step else { return nil }
        // Doubt takes away what was known: something must have been seen to fail since, by this very process.
        if component.checks.contains(where: { $0.enabled && knowledge.wasSilent(name, $0, at: now) }) { return nil }
        let histories = component.checks.filter(\.enabled).compactMap { check in
            knowledge.checks[name]?[check.name].map { (check, $0) }
        }
        let isShown = histories.contains { check, history in
            history.recent.contains(true) && (check.kind.isUnit || history.lastAt >= knowledge.doubtAt)
        }
        return isShown ? nil : "\(what) with no failed check since the last doubt"
    }
}

/// What people or systemd itself have in hand is left to them.
struct NoActionOnForeignHands: Checker {
    static let invariant = "the hands of others are respected"

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        guard case .considered(.act(let request)) = fact, knowledge.isDisruptive(request) else { return nil }
        let what = "action \(request.id) on \(request.component)"
        if knowledge.stopped.contains(request.component) { return "\(what), which an operator stopped" }
        guard let unit = request.unit, let seen = knowledge.units[unit]?.observation else { return nil }
        if let job = seen.job, !job.isOurs { return "\(what) while job \(job.id) of somebody else is in flight" }
        // A failover stops it first, and is for a unit that systemd has restarted in vain.
        if seen.subState.hasPrefix("auto-restart"), !(request.isFailover && seen.restarts >= 5) {
            return "\(what) while systemd restarts it itself"
        }
        return nil
    }
}

/// With more than `maxUnhealthy` of the host, or of a group, surely down, automation stands still there.
struct FreezeHolds: Checker {
    static let invariant = "maxUnhealthy freezes"

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        guard case .considered(.act(let request)) = fact, knowledge.isDisruptive(request) else { return nil }
        let all = knowledge.policy.components
        if let what = self.excess(among: all, most: knowledge.policy.guards.maxUnhealthy, knowledge) {
            return "action \(request.id) with \(what)"
        }
        guard let group = knowledge.components[request.component]?.group,
            let most = knowledge.policy.groups[group]?.maxUnhealthy,
            let what = self.excess(among: all.filter { $0.group == group }, most: most, knowledge)
        else { return nil }
        return "action \(request.id) in the group \(group) with \(what)"
    }

    private func excess(among all: [Component], most: Double, _ knowledge: Knowledge) -> String? {
        guard all.count >= Guards.maxUnhealthyOfAtLeast else { return nil }
        let down = all.filter { component in
            guard let incident = knowledge.incidents[component.name], incident.rootCause == nil else { return false }
            // One that something it needs may have pulled down does not count by itself until that is known.
            return knowledge.isSurelyDown(component.name)
                && !knowledge.dependencies(of: component.name).contains(where: knowledge.isInDoubt)
        }
        guard Double(down.count) / Double(all.count) > most else { return nil }
        return "\(down.count) of \(all.count) components down by themselves"
    }
}

/// While a component's breaker is open, nothing is done; it opens when as many recoveries have failed as it says.
struct BreakerHolds: Checker {
    static let invariant = "an open breaker holds"
    /// When verifications failed since the breaker last changed.
    private var failures: [String: [MonotonicInstant]] = [:]
    /// Actions that repair, not only look.
    private var repairs: Set<Int64> = []

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .supervisorEnded, .told(.operatorAsked(.resume)): self.failures = [:]
        case .considered(.forgetComponent(let name)): self.failures[name] = []
        case .considered(.record(let record)):
            guard let name = record.component else { return nil }
            if case .breakerChanged = record.body { self.failures[name] = [] }
            // A number whose intent was lost in a crash is given again.
            if case .actionIntended(let id, _, _, _, let unit, _) = record.body {
                if unit == nil { self.repairs.remove(id) } else { self.repairs.insert(id) }
            }
            guard case .verification(let id, succeeded: false, _) = record.body, self.repairs.contains(id),
                let component = knowledge.components[name],
                component.checks.allSatisfy({ $0.severity >= component.breaker.minSeverity })
            else { return nil }
            self.failures[name, default: []].append(now)
        // Taking back is no repair, and an isolated unit has a time of its own.
        case .considered(.act(let request)) where knowledge.isDisruptive(request) && request.origin == .step:
            let name = request.component
            if let state = knowledge.breakers[name], state.lowercased() == "open" {
                return "action \(request.id) on \(name) with its breaker open"
            }
            guard let policy = knowledge.components[name]?.breaker else { return nil }
            let recent = (self.failures[name] ?? []).filter { now - $0 < policy.window }
            if recent.count >= policy.failures {
                return "action \(request.id) on \(name) after \(recent.count) failed recoveries within "
                    + "\(seconds(policy.window)), and the breaker did not open"
            }
        default: break
        }
        return nil
    }
}

/// After a start, endpoints that do not answer yet are no reason to start again, until the grace is over.
struct GraceIsRespected: Checker {
    static let invariant = "a slow start is waited for"
    /// Components whose endpoint passed since their unit's present start.
    private var passed: Set<String> = []

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .told(.probeFinished(_, let component, _, let result)) where result.verdict == .up:
            self.passed.insert(component)
        case .told(.beat(let component, _)): self.passed.insert(component)
        case .told(.unitObserved(let unit, _)):
            for component in knowledge.policy.components where knowledge.activeUnit(of: component) == unit {
                if knowledge.units[unit]?.activeSince == now { self.passed.remove(component.name) }
            }
        case .considered(.act(let request)) where knowledge.isDisruptive(request):
            guard let unit = request.unit, let component = knowledge.components[request.component],
                let seen = knowledge.units[unit], seen.observation.activeState == .active,
                let since = seen.activeSince, !self.passed.contains(component.name)
            else { return nil }
            let isUnitTrouble = component.checks.contains { check in
                guard case .unit(let rule) = check.kind else { return false }
                return check.enabled && !rule.states.contains(ActiveState.active.rawValue)
            }
            // The grace counts from the start itself; the word of it was under way for a few milliseconds.
            if !isUnitTrouble, request.origin != .plan, now - since < component.startupGrace - .milliseconds(50) {
                return "action \(request.id) on \(component.name) \(seconds(now - since)) after its start; "
                    + "its grace is \(seconds(component.startupGrace))"
            }
        default: break
        }
        return nil
    }
}

extension ActionRequest {
    fileprivate var isFailover: Bool { if case .failOver = self.order { true } else { false } }
}
