import Policy
import ResilienceCore

// Who is active, who takes over, and that never two are.

extension RecoveryEngine {
    /// A standby or an instance was seen.
    mutating func observeOther(_ index: Int, _ unit: String, _ observation: UnitObservation) {
        let before = self.machines[index].facts.others[unit]
        self.machines[index].facts.others[unit] = observation
        guard before?.isUp != observation.isUp else { return }
        self.followOperatorsFailover(index, unit, observation)
        self.evaluateLater(index)
    }

    /// An operator stopped the active unit and started another member: that one is active from now on.
    private mutating func followOperatorsFailover(_ index: Int, _ unit: String, _ observation: UnitObservation) {
        let machine = self.machines[index]
        guard machine.members.contains(unit), machine.component.recovery.contains(where: { $0.strategy.isFailover }),
            observation.isUp, observation.startedByOther, machine.unit?.isDown == true, machine.stoppedByOperator
        else { return }
        self.record(index, .note("an operator made \(unit) the active unit"))
        self.activate(index, unit)
        self.machines[index].stoppedByOperator = false
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
        self.machines[index].forgivenStop = nil
        self.machines[index].stoppedByOperator = false
        for position in self.machines[index].trackers.indices
        where self.machines[index].trackers[position].check.kind.isUnit {
            self.machines[index].trackers[position].forget()
        }
        if let seen = self.machines[index].unit { self.machines[index].readUnit(seen, isFirst: false, at: self.now) }
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

    /// The standby has been up for long enough: the component's own unit takes its place again.
    mutating func failBackWhenDue(_ index: Int) {
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
    mutating func failBack(_ index: Int, from active: String, why: String) {
        let machine = self.machines[index]
        guard let own = machine.component.unit, let failover = machine.component.facts.failover,
            // An operator who wants to be asked first does it by hand.
            machine.component.mode == .auto, self.reasonAgainstPlanned(index) == nil
        else {
            // Asked again when something else happens, at the latest then.
            return self.setDeadline(index, self.now.monotonic + .seconds(30))
        }
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
