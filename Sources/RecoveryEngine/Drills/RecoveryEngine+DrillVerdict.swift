import Policy
import ResilienceCore

// Whether a drill is safe. It is asked for while all is well, so there is no hurry: whatever is in doubt speaks against
// it, and everything that does is said at once.

extension RecoveryEngine {
    /// `nil` where there is no such component.
    public func drillVerdict(on name: String, _ fault: DrillFault, at now: Moment) -> DrillVerdict? {
        guard let index = self.indexByName[name] else { return nil }
        // A copy is asked, since budgets forget what is long past when they are asked.
        var copy = self
        copy.now = now
        return copy.judgeDrill(index, fault)
    }

    mutating func judgeDrill(_ index: Int, _ fault: DrillFault) -> DrillVerdict {
        let machine = self.machines[index]
        let noticing = machine.noticing(fault)
        let repair = self.firstRepair(index, fault)
        var obstacles = self.obstaclesInPolicy(machine, fault, noticing)
        if case .none(let why) = repair { obstacles.append(DrillObstacle(.noRepair, why)) }
        obstacles += self.obstaclesInComponent(machine)
        if machine.flap.isFlapping {
            obstacles.append(DrillObstacle(.latched, "it is latched because it comes and goes"))
        } else if self.wouldLatch(index) {
            obstacles.append(
                DrillObstacle(.latched, "one more failure would latch it: it has come and gone too often lately"))
        }
        obstacles += self.obstaclesInMachine(index)
        obstacles += self.obstaclesOnHost()
        obstacles += self.obstaclesInLimits(index)
        obstacles += self.obstaclesAround(index)
        var step: Step?
        if case .step(let found) = repair { step = found }
        return DrillVerdict(
            component: machine.component.name, fault: fault, unit: machine.activeUnit,
            mainPID: machine.unit?.mainPID ?? 0, obstacles: obstacles, noticedBy: noticing.map(\.name),
            firstRepair: step?.strategy.action, noticeWithin: machine.timeToNotice(noticing),
            healWithin: machine.timeToHeal(by: step))
    }

    // MARK: - What the policy says

    private func obstaclesInPolicy(
        _ machine: ComponentMachine, _ fault: DrillFault, _ noticing: [Check]
    ) -> [DrillObstacle] {
        var obstacles: [DrillObstacle] = []
        let component = machine.component
        if let unit = machine.activeUnit {
            if let why = ProtectedUnits.reason(for: unit) {
                obstacles.append(DrillObstacle(.protectedUnit, "\(unit) is never acted on: \(why)"))
            }
        } else {
            obstacles.append(DrillObstacle(.noUnit, "the component has no unit that a fault could go into"))
        }
        if !component.checks.contains(where: \.enabled) {
            obstacles.append(DrillObstacle(.noCheck, "the component has no check that is enabled"))
        } else if noticing.isEmpty {
            let why =
                fault == .hang
                ? "no check would notice that the process hangs: systemd still sees it run, and the kernel still takes "
                    + "connections for it; it takes an http, exec or heartbeat check, a tcp check with \"expect\", or a "
                    + "certificate check of a server"
                : "no check would notice that the process is gone: add one of type unit"
            obstacles.append(DrillObstacle(.unnoticed, why))
        }
        if component.mode != .auto {
            let why =
                component.mode == .approve
                ? "its mode is approve: the repair would wait for a person"
                : "its mode is observe (its own, or by HEALD_ENABLED=false): nothing would be repaired"
            obstacles.append(DrillObstacle(.mode, why))
        }
        return obstacles
    }

    enum FirstRepair {
        case step(Step)
        case none(why: String)
    }

    /// The step that would be taken first against the fault. Looking again is no repair and does no harm: what comes
    /// after it counts.
    private func firstRepair(_ index: Int, _ fault: DrillFault) -> FirstRepair {
        let machine = self.machines[index]
        let symptom = machine.symptom(of: fault)
        let begin = self.isLadderContinued(index) ? machine.ladder.step : 0
        for (position, step) in machine.component.recovery.enumerated().dropFirst(begin) {
            let attempt = (position == begin && begin > 0 ? machine.ladder.attempts : 0) + 1
            guard step.attempts.allows(attempt) else { continue }
            if case .healthCheck = step.strategy { continue }
            if let symptom, Self.misfit(step, symptom, attempt: attempt) != nil { continue }
            if case .unfit = self.order(for: step, index) { continue }
            guard step.strategy.mends(machine.component) else {
                return .none(
                    why: "the first step of its ladder that would be taken is \(step.strategy.action), which does not "
                        + "bring back a process that is gone or hangs")
            }
            return .step(step)
        }
        return .none(why: "no step of its ladder would be taken against it")
    }

