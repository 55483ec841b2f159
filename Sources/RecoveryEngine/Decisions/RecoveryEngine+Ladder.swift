import Policy
import ResilienceCore

// What to do about a component that is down: the next step of its ladder, or a reason to wait.

extension RecoveryEngine {
    /// Looks at everything anew each time, so that a wait which no longer has its reason ends by itself.
    mutating func decide(_ index: Int) {
        if let root = self.rootCause(of: index) {
            self.suppress(index, by: root)
            return
        }
        if let reason = self.reasonToWait(index) {
            guard reason == .serviceManager, self.isRestartedInVain(index) else { return self.hold(index, reason) }
            let failover = self.failoverAhead(of: index)
            guard failover != nil || self.isWayBackOpen(index) else { return self.giveUpOnServiceManager(index) }
            // A start that is under way is waited for; between two of them there is time.
            if self.machines[index].unit?.job != nil { return self.hold(index, reason) }
            if !self.isWayBackOpen(index), let failover { self.climb(index, to: failover) }
        }
        // This failure may be the one too many: it is counted before anything is done about it.
        if !self.machines[index].isUnhealthyByItself { self.enter(index, .failing(.none)) }
        self.publish(index)
        if self.takeBack(index) { return }
        while true {
            guard let step = self.nextStep(index) else { return }
            let order: ActionOrder?
            switch self.order(for: step, index) {
            case .plain: order = nil
            case .order(let exact): order = exact
            case .unfit(let why):
                self.skip(step, index, why: why)
                continue
            case .wait(let reason):
                self.hold(index, reason)
                return
            }
            if let reason = self.reasonToHold(index, step) {
                self.hold(index, reason)
                return
            }
            if case .restartAfterwards(let others) = order, self.isInHand(Set(others), besides: index) {
                self.hold(index, .concurrency(group: nil))
                return
            }
            switch self.permission(for: step, order, index) {
            case .given:
                if let reason = self.frostReasonToHold(order) {
                    self.hold(index, reason)
                    return
                }
                if self.begin(step, order, index) { return }
            case .awaited(let reason):
                self.hold(index, reason)
                return
            case .refused: continue
            }
        }
    }

    /// Waits for a reason, telling it once.
    mutating func hold(_ index: Int, _ reason: Hold) {
        var known: Hold = .none
        if case .failing(let old) = self.machines[index].phase { known = old }
        if known.kind != reason.kind, !reason.isOnRecord, let text = reason.explanation(at: self.now.monotonic) {
            self.record(index, .note(text))
        }
        if known != reason || self.machines[index].deadline == nil { self.enter(index, .failing(reason)) }
        if let until = reason.until { self.setDeadline(index, until) }
    }

    /// systemd's own `Restart=` has tried often enough since the incident began to call it hopeless.
    func isRestartedInVain(_ index: Int) -> Bool {
        guard let unit = self.machines[index].unit, unit.isAutoRestart else { return false }
        return Int64(unit.restarts) - Int64(self.machines[index].restartsSeen) >= Self.vainRestartsMost
    }

    /// A unit that systemd restarts for ever is never ours to restart; people have to hear of it all the same.
    mutating func giveUpOnServiceManager(_ index: Int) {
        self.record(index, .note("systemd restarts the unit again and again, in vain"))
        self.exhaust(index)
    }

    /// The step that helps against a unit that systemd restarts in vain, since it stops it first.
    private func failoverAhead(of index: Int) -> Int? {
        let machine = self.machines[index]
        guard
            let next = machine.component.recovery.indices.dropFirst(machine.ladder.step)
                .first(where: { machine.component.recovery[$0].strategy.isFailover })
        else { return nil }
        let attempts = next == machine.ladder.step ? machine.ladder.attempts : 0
        return machine.component.recovery[next].attempts.allows(attempts + 1) ? next : nil
    }

    /// Going back to the unit that was left helps too: it stops the one that systemd restarts in vain.
    func isWayBackOpen(_ index: Int) -> Bool {
        guard case .failOver = self.machines[index].facts.saved.pendingUndo?.order else { return false }
        return true
    }

