import Policy
import ResilienceCore

// Limits that the components of a group have together, besides the host's.

extension RecoveryEngine {
    /// Why the group of a component holds back a disruptive action on it.
    mutating func groupReasonToHold(_ index: Int) -> Hold? {
        let now = self.now.monotonic
        guard let name = self.machines[index].component.group, var group = self.host.groups[name] else { return nil }
        if group.isFrozen { return .frozen(group: name) }
        if let most = group.limits.maxConcurrent, group.inFlight + self.orphans(in: name) >= most {
            return .concurrency(group: name)
        }
        if let least = group.limits.minHealthyInGroup, self.machines[index].isServing {
            // Its repair takes it out of service; one that serves no more has nothing to lose.
            let left = group.members.count { $0 != index && self.machines[$0].isServing }
            if left < least { return .tooFewHealthy(group: name) }
        }
        guard group.limits.maxActions != nil else { return nil }
        let allowed = group.budget.nextAllowed(at: now)
        self.host.groups[name] = group
        return allowed.map { .budget(group: name, until: $0) }
    }

    /// Actions under way whose component left the policy meanwhile, and belongs to the group again.
    private func orphans(in group: String) -> Int {
        self.host.orphans.values.count { request in
            self.indexByName[request.component].map { self.machines[$0].component.group == group } ?? false
        }
    }

    mutating func spendGroupBudget(_ index: Int) {
        guard let name = self.machines[index].component.group else { return }
        self.host.groups[name]?.inFlight += 1
        self.spendFromGroup(index)
    }

    /// The budget alone; what is under way on its own counts as that.
    mutating func spendFromGroup(_ index: Int) {
        guard let name = self.machines[index].component.group else { return }
        if self.host.groups[name]?.limits.maxActions != nil {
            self.host.groups[name]?.budget.spend(at: self.now.monotonic)
        }
    }

    /// A disruptive action on the component is over.
    ///
    /// - Parameter unspent: when it was decided on, where it came to nothing.
    mutating func endInGroup(_ index: Int, unspent: MonotonicInstant?) {
        guard let name = self.machines[index].component.group else { return }
        if let group = self.host.groups[name] { self.host.groups[name]?.inFlight = max(0, group.inFlight - 1) }
        if let unspent { self.host.groups[name]?.budget.refund(unspent) }
    }

    /// Counts anew what the groups look at.
    mutating func recountGroups() {
        for name in self.host.groups.keys {
            let members = self.host.groups[name]?.members ?? []
            self.host.groups[name]?.unhealthy = members.count { self.machines[$0].countsUnhealthy }
            self.host.groups[name]?.inFlight = members.count { index in
                if case .recovering(let attempt) = self.machines[index].phase { attempt.isDisruptive } else { false }
            }
        }
        for index in self.machines.indices { self.machines[index].countsServing = self.machines[index].isServing }
    }

    /// Tells the group of a component what has changed about it.
    mutating func publishToGroup(_ index: Int, isUnhealthy: Bool) {
        let isServing = self.machines[index].isServing
        let servesAnew = isServing && !self.machines[index].countsServing
        self.machines[index].countsServing = isServing
        guard let name = self.machines[index].component.group, self.host.groups[name] != nil else { return }
        if isUnhealthy != self.machines[index].countsUnhealthy {
            self.host.groups[name]?.unhealthy += isUnhealthy ? 1 : -1
            self.reviewFreeze(of: name)
        }
        guard servesAnew else { return }
        for member in self.host.groups[name]?.members ?? [] {
            if case .failing(.tooFewHealthy) = self.machines[member].phase { self.evaluateLater(member) }
        }
    }

    /// More than `maxUnhealthy` of the members are down: whatever it is, repairing each of them may be wrong.
    mutating func reviewFreeze(of name: String) {
        guard let group = self.host.groups[name], !group.isFrozen, group.isTooMany(group.unhealthy) else { return }
        self.host.groups[name]?.isFrozen = true
        let why = group.freezeText
        self.record(nil, .groupFreezeChanged(group: name, frozen: true, why: why))
        self.alert(nil, .frozen, .high, "Repairs in the group \(name) are held back: \(why).")
    }

    /// As the host's thaw.
    ///
    /// - Returns: whether some group goes on.
    mutating func reviewGroupThaw() -> Bool {
        var isAny = false
        for name in self.host.groups.keys.sorted() {
            guard let group = self.host.groups[name], group.isFrozen else { continue }
            let undecided = group.members.count { self.machines[$0].isUndecided }
            guard !group.isTooMany(group.unhealthy + undecided) else { continue }
            self.host.groups[name]?.isFrozen = false
            self.record(nil, .groupFreezeChanged(group: name, frozen: false, why: group.freezeText))
            isAny = true
        }
        return isAny
    }
}

extension GroupState {
    func isTooMany(_ unhealthy: Int) -> Bool {
        guard let most = self.limits.maxUnhealthy else { return false }
        return self.members.count >= Guards.maxUnhealthyOfAtLeast
            && Double(unhealthy) > most * Double(self.members.count)
    }

    var freezeText: String {
        let limit = self.limits.maxUnhealthy.map { "the limit is \(Int(($0 * 100).rounded())) %" } ?? "it has no limit"
        return "\(self.unhealthy) of \(self.members.count) members are down; \(limit)"
    }
}

extension ComponentMachine {
    /// It serves, well or not so well: a repair would interrupt that.
    var isServing: Bool {
        switch self.phase {
        case .recovering, .isolated, .stopped: false
        case .starting, .healthy, .suspect, .failing, .verifying, .exhausted, .suppressed:
            self.verdict == .up || self.verdict == .degraded
        }
    }

    /// It has to be looked at before it can be said whether it is down.
    var isUndecided: Bool {
        switch self.phase {
        case .starting, .failing(.evidence), .failing(.dependencyInDoubt), .failing(.networkInDoubt): true
        case .healthy, .suspect, .failing, .recovering, .verifying, .exhausted, .suppressed, .isolated, .stopped: false
        }
    }
}
