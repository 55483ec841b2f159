import Policy
import ResilienceCore

// Who is active, who takes over, and that never two are.

extension RecoveryEngine {
    /// A standby or an instance was seen.
    mutating func observeOther(_ index: Int, _ unit: String, _ observation: UnitObservation) {
        let before = self.machines[index].facts.others[unit]
        self.machines[index].facts.others[unit] = observation
        guard before?.isUp != observation.isUp else { return }
        self.evaluateLater(index)
    }

    /// The active unit was stopped, by an operator or with the machine, and another member runs; or it died, and an
    /// operator started another: that one is active from now on. Which of the two is seen first is chance.
    mutating func followOperatorsFailover(_ index: Int) {
        let machine = self.machines[index]
        if case .recovering = machine.phase { return }
        guard machine.unit?.isDown == true, machine.component.recovery.contains(where: { $0.strategy.isFailover }),
            let unit = machine.members.first(where: { member in
                guard let other = machine.facts.others[member], other.isUp else { return false }
                return machine.stoppedByOperator || other.startedByOther
            })
        else { return }
        self.record(index, .note("\(unit) runs instead of \(machine.activeUnit ?? "it"): it is the active unit"))
        self.activate(index, unit)
        self.machines[index].facts.saved.unpointed = true
        self.beginProofAnew(index)
    }

    /// Beside a standby that the policy has abandoned nothing is started; a unit that runs all the same has been started by
    /// somebody who knew.
    mutating func leaveToAbandoned(_ index: Int, _ observation: UnitObservation) {
        guard self.machines[index].facts.saved.abandoned != nil else { return }
        if observation.isUp {
            self.machines[index].facts.saved.abandoned = nil
        } else if observation.isDown {
            self.machines[index].stoppedByOperator = true
        }
    }

    /// People learn of it once: from now on nobody takes care of the component.
    mutating func tellOfAbandoned(_ index: Int) {
        let machine = self.machines[index]
        guard let standby = machine.facts.saved.abandoned, let own = machine.component.unit else { return }
        let name = machine.component.name
        self.alert(
            index, .healingFailed, machine.component.criticality.alertSeverity,
            "\(name) needs a person: \(standby) had taken over for \(own) and is no longer in the policy. It may still run, "
                + "so \(own) is not started beside it. Put it back into the policy, or stop it and "
                + "`healctl resume \(name)`.")
    }

    /// What was to be proven is another unit now, which has a grace of its own.
    private mutating func beginProofAnew(_ index: Int) {
        guard case .verifying(var verification) = self.machines[index].phase, let deadline = verification.deadline
        else {
            return
        }
        let graceUntil = self.now.monotonic + self.machines[index].component.startupGrace
        self.machines[index].restartEvidence(graceUntil: graceUntil, at: self.now.monotonic)
        self.armHurried(index)
        verification.deadline = max(deadline, graceUntil)
        verification.upAt = nil
        self.enter(index, .verifying(verification))
    }

    /// `unit` runs for the component from now on.
    ///
    /// - Parameter isDown: it is known not to run, so that nothing new will be heard of it.
    mutating func activate(_ index: Int, _ unit: String, isDown: Bool = false) {
        let old = self.machines[index].activeUnit
        guard let old, old != unit else { return }
        let seen = self.machines[index].facts.others.removeValue(forKey: unit)
        self.machines[index].facts.others[old] = self.machines[index].unit
        self.machines[index].facts.saved.active = unit == self.machines[index].component.unit ? nil : unit
        self.machines[index].facts.saved.leftAt[old] = self.now.wall
        self.machines[index].facts.leftAt[old] = self.now.monotonic
        // What was known of it as a standby may be older than the act that made it active.
        self.machines[index].unit = isDown || seen?.isUp == true ? seen : nil
        // It may have died since, and that has been told already: nothing else might ever be.
        if self.machines[index].unit == nil { self.watchEverything() }
        self.machines[index].forgivenStop = nil
        self.machines[index].facts.saved.abandoned = nil
        self.machines[index].stoppedByOperator = false
        self.machines[index].forgetUnitChecks()
        if let seen = self.machines[index].unit {
            self.machines[index].readUnit(seen, isFirst: false, at: self.now)
            self.takeRequirements(index, seen)
        }
        self.touched.insert(index)
    }