    /// A new incident would go on where the last one left the ladder.
    private func isLadderContinued(_ index: Int) -> Bool {
        guard let resolvedAt = self.machines[index].ladder.resolvedAt else { return false }
        return self.now.monotonic - resolvedAt < self.machines[index].component.rearm
    }

    // MARK: - How the component is

    private func obstaclesInComponent(_ machine: ComponentMachine) -> [DrillObstacle] {
        var obstacles: [DrillObstacle] = []
        if machine.activeUnit != nil {
            if let unit = machine.unit, !machine.isUnitInDoubt {
                if !unit.isUp || unit.mainPID <= 0 || unit.invocationID == nil {
                    obstacles.append(
                        DrillObstacle(.unitNotRunning, "the unit has no main process that runs: \(unit.subState)"))
                }
            } else {
                obstacles.append(DrillObstacle(.blind, "systemd has not told how the unit is"))
            }
        }
        if let incident = machine.incident {
            obstacles.append(DrillObstacle(.openIncident, "incident \(incident.id) of the component is open"))
        }
        if machine.phase != .healthy || machine.verdict != .up {
            obstacles.append(
                DrillObstacle(
                    .notHealthy, "the component is \(machine.phase.name), its checks say \(machine.verdict.rawValue)"))
        }
        // Also where it decides nothing yet, or never will: a member of a composite, one within its grace.
        if machine.phase == .healthy, machine.verdict == .up,
            let failing = machine.trackers.first(where: { $0.check.enabled && $0.isFailing })
        {
            obstacles.append(DrillObstacle(.notHealthy, "its check \(failing.check.name) failed just now"))
        }
        let grace = machine.component.startupGrace
        // A start that seems to lie ahead was before a clock that was set back.
        if let startedAt = machine.unit?.activeEnteredAt, (.zero..<grace).contains(self.now.wall - startedAt) {
            obstacles.append(
                DrillObstacle(.startupGrace, "the unit has run for less than its startupGrace, \(grace.brief)"))
        }
        if let resolvedAt = machine.ladder.resolvedAt {
            let rest = max(machine.component.breaker.window, machine.component.stable)
            let left = rest - (self.now.monotonic - resolvedAt)
            if left > .zero {
                obstacles.append(
                    DrillObstacle(
                        .recentIncident,
                        "its last incident ended less than \(rest.brief) ago: a failure within the next "
                            + "\(left.brief) would count as a repair that did not hold"))
            }
        }
        if machine.breaker.state != .closed {
            obstacles.append(DrillObstacle(.breaker, "its circuit breaker is \(machine.breaker.state.name)"))
        }
        return obstacles
    }

    private func obstaclesInMachine(_ index: Int) -> [DrillObstacle] {
        var obstacles: [DrillObstacle] = []
        let machine = self.machines[index]
        let now = self.now.monotonic
        if let until = machine.pausedUntil, until > now {
            obstacles.append(DrillObstacle(.paused, "its repairs are paused for another \((until - now).brief)"))
        }
        if let open = self.openWindow(machine.component) {
            obstacles.append(
                DrillObstacle(.maintenance, "maintenance window \(open.name): nothing is repaired until it closes"))
        }
        if let unit = machine.unit, unit.job != nil || unit.isBusy {
            obstacles.append(DrillObstacle(.inFlight, "systemd or an operator is working on the unit"))
        }
        if let unit = machine.activeUnit, self.isInHand([unit], besides: -1) {
            obstacles.append(DrillObstacle(.inFlight, "an action of heald's own is at work on the unit"))
        }
        if self.isShed(index) != nil {
            obstacles.append(DrillObstacle(.degraded, "the level of degradation does without the unit"))
        }
        return obstacles
    }

    // MARK: - How the host is