    private mutating func climb(_ index: Int, to step: Int) {
        while self.machines[index].ladder.step < step {
            let passed = self.machines[index].component.recovery[self.machines[index].ladder.step]
            self.skip(passed, index, why: "systemd restarts the unit again and again, in vain")
        }
    }

    /// So many restarts by systemd within one incident are left to it.
    static let vainRestartsMost: Int64 = 5

    /// Reasons that concern the component as a whole, whatever the step.
    private mutating func reasonToWait(_ index: Int) -> Hold? {
        let now = self.now.monotonic
        if let until = self.machines[index].pausedUntil, until > now { return .paused(until: until) }
        if let until = self.host.pausedUntil, until > now { return .paused(until: until) }
        if let open = self.maintenanceReasonToHold(index) { return open }
        if self.machines[index].component.mode == .observe {
            self.recordWhatItWouldDo(index)
            return .observing
        }
        if let unit = self.machines[index].unit, unit.isBusy { return .serviceManager }
        // What endpoints said before the supervisor stood still may long be over; systemd's word is checked again
        // when acting.
        if let culprit = self.machines[index].culprit, culprit.isStale, !culprit.check.kind.isUnit { return .evidence }
        if let unit = self.machines[index].activeUnit {
            if self.machines[index].isUnitInDoubt { return .evidence }
            // Another one became active, and has not been heard of since.
            if self.machines[index].unit == nil,
                unit != self.machines[index].component.unit
                    || self.machines[index].facts.leftAt.isEmpty == false
            {
                return .evidence
            }
        }
        if let doubt = self.networkDoubt(of: index) { return doubt }
        if let name = self.doubtfulDependency(of: index) {
            let until = self.machines[index].doubtUntil ?? now + .seconds(15)
            self.machines[index].doubtUntil = until
            if now < until { return .dependencyInDoubt(name, until: until) }
        }
        return nil
    }

    /// Reasons that concern this step.
    private mutating func reasonToHold(_ index: Int, _ step: Step) -> Hold? {
        let now = self.now.monotonic
        if let until = self.machines[index].ladder.notBefore.until, until > now {
            return self.machines[index].ladder.notBefore
        }
        guard step.strategy.traits.isDisruptive else { return nil }
        if self.host.unrecorded != nil { return .unrecorded }
        if let reason = self.latchReasonToHold(index) { return reason }
        let before = self.machines[index].breaker.state
        if !self.machines[index].breaker.allows(at: now) {
            if case .open(let until) = self.machines[index].breaker.state { return .breaker(until: until) }
        }
        self.recordBreaker(index, from: before, why: "the time for a trial has come")
        if let reason = self.hostHold(index) { return reason }
        for account in [nil, self.machines[index].component.group] {
            guard let other = self.waitingLonger(than: index, forBudgetOf: account) else { continue }
            self.evaluateLater(other)
            self.evaluateLater(index)
            return .budget(group: account, until: now)
        }
        return nil
    }

    /// Another component that waits for the action budget and had its share of it earlier, or never: it goes first, so
    /// that one that is beyond help cannot spend what would heal others.
    private func waitingLonger(than index: Int, forBudgetOf group: String?) -> Int? {
        guard let acted = self.machines[index].lastActedAt else { return nil }
        return self.machines.indices.first { other in
            guard other != index, case .failing(.budget(group, _)) = self.machines[other].phase,
                group == nil || self.machines[other].component.group == group
            else { return false }
            return self.machines[other].lastActedAt.map { $0 < acted } ?? true
        }
    }

