import Policy
import ResilienceCore

// CIRCUIT_BREAK: stopped on purpose, with a trial from time to time.

extension RecoveryEngine {
    /// The unit is stopped and cannot be started: wait for the trial.
    mutating func beginIsolation(_ index: Int) {
        let openFor = self.machines[index].component.facts.isolate?.openFor ?? .seconds(60)
        let until = self.now.monotonic + openFor
        self.machines[index].facts.saved.isolatedUntil = self.now.wall(at: until)
        self.enter(index, .isolated(until: until))
        self.setDeadline(index, until)
        self.record(index, .note("isolated: it gets a trial in \(openFor.brief)"))
        if self.machines[index].incident?.toldOfEnd == false {
            self.machines[index].incident?.toldOfEnd = true
            self.alert(
                index, .latched, self.machines[index].component.criticality.alertSeverity,
                "\(self.machines[index].component.name) is isolated: it is stopped and is not started before its trial in "
                    + "\(openFor.brief). \(self.machines[index].complaint)")
        }
    }

    mutating func continueIsolated(_ index: Int, until: MonotonicInstant) {
        if let unit = self.machines[index].unit, unit.isUp, unit.startedByOther {
            self.leaveIsolation(index, why: "an operator started the isolated unit")
        } else if self.machines[index].component.mode == .observe {
            self.leaveIsolation(index, why: "mode is observe: the unit is no longer kept from being started")
        } else if self.now.monotonic < until {
            self.setDeadline(index, until)
        } else if let reason = self.reasonAgainstPlanned(index) {
            self.setDeadline(index, reason.until ?? self.now.monotonic + .seconds(5))
        } else {
            self.tryIsolated(index, why: "the time for a trial has come")
        }
    }

    /// A person takes it back. It gets its trial at once; while repairs are held back for long it is theirs to start, which
    /// it would refuse until then.
    mutating func takeBackIsolated(_ index: Int, by name: String) {
        self.enter(index, .isolated(until: self.now.monotonic))
        guard let reason = self.reasonAgainstPlanned(index), reason.outlastsPatience else { return }
        let why = reason.explanation(at: self.now.monotonic) ?? "repairs are held back"
        self.leaveIsolation(index, why: "\(name) may start it by hand: \(why)")
        let machine = self.machines[index]
        guard let unit = machine.facts.saved.barred, !self.isUnderWay(.endIsolation, for: machine.component.name) else {
            return
        }
        self.actDetached(
            for: machine, incident: machine.lastIncident, action: "CIRCUIT_BREAK", unit: unit, .endIsolation,
            why: "taken back by \(name)")
    }

    private mutating func leaveIsolation(_ index: Int, why: String) {
        self.record(index, .note(why))
        self.machines[index].facts.saved.isolatedUntil = nil
        self.enter(index, .failing(.none))
        self.evaluateLater(index)
    }

    mutating func tryIsolated(_ index: Int, why: String) {
        guard let incident = self.machines[index].incident else { return }
        self.machines[index].facts.saved.isolatedUntil = nil
        let machine = self.machines[index]
        let request = self.intend(
            machine, incident: incident.id, action: "CIRCUIT_BREAK", unit: machine.activeUnit,
            attempt: machine.ladder.attempts + 1, .tryIsolated, why: "half-open: \(why)")
        self.carryOut(request, index, isDisruptive: true)
    }

    /// A unit that can no longer be started must not stay behind when its component leaves.
    mutating func endIsolation(of machine: ComponentMachine) {
        let isolated = machine.facts.saved.isolatedUntil == nil ? nil : machine.activeUnit
        guard let unit = machine.facts.saved.barred ?? isolated else { return }
        self.actDetached(
            for: machine, incident: machine.incident?.id ?? machine.ladder.lastIncident ?? 0, action: "CIRCUIT_BREAK",
            unit: unit, .endIsolation, why: "the component has left the policy")
    }
}

extension Hold {
    /// It does not end by itself within moments.
    fileprivate var outlastsPatience: Bool {
        switch self {
        case .paused, .maintenance, .frozen, .budget, .storm, .latched, .observing, .tooFewHealthy: true
        // What cannot be written down is not done for a person either.
        case .none, .evidence, .dependencyInDoubt, .frost, .networkInDoubt, .unrecorded, .serviceManager, .backoff,
            .cooldown, .breaker, .concurrency, .approval:
            false
        }
    }
}
