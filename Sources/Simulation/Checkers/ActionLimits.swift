import Policy
import RecoveryEngine
import ResilienceCore

/// A unit never has two actions of ours in flight, nor an action and a question about an older one.
struct OneActionPerUnit: Checker {
    static let invariant = "one action in flight per unit"

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        guard case .considered(.act(let request)) = fact, knowledge.isDisruptive(request) else { return nil }
        for other in knowledge.inFlight.values.sorted(by: { $0.id < $1.id }) {
            let isSame = other.component == request.component && other.origin != .aside
            if isSame || !other.touched.isDisjoint(with: request.touched) {
                return "action \(request.id) on \(request.component) while \(other.id) has not ended"
            }
        }
        return nil
    }
}

/// No window of `maxActions.per` holds more than `maxActions.count` disruptive actions, on the host or in a group,
/// whatever restarts lie within.
struct ActionBudgetHolds: Checker {
    static let invariant = "maxActions holds in every window"
    /// An account and what is allowed by it; the host's own has no group.
    private struct Account {
        var group: String?
        var budget: Guards.ActionBudget
    }

    /// When each action was decided, and the budgets in force then: a policy that is loaded a moment later speaks of
    /// later decisions.
    private var decided: [Int64: (at: MonotonicInstant, accounts: [Account])] = [:]
    private var done: [String?: [MonotonicInstant]] = [:]
    /// Wall times written down before a jump forward say too little after a restart; nobody can know better.
    private var jumpedAt: MonotonicInstant?

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .wallMoved(let duration) where duration > .zero: self.jumpedAt = now
        case .supervisorStarted:
            if let jumpedAt = self.jumpedAt { self.done = self.done.mapValues { $0.filter { $0 > jumpedAt } } }
            self.jumpedAt = nil
        case .considered(.act(let request)):
            self.decided[request.id] = (now, Self.accounts(request, knowledge))
        case .actionPerformed(let request) where knowledge.isDisruptive(request):
            let (at, accounts) = self.decided[request.id] ?? (now, Self.accounts(request, knowledge))
            for account in accounts {
                self.done[account.group, default: []].append(at)
                let done = self.done[account.group, default: []]
                let budget = account.budget
                // One that was decided on earlier may begin later: every window from then on is looked at.
                for end in done where end >= at {
                    // What was written down is rounded to microseconds.
                    let within = done.count { $0 <= end && end - $0 < budget.per - .milliseconds(1) }
                    guard within > budget.count else { continue }
                    let place = account.group.map { " in the group \($0)" } ?? ""
                    return "\(within) actions within \(seconds(budget.per))\(place); \(budget.count) are allowed"
                }
            }
        default: break
        }
        return nil
    }

    private static func accounts(_ request: ActionRequest, _ knowledge: Knowledge) -> [Account] {
        var accounts = [Account(budget: knowledge.policy.guards.maxActions)]
        if let group = knowledge.components[request.component]?.group,
            let budget = knowledge.policy.groups[group]?.maxActions
        {
            accounts.append(Account(group: group, budget: budget))
        }
        return accounts
    }
}

/// Never more disruptive actions in flight than `maxConcurrent`.
struct MaxConcurrentHolds: Checker {
    static let invariant = "maxConcurrent holds"

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        guard case .considered(.act(let request)) = fact, knowledge.isDisruptive(request) else { return nil }
        // What a level of degradation stops may take its time, and no repair waits for that.
        let others = knowledge.inFlight.values.count {
            !$0.isOfHost && $0.drill == nil && ($0.unit != nil || knowledge.isDisruptive($0))
        }
        let most = knowledge.policy.guards.maxConcurrent
        if others >= most { return "action \(request.id) is number \(others + 1) in flight; \(most) are allowed" }
        guard let group = knowledge.components[request.component]?.group,
            let most = knowledge.policy.groups[group]?.maxConcurrent
        else { return nil }
        let members = knowledge.inFlight.values.count {
            $0.unit != nil && $0.drill == nil && knowledge.components[$0.component]?.group == group
        }
        guard members >= most else { return nil }
        return "action \(request.id) is number \(members + 1) in flight in the group \(group); \(most) are allowed"
    }
}

/// An action begins only when its intent is in the audit trail for certain.
struct IntentBeforeEffect: Checker {
    static let invariant = "intent is durable before the effect"
    private var durable: Set<Int64> = []
    private var tail: Set<Int64> = []

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .committed(let effects, let isDurable):
            for case .record(let record) in effects {
                if case .actionIntended(let id, _, _, _, _, _) = record.body { self.tail.insert(id) }
            }
            if isDurable {
                self.durable.formUnion(self.tail)
                self.tail = []
            }
        case .actionBegun(let request):
            if !self.durable.contains(request.id) { return "action \(request.id) begins without a durable intent" }
        default: break
        }
        return nil
    }
}

/// Whatever was intended comes to exactly one end on record.
struct IntentsAreClosed: Checker {
    static let invariant = "every intent is closed exactly once"

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        guard case .ended(let records, _, _) = fact else { return nil }
        var open: Set<Int64> = []
        var closed: Set<Int64> = []
        for record in records {
            switch record.body {
            case .actionIntended(let id, _, _, _, _, _):
                if !open.insert(id).inserted || closed.contains(id) { return "action \(id) was intended twice" }
            case .actionFinished(let id, _):
                if closed.contains(id) { return "action \(id) ended twice" }
                if open.remove(id) == nil { return "action \(id) ended without having been intended" }
                closed.insert(id)
            default: break
            }
        }
        return open.isEmpty ? nil : "never ended: \(open.sorted())"
    }
}

/// An action's number is carried out at most once, and never given to another.
struct NothingIsDoneTwice: Checker {
    static let invariant = "no action is carried out twice"
    private var performed: Set<Int64> = []
    private var begun: Set<Int64> = []

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .actionBegun(let request):
            return self.begun.insert(request.id).inserted ? nil : "action \(request.id) is begun again"
        case .actionPerformed(let request):
            return self.performed.insert(request.id).inserted ? nil : "action \(request.id) is carried out again"
        default: return nil
        }
    }
}

/// A decision is about the invocation seen last and the policy in force, and only about what that policy names.
struct ActionsAreFresh: Checker {
    static let invariant = "actions are about the present"

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        guard case .considered(.act(let request)) = fact else { return nil }
        // What a drill did is taken back where it was done.
        if case .takeBack = request.drill { return nil }
        guard let component = knowledge.components[request.component] else {
            // What was lent to one that leaves is given back.
            if request.origin == .aside { return nil }
            return "action \(request.id) on \(request.component), which no policy names"
        }
        if request.policyGeneration != knowledge.generation {
            return "action \(request.id) by policy \(request.policyGeneration); \(knowledge.generation) is in force"
        }
        guard let unit = request.unit else { return nil }
        // A barrier is lifted where it lies.
        var isTakenBack = request.order == .endIsolation
        if case .failOver(let order) = request.order { isTakenBack = order.isPutBack && order.from == unit }
        if knowledge.activeUnit(of: component) != unit, !isTakenBack {
            return "action \(request.id) on \(unit), which \(component.name) does not have"
        }
        guard let seen = knowledge.units[unit] else { return "action \(request.id) on \(unit), never seen" }
        if seen.isDoubtful { return "action \(request.id) on \(unit), of which nothing is known" }
        if seen.observation.invocationID != request.expectedInvocationID {
            return "action \(request.id) expects \(request.expectedInvocationID ?? "-"); seen last was "
                + "\(seen.observation.invocationID ?? "-")"
        }
        return nil
    }
}