    func failoverOrder(_ machine: ComponentMachine) -> StepOrder {
        guard let failover = machine.component.facts.failover, let active = machine.activeUnit else {
            return .unfit("the component has no failover")
        }
        if machine.incident?.failedOver == true {
            return .unfit("a standby has taken over once in this incident already")
        }
        guard let standby = self.candidate(machine, wantsUp: false) else {
            if machine.awaitsWordOfOthers { return .wait(.evidence) }
            return .unfit("no standby can take over: \(self.whyNoCandidate(machine, wantsUp: false))")
        }
        return .order(.failOver(FailoverOrder(from: active, to: standby, endpoint: failover.endpoint)))
    }

    func endpointOrder(_ machine: ComponentMachine) -> StepOrder {
        guard let endpoint = machine.component.facts.failover?.endpoint else {
            return .unfit("the component has no endpoint")
        }
        if machine.incident?.failedOver == true {
            return .unfit("clients were pointed elsewhere in this incident already")
        }
        guard let next = self.candidate(machine, wantsUp: true) else {
            if machine.awaitsWordOfOthers { return .wait(.evidence) }
            return .unfit("no other unit is up: \(self.whyNoCandidate(machine, wantsUp: true))")
        }
        return .order(.switchEndpoint(endpoint, to: next))
    }

    /// The next member after the active one that may take over.
    private func candidate(_ machine: ComponentMachine, wantsUp: Bool) -> String? {
        guard let active = machine.activeUnit, let position = machine.members.firstIndex(of: active) else { return nil }
        let behind = machine.members[(position + 1)...] + machine.members[..<position]
        return behind.first { self.obstacle(machine, to: $0, wantsUp: wantsUp) == nil }
    }

    private func whyNoCandidate(_ machine: ComponentMachine, wantsUp: Bool) -> String {
        let reasons = machine.members.filter { $0 != machine.activeUnit }.compactMap { unit in
            self.obstacle(machine, to: unit, wantsUp: wantsUp).map { "\(unit) \($0)" }
        }
        return reasons.joined(separator: "; ")
    }

    private func obstacle(_ machine: ComponentMachine, to unit: String, wantsUp: Bool) -> String? {
        if let left = machine.facts.leftAt[unit], self.now.monotonic - left < machine.component.rearm {
            return "failed \((self.now.monotonic - left).brief) ago itself"
        }
        guard let seen = machine.facts.others[unit] else { return "has not been seen" }
        if seen.loadState == "masked" || seen.loadState == "not-found" { return "is \(seen.loadState)" }
        if let job = seen.job, !job.isOurs { return "has somebody else's job in flight" }
        if wantsUp, !seen.isUp { return "does not run" }
        return nil
    }

    static func wayBack(from order: FailoverOrder, _ request: ActionRequest) -> PendingUndo {
        let back = FailoverOrder(from: order.to, to: order.from, endpoint: order.endpoint, isPutBack: true)
        return PendingUndo(
            action: request.action, attempt: request.attempt, order: .failOver(back),
            why: "\(order.to) did not come up well: \(order.from) is the active one again")
    }

    /// The component's own unit was to take its place again, outside of any incident. Should that fail now or soon, the
    /// standby that did well is the active one again, before anything else is tried.
    mutating func rememberWayBack(_ index: Int, _ request: ActionRequest, _ result: ActionResult) {
        guard case .failOver(let order) = request.order, result != .refused else { return }
        // It did not fail.
        self.machines[index].facts.leftAt[order.from] = nil
        self.machines[index].facts.saved.leftAt[order.from] = nil
        self.machines[index].facts.saved.wayBack = Self.wayBack(from: order, request)
        self.machines[index].facts.returnedAt = self.now.monotonic
        self.touched.insert(index)
    }

    /// The own unit has proven itself.
    private mutating func forgetWayBack(_ index: Int) {
        let machine = self.machines[index]
        guard machine.facts.saved.wayBack != nil, machine.phase == .healthy else { return }
        let since = machine.facts.returnedAt ?? self.now.monotonic
        self.machines[index].facts.returnedAt = since
        guard self.now.monotonic - since >= machine.component.rearm else { return }
        self.machines[index].facts.saved.wayBack = nil
        self.touched.insert(index)
    }

