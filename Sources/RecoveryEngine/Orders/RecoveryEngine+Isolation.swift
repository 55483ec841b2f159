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
            self.record(index, .note("an operator started the isolated unit"))
            self.machines[index].facts.saved.isolatedUntil = nil
            self.enter(index, .failing(.none))
            self.evaluateLater(index)
        } else if self.now.monotonic < until {
            self.setDeadline(index, until)
        } else if let reason = self.reasonAgainstPlanned(index) {
            self.setDeadline(index, reason.until ?? self.now.monotonic + .seconds(5))
        } else {
            self.tryIsolated(index, why: "the time for a trial has come")
        }
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
        guard machine.facts.saved.isolatedUntil != nil else { return }
        self.actDetached(
            for: machine, incident: machine.incident?.id ?? machine.ladder.lastIncident ?? 0, action: "CIRCUIT_BREAK",
            unit: machine.activeUnit, .endIsolation, why: "the component has left the policy")
    }
}
