import Policy
import RecoveryEngine
import ResilienceCore

// What people do about standbys and isolated units once nothing is disturbed any more, and when all is in order.
extension SimulatedWorld {
    /// What `healctl status` calls the active unit of a component.
    func unitInCare(of component: Component) -> String? {
        self.referee.knowledge.activeUnit(of: component.name) ?? component.unit
    }

    func helpMembersByHand(_ component: Component) {
        guard let active = self.unitInCare(of: component) else { return }
        if self.barriers.inForce.contains(active), self.random.chance(0.05) {
            self.ask(.resume(component: component.name, by: "root"))
        }
        let isBusy = self.referee.knowledge.inFlight.values.contains { $0.component == component.name }
        if let endpoint = component.facts.failover?.endpoint, !isBusy, self.wasPointedByHand(component),
            self.pointers[endpoint.path] ?? component.unit != active, self.random.chance(0.1)
        {
            self.pointers[endpoint.path] = active
            self.reviewTruth()
        }
        for name in component.members where name != active && !isBusy {
            guard let unit = self.units[name], unit.job == nil else { continue }
            if component.isExclusive {
                // Two run, or the wrong one.
                if unit.isRunning, self.random.chance(0.02) { self.operate(name, "stop") }
            } else if self.answer(of: unit) != .well, !unit.brokenForGood, self.random.chance(0.2) {
                self.operate(name, "restart")
            }
        }
    }

    /// Where people point clients at a unit, people point them back; where heald did, heald has to. With `mode: approve` it
    /// does so only within what was approved: clients of a member that a person has started are that person's to point.
    private func wasPointedByHand(_ component: Component) -> Bool {
        component.mode == .observe
            || self.scenario.disturbances.contains { _, what in
                switch what {
                case .fact(.operatorFailover(let name, _)): name == component.name
                case .operatorStart(let unit), .operatorRestart(let unit):
                    component.mode == .approve && component.members.contains(unit)
                default: false
                }
            }
    }

    /// One of the units that it runs as will never work.
    func isHopeless(_ component: Component, _ hopeless: Set<String>) -> Bool {
        [component.unit, self.unitInCare(of: component)].contains { $0.map(hopeless.contains) == true }
    }

    /// The unit that serves is the one that is watched, and what was lent to it has come back.
    func areFactsSettled(_ component: Component) -> Bool {
        guard self.referee.knowledge.facts[component.name]?.reducedLoads.isEmpty ?? true else { return false }
        guard component.isExclusive, let active = self.unitInCare(of: component) else { return true }
        return self.units[active]?.activeState == .active
    }
}