    /// The standby has been up for long enough: the component's own unit takes its place again.
    mutating func failBackWhenDue(_ index: Int) {
        self.forgetWayBack(index)
        let machine = self.machines[index]
        guard machine.phase == .healthy, let own = machine.component.unit, let active = machine.facts.saved.active,
            let failover = machine.component.facts.failover, case .after(let time) = failover.failback,
            let left = machine.facts.leftAt[own]
        else { return }
        let due = left + time
        guard self.now.monotonic >= due else {
            if machine.deadline == nil { self.setDeadline(index, due) }
            return
        }
        self.failBack(index, from: active, why: "\(active) has been up for \(time.brief) since it took over")
    }

    /// A planned failover to the component's own unit, outside of any incident.
    private mutating func failBack(_ index: Int, from active: String, why: String) {
        // An operator who wants to be asked first does it by hand: `healctl failback`.
        guard self.machines[index].component.mode == .auto, self.reasonAgainstPlanned(index) == nil else {
            // Asked again when something else happens, at the latest then.
            return self.setDeadline(index, self.now.monotonic + .seconds(30))
        }
        self.beginFailback(index, from: active, why: why)
    }

    /// As an operator asked; what speaks against it was looked at by `obstacleToFailback`, and once more here.
    mutating func failBack(_ index: Int, by name: String) {
        let machine = self.machines[index]
        guard self.obstacleToFailback(of: machine.component.name, at: self.now) == nil,
            let active = machine.facts.saved.active
        else { return }
        self.beginFailback(index, from: active, why: "asked for by \(name)")
        self.touched.insert(index)
    }

    /// Why a component's own unit cannot take its place again just now, for the operator who asks for it.
    public func obstacleToFailback(of name: String, at now: Moment) -> String? {
        guard let index = self.indexByName[name] else { return "there is no such component" }
        let machine = self.machines[index]
        guard let own = machine.component.unit, machine.component.facts.failover != nil else {
            return "the component has no failover"
        }
        guard machine.facts.saved.active != nil else { return "\(own), its own unit, is the active one" }
        if let incident = machine.incident { return "incident \(incident.id) of the component is open" }
        guard machine.phase == .healthy else {
            return "the component is \(machine.phase.name): the unit that serves is not left before it is healthy"
        }
        if machine.component.mode == .observe { return "its mode is observe" }
        guard let seen = machine.facts.others[own] else { return "nothing is known of \(own) yet" }
        if !seen.isLoaded { return "\(own) is \(seen.loadState)" }
        if let job = seen.job, !job.isOurs { return "somebody else's job on \(own) is in flight" }
        // A copy is asked, since what holds back may begin to by being asked.
        var copy = self
        copy.now = now
        guard let hold = copy.reasonAgainstPlanned(index) else { return nil }
        return hold.explanation(at: now.monotonic) ?? "repairs are held back"
    }

    private mutating func beginFailback(_ index: Int, from active: String, why: String) {
        let machine = self.machines[index]
        guard let own = machine.component.unit, let failover = machine.component.facts.failover else { return }
        self.machines[index].facts.leftAt[own] = nil
        self.machines[index].facts.saved.leftAt[own] = nil
        let request = self.intend(
            machine, incident: machine.ladder.lastIncident ?? 0, action: "FAILOVER", unit: active, attempt: 1,
            .failOver(FailoverOrder(from: active, to: own, endpoint: failover.endpoint)), why: "failback: \(why)")
        self.carryOut(request, index, isDisruptive: true)
    }
}

extension Strategy {
    var isFailover: Bool { if case .failover = self { true } else { false } }
}

extension ComponentMachine {
    /// systemd has not told yet how another member is, or reads its files again: its word comes in a moment, and a step
    /// that is skipped for want of it does not come back.
    fileprivate var awaitsWordOfOthers: Bool {
        self.members.contains { $0 != self.activeUnit && self.facts.others[$0] == nil }
    }
}