    /// Climbs past steps that are used up or do not fit.
    ///
    /// - Returns: `nil` where the ladder is used up; the machine is then in `exhausted`.
    private mutating func nextStep(_ index: Int) -> Step? {
        while true {
            let machine = self.machines[index]
            guard machine.ladder.step < machine.component.recovery.count else {
                self.exhaust(index)
                return nil
            }
            let step = machine.component.recovery[machine.ladder.step]
            guard step.attempts.allows(machine.ladder.attempts + 1) else {
                self.climb(index, cooldown: step.cooldown)
                continue
            }
            if let why = self.misfit(step, machine) {
                self.skip(step, index, why: why)
                continue
            }
            return step
        }
    }

    /// Goes past a step that is not for this failure, on record once an incident.
    private mutating func skip(_ step: Step, _ index: Int, why: String) {
        if self.machines[index].ladder.skipped.insert(self.machines[index].ladder.step).inserted {
            self.recordSkip(index, step, why: why)
        }
        self.climb(index, cooldown: .zero)
    }

    mutating func climb(_ index: Int, cooldown: Duration) {
        let earlier = self.machines[index].ladder.notBefore
        self.machines[index].ladder.nextStep()
        if cooldown > .zero {
            self.machines[index].ladder.notBefore = .cooldown(until: self.now.monotonic + cooldown)
        } else if case .cooldown = earlier {
            self.machines[index].ladder.notBefore = earlier
        }
        self.touched.insert(index)
    }

    /// Why a step is not for this failure; `nil` where it is.
    private func misfit(_ step: Step, _ machine: ComponentMachine) -> String? {
        guard let culprit = machine.culprit, let failure = culprit.failure else { return nil }
        return Self.misfit(
            step, Symptom(check: culprit.check, reason: failure.reason, verdict: machine.verdict),
            attempt: machine.ladder.attempts + 1)
    }

    private mutating func recordSkip(_ index: Int, _ step: Step, why: String) {
        let id = self.host.nextAction
        self.host.nextAction += 1
        self.record(
            index,
            .actionSkipped(
                id: id, action: step.strategy.action, attempt: self.machines[index].ladder.attempts + 1,
                step: self.machines[index].ladder.step, why: why))
    }

    /// In `observe` mode: once per incident, every step that would have had its turn.
    private mutating func recordWhatItWouldDo(_ index: Int) {
        let machine = self.machines[index]
        guard machine.ladder.skipped.isEmpty else { return }
        for (position, step) in machine.component.recovery.enumerated() {
            self.machines[index].ladder.step = position
            self.machines[index].ladder.skipped.insert(position)
            let why = self.misfit(step, machine)
            self.recordSkip(index, step, why: why ?? "mode is observe: it would have been done here")
        }
        self.machines[index].ladder.step = machine.ladder.step
    }

    // MARK: - Acting

    /// Begins a step.
    ///
    /// - Returns: whether the machine now waits for something; `false` where the step is over already.
    private mutating func begin(_ step: Step, _ order: ActionOrder?, _ index: Int) -> Bool {
        let machine = self.machines[index]
        guard let incident = machine.incident else { return true }
        let leave = self.useApproval(index)
        self.machines[index].ladder.attempts += 1
        self.machines[index].ladder.backoffLevel += 1
        self.machines[index].ladder.notBefore = .none
        var request = ActionRequest(
            id: leave.id, incident: incident.id, component: machine.component.name,
            action: step.strategy.action, unit: step.strategy.traits.needsUnit ? machine.activeUnit : nil,
            attempt: self.machines[index].ladder.attempts, timeout: step.timeout,
            expectedInvocationID: machine.unit?.invocationID, policyGeneration: self.generation,
            strategy: step.strategy, order: order, rivals: machine.rivals)
        request.otherInvocations = self.invocationsToFreeze(by: order)
        self.rememberRelease(index, order)
        self.record(
            index,
            .actionIntended(
                id: request.id, action: request.action, attempt: request.attempt, step: machine.ladder.step,
                unit: request.unit,
                why: self.reasonForActing(index) + (leave.by.map { "; approved by \($0)" } ?? "")))
        self.touched.insert(index)
        switch step.strategy {
        case .restart, .resetConnection, .exec, .clearCache, .rollback, .failover, .switchEndpoint, .scale,
            .circuitBreak, .reduceLoad:
            self.carryOut(request, index, isDisruptive: step.strategy.traits.isDisruptive)
            return true
        case .healthCheck(let look):
            self.look(request, index, checks: look.checks, verify: step.verify)
            return true
        case .degrade(let strategy):
            self.degrade(request, index, strategy)
            return true
        case .alert(let alert):
            self.tellPeople(request, index, alert)
            return false
        }
    }

