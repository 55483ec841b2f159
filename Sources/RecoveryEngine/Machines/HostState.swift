import Policy
import ResilienceCore

/// What concerns the host as a whole.
struct HostState: Sendable {
    var nextIncident: Int64 = 1
    var nextAction: Int64 = 1
    var budget: SlidingBudget
    var pausedUntil: MonotonicInstant?
    var pauseReason: String?
    /// Too many components are down: automation does nothing disruptive.
    var isFrozen = false
    /// Why the audit trail cannot be written.
    var unrecorded: String?
    /// Why nothing is known of any unit.
    var unitsUnknown: String?
    /// The connectivity gate fails.
    var isDisconnected = false
    /// Components that are down by themselves.
    var unhealthy = 0
    /// Disruptive actions under way.
    var inFlight = 0
    /// Actions under way whose component has left the policy: their intents still have to be closed.
    var orphans: [Int64: ActionRequest] = [:]
    /// The last storm; it holds automation back as long as its cooldown lasts.
    var storm: Storm?
    /// Groups that have limits, or whose past still counts.
    var groups: [String: GroupState] = [:]
    var degradation = HostDegradation()
    var frost = FrostLooks()
    /// The last drill.
    var drill: SavedDrill?
    /// When it has to be looked at, at the latest.
    var drillDueAt: MonotonicInstant?
    var saved: SavedHost?

    init(guards: Guards) {
        self.budget = SlidingBudget(count: guards.maxActions.count, per: guards.maxActions.per)
    }

    mutating func apply(_ guards: Guards) {
        self.budget.count = guards.maxActions.count
        self.budget.per = guards.maxActions.per
    }

    mutating func restore(_ saved: SavedHost, at now: Moment) {
        self.nextIncident = max(self.nextIncident, saved.nextIncident)
        self.nextAction = max(self.nextAction, saved.nextAction)
        self.budget.restore(saved.actions.map(now.monotonic(at:)))
        if let until = saved.pausedUntil, until > now.wall {
            self.pausedUntil = now.monotonic + (until - now.wall)
            self.pauseReason = "by an operator, before the supervisor's last start"
        }
        self.isFrozen = saved.frozen
        for request in saved.orphans { self.orphans[request.id] = request }
        self.storm = saved.storm.map { Storm(cause: $0.cause, since: now.monotonic(at: $0.since)) }
        self.restoreGroups(saved.groups, at: now)
        self.drill = saved.drill
        self.saved = saved
    }

    func snapshotToSave(at now: Moment) -> SavedHost {
        SavedHost(
            nextIncident: self.nextIncident, nextAction: self.nextAction, actions: self.budget.spent.map(now.wall(at:)),
            pausedUntil: self.pausedUntil.map(now.wall(at:)), frozen: self.isFrozen,
            orphans: self.orphans.values.sorted { $0.id < $1.id },
            storm: self.storm.map { SavedStorm(cause: $0.cause, since: now.wall(at: $0.since)) },
            groups: self.groups.filter { !$0.value.isForgettable }.mapValues { $0.snapshotToSave(at: now) },
            degradation: self.degradation.snapshotToSave(), drill: self.drill)
    }
}

// Wall times recomputed from the monotonic clock wander by microseconds between two readings; that is no change worth
// a write.

extension SavedHost {
    func isSame(as other: SavedHost?) -> Bool {
        guard let other else { return false }
        return self.nextIncident == other.nextIncident && self.nextAction == other.nextAction
            && self.frozen == other.frozen && self.orphans == other.orphans && self.actions.count == other.actions.count
            && nearlyEqual(self.actions.first, other.actions.first)
            && nearlyEqual(self.actions.last, other.actions.last)
            && nearlyEqual(self.pausedUntil, other.pausedUntil)
            && self.storm?.cause == other.storm?.cause && nearlyEqual(self.storm?.since, other.storm?.since)
            && self.groups.keys == other.groups.keys
            && self.groups.allSatisfy { $0.value.isSame(as: other.groups[$0.key]) }
            && self.degradation == other.degradation && self.drill == other.drill
    }
}

extension SavedGroup {
    fileprivate func isSame(as other: SavedGroup?) -> Bool {
        guard let other else { return false }
        return self.frozen == other.frozen && self.actions.count == other.actions.count
            && nearlyEqual(self.actions.first, other.actions.first)
            && nearlyEqual(self.actions.last, other.actions.last)
    }
}

extension SavedComponent {
    func isSame(as other: SavedComponent?) -> Bool {
        guard let other else { return false }
        return self.incident == other.incident && self.ladder.isSame(as: other.ladder)
            && self.breaker.failures.count == other.breaker.failures.count
            && nearlyEqual(self.breaker.failures.last, other.breaker.failures.last)
            && nearlyEqual(self.breaker.openedAt, other.breaker.openedAt)
            && nearlyEqual(self.pausedUntil, other.pausedUntil)
            && self.stoppedByOperator == other.stoppedByOperator && self.inFlight == other.inFlight
            && self.timeSuspended == other.timeSuspended && self.flap?.latched == other.flap?.latched
            && self.flap?.changes.count == other.flap?.changes.count
            && nearlyEqual(self.flap?.changes.first, other.flap?.changes.first)
            && nearlyEqual(self.flap?.changes.last, other.flap?.changes.last)
            && self.approval?.id == other.approval?.id && self.approval?.approvedBy == other.approval?.approvedBy
            && nearlyEqual(self.approval?.until, other.approval?.until)
            && self.facts == other.facts
    }
}

extension SavedLadder {
    fileprivate func isSame(as other: SavedLadder) -> Bool {
        self.step == other.step && self.attempts == other.attempts && self.backoffLevel == other.backoffLevel
            && nearlyEqual(self.exhaustedAt, other.exhaustedAt) && nearlyEqual(self.resolvedAt, other.resolvedAt)
            && self.lastIncident == other.lastIncident && self.healedByUs == other.healedByUs
    }
}

/// Within the wander of two clocks that are read one after the other (and a step of a slewed wall clock).
private func nearlyEqual(_ left: WallTime?, _ right: WallTime?) -> Bool {
    switch (left, right) {
    case (nil, nil): true
    case (let left?, let right?): abs(left.microseconds - right.microseconds) < 1_000_000
    case (nil, _?), (_?, nil): false
    }
}