    private func obstaclesOnHost() -> [DrillObstacle] {
        var obstacles: [DrillObstacle] = []
        let now = self.now.monotonic
        if let drill = self.host.drill, drill.isUnderWay || drill.inFlight != nil {
            obstacles.append(DrillObstacle(.drillUnderWay, "drill \(drill.id), of \(drill.component), is under way"))
        }
        if let until = self.host.pausedUntil, until > now {
            obstacles.append(DrillObstacle(.paused, "all repairs are paused for another \((until - now).brief)"))
        }
        if let why = self.host.unrecorded {
            obstacles.append(DrillObstacle(.unrecorded, "the audit trail cannot be written: \(why)"))
        }
        if let why = self.host.unitsUnknown {
            obstacles.append(DrillObstacle(.blind, "nothing is known of any unit: \(why)"))
        }
        if self.host.isDisconnected || !(self.gate.isEmpty || self.isGateUp) {
            obstacles.append(DrillObstacle(.disconnected, "a check of the connectivity gate does not pass"))
        }
        if self.host.isFrozen {
            obstacles.append(DrillObstacle(.frozen, "automation is frozen: too many components are down"))
        }
        if let storm = self.stormReasonToHold(), let why = storm.explanation(at: now) {
            obstacles.append(DrillObstacle(.storm, why))
        }
        if self.host.degradation.level > .normal {
            obstacles.append(
                DrillObstacle(.degraded, "the host is degraded, at \(self.host.degradation.level.rawValue)"))
        }
        return obstacles
    }

    private var isGateUp: Bool {
        self.gate.allSatisfy { self.machines[$0.component].trackers[$0.check].verdict == .up }
    }

    // MARK: - Limits

    private mutating func obstaclesInLimits(_ index: Int) -> [DrillObstacle] {
        var obstacles: [DrillObstacle] = []
        let asides = self.host.orphans.values.count { !$0.isOfHost }
        if self.host.inFlight + asides >= self.policy.guards.maxConcurrent {
            obstacles.append(DrillObstacle(.concurrency, "as many repairs are under way as may be (maxConcurrent)"))
        }
        _ = self.host.budget.nextAllowed(at: self.now.monotonic)
        let (count, left) = (self.host.budget.count, self.host.budget.count - self.host.budget.spent.count)
        if left < 1 || left * 2 < count {
            obstacles.append(
                DrillObstacle(
                    .budget,
                    "only \(max(0, left)) of the host's \(count) actions (maxActions) are left: half of them are kept "
                        + "for failures that nobody asked for"))
        }
        if self.machines[index].countsUnhealthy == false, self.isTooMany(self.host.unhealthy + 1) {
            obstacles.append(
                DrillObstacle(
                    .tooManyUnhealthy,
                    "with it more than \(self.unhealthyLimitText) of the components would be down (maxUnhealthy)"))
        }
        return obstacles + self.obstaclesInGroup(index)
    }

    private mutating func obstaclesInGroup(_ index: Int) -> [DrillObstacle] {
        guard let name = self.machines[index].component.group, var group = self.host.groups[name] else { return [] }
        var obstacles: [DrillObstacle] = []
        if group.isFrozen { obstacles.append(DrillObstacle(.frozen, "the group \(name) is frozen")) }
        if let most = group.limits.maxConcurrent, group.inFlight >= most {
            obstacles.append(
                DrillObstacle(.concurrency, "as many repairs are under way in the group \(name) as may be"))
        }
        if group.limits.maxActions != nil, group.budget.nextAllowed(at: self.now.monotonic) != nil {
            obstacles.append(DrillObstacle(.budget, "the action budget of the group \(name) is spent"))
        }
        if let least = group.limits.minHealthyInGroup {
            let left = group.members.count { $0 != index && self.machines[$0].isServing }
            if left < least {
                obstacles.append(
                    DrillObstacle(
                        .tooFewHealthy,
                        "without it \(left) of the group \(name) would serve; the least is \(least) "
                            + "(minHealthyInGroup)"))
            }
        }
        if group.isTooMany(group.unhealthy + 1) {
            obstacles.append(
                DrillObstacle(
                    .tooManyUnhealthy, "with it too many members of the group \(name) would be down (maxUnhealthy)"))
        }
        return obstacles
    }

    // MARK: - Those around it

    private func obstaclesAround(_ index: Int) -> [DrillObstacle] {
        var obstacles: [DrillObstacle] = []
        if let root = self.rootCause(of: index) {
            obstacles.append(DrillObstacle(.dependencyUnhealthy, "it needs \(root), which is not well"))
        } else if let name = self.doubtfulDependency(of: index) {
            obstacles.append(
                DrillObstacle(.dependencyUnhealthy, "it needs \(name), of which it is not known how it is"))
        }
        var reached: Set<Int> = []
        var toVisit = self.dependents[index]
        while let next = toVisit.popLast() {
            if reached.insert(next).inserted { toVisit += self.dependents[next] }
        }
        let unwell = reached.sorted().filter { self.machines[$0].incident != nil || self.machines[$0].verdict == .down }
        for other in unwell {
            let name = self.machines[other].component.name
            obstacles.append(DrillObstacle(.dependentUnhealthy, "\(name), which needs it, is not well already"))
        }
        return obstacles
    }
}