    func reasonForActing(_ index: Int) -> String {
        let machine = self.machines[index]
        guard let culprit = machine.culprit, let failure = culprit.failure else { return machine.complaint }
        return "\(culprit.check.name): \(failure.message) (\(failure.category.rawValue), \(failure.reason.rawValue))"
    }

    mutating func carryOut(_ request: ActionRequest, _ index: Int, isDisruptive: Bool) {
        if isDisruptive {
            self.host.budget.spend(at: self.now.monotonic)
            self.machines[index].lastActedAt = self.now.monotonic
            self.host.inFlight += 1
            self.spendGroupBudget(index)
        }
        if request.order == .isolate { self.machines[index].facts.saved.barred = request.unit }
        self.rememberLimits(index, request)
        self.noteDrillRepair(request)
        self.enter(
            index,
            .recovering(Attempt(request: request, step: self.machines[index].ladder.step, isDisruptive: isDisruptive)))
        self.effects.append(.act(request))
    }

    /// HEALTH_CHECK: look again with the checks themselves; what they say is the result.
    private mutating func look(_ request: ActionRequest, _ index: Int, checks: [String], verify: Duration) {
        var asked = 0
        let wanted = self.machines[index].withoutComposites(checks)
        for position in self.machines[index].trackers.indices {
            let check = self.machines[index].trackers[position].check
            guard check.enabled, check.kind.hasPace, checks.isEmpty || wanted.contains(check.name) else { continue }
            self.machines[index].trackers[position].outstanding = nil
            self.machines[index].hurry(position, to: self.now.monotonic)
            asked += 1
        }
        self.armHurried(index)
        self.record(
            index, .actionFinished(id: request.id, ActionOutcome(.succeeded, detail: "\(asked) checks asked again")))
        self.enter(
            index,
            .verifying(
                Verification(
                    action: request, since: self.now.monotonic,
                    deadline: self.now.monotonic + (asked == 0 ? .zero : verify), isLook: true)))
        self.evaluateLater(index)
    }

    private mutating func tellPeople(_ request: ActionRequest, _ index: Int, _ alert: AlertStrategy) {
        let component = self.machines[index].component
        let text = alert.message ?? "\(component.name) is down and needs a person. \(self.reasonForActing(index))"
        self.machines[index].incident?.toldOfEnd = true
        self.alert(
            index, .healingFailed, alert.severity ?? component.criticality.alertSeverity, text,
            channels: alert.channels)
        let names = alert.channels.isEmpty ? "every channel" : alert.channels.joined(separator: ", ")
        self.record(
            index, .actionFinished(id: request.id, ActionOutcome(.succeeded, detail: "queued for \(names)")))
    }

    private mutating func exhaust(_ index: Int) {
        let machine = self.machines[index]
        let exhaustedAt = machine.ladder.exhaustedAt ?? self.now.monotonic
        self.machines[index].ladder.exhaustedAt = exhaustedAt
        let rearmAt = exhaustedAt + machine.component.rearm
        self.machines[index].incident?.state = .exhausted
        self.record(index, .incidentExhausted(rearmAt: self.now.wall(at: rearmAt)))
        if machine.incident?.toldOfEnd == false {
            self.machines[index].incident?.toldOfEnd = true
            self.alert(
                index, .healingFailed, machine.component.criticality.alertSeverity,
                "\(machine.component.name) is down and every step of its ladder is used up. \(machine.complaint)")
        }
        self.enter(index, .exhausted(rearmAt: rearmAt))
        self.setDeadline(index, rearmAt)
    }
}
