import Policy
import ResilienceCore

/// What concerns the components of one group together.
struct GroupState: Sendable {
    var limits = GroupLimits()
    /// Indices of the components.
    var members: [Int] = []
    /// Means something where the limits have `maxActions`; otherwise it keeps what was spent when they had.
    var budget = SlidingBudget(count: 0, per: .zero)
    /// Too many members are down: nothing disruptive is done to any.
    var isFrozen = false
    /// Members that are down by themselves.
    var unhealthy = 0
    /// Disruptive actions under way on members.
    var inFlight = 0

    /// Nothing of it has to be remembered once the policy no longer names it.
    var isForgettable: Bool { !self.isFrozen && self.budget.spent.isEmpty }

    mutating func apply(_ limits: GroupLimits, at now: MonotonicInstant) {
        self.limits = limits
        if let actions = limits.maxActions {
            self.budget.count = actions.count
            self.budget.per = actions.per
        }
        _ = self.budget.nextAllowed(at: now)
    }

    func snapshotToSave(at now: Moment) -> SavedGroup {
        SavedGroup(actions: self.budget.spent.map(now.wall(at:)), frozen: self.isFrozen)
    }
}

extension HostState {
    /// What is known of groups is kept under new limits; a group without any limit is remembered for what it spent.
    mutating func applyGroups(of policy: PolicySnapshot, at now: MonotonicInstant) {
        for name in self.groups.keys {
            self.groups[name]?.members = []
            if policy.groups[name] == nil { self.groups[name]?.apply(GroupLimits(), at: now) }
        }
        for (name, limits) in policy.groups { self.groups[name, default: GroupState()].apply(limits, at: now) }
        for (index, component) in policy.components.enumerated() {
            guard let name = component.group else { continue }
            if policy.guards.minHealthyInGroup != nil {
                self.groups[name, default: GroupState()].members.append(index)
            } else {
                self.groups[name]?.members.append(index)
            }
        }
        if let least = policy.guards.minHealthyInGroup {
            for name in self.groups.keys where self.groups[name]?.limits.minHealthyInGroup == nil {
                self.groups[name]?.limits.minHealthyInGroup = least
            }
        }
        self.groups = self.groups.filter {
            policy.groups[$0.key] != nil || !$0.value.members.isEmpty || !$0.value.isForgettable
        }
    }

    mutating func restoreGroups(_ saved: [String: SavedGroup], at now: Moment) {
        for (name, group) in saved {
            self.groups[name, default: GroupState()].budget.restore(group.actions.map(now.monotonic(at:)))
            self.groups[name]?.isFrozen = group.frozen
        }
    }
}
