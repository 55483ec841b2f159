import Policy
import ResilienceCore

/// Decides what goes wrong with standbys, releases and instances, and when.
struct FactsPlanner {
    var random: SeededGenerator
    let theme: Scenario.Theme
    let components: [Component]
    let calmAt: Duration

    mutating func plan() -> [(at: Duration, what: Disturbance)] {
        guard self.theme != .quiet else { return [] }
        var plan: [(at: Duration, what: Disturbance)] = []
        let mayInterfere = self.theme == .operators || self.theme == .everything
        for component in self.components {
            if let failover = component.facts.failover {
                self.plan(&plan, component, failover, byPeople: mayInterfere)
            }
            if component.facts.release != nil { self.planDeploys(&plan, component) }
            if self.random.chance(0.5), !component.instances.isEmpty {
                let count = self.random.int(1...component.instances.count)
                self.add(
                    &plan,
                    .overload(
                        component: component.name, instances: count, for: self.random.milliseconds(5_000...60_000)))
            }
            if component.facts != ComponentFacts(), let unit = component.unit, self.random.chance(0.2) {
                self.add(
                    &plan,
                    .hangInStop(
                        unit: unit, self.random.milliseconds(3_000...60_000), survivesKill: self.random.chance(0.5)))
            }
        }
        for component in self.components { self.planConduct(&plan, component, byPeople: mayInterfere) }
        return plan
    }

    private mutating func planConduct(
        _ plan: inout [(at: Duration, what: Disturbance)], _ component: Component, byPeople: Bool
    ) {
        guard let unit = component.unit else { return }
        if byPeople, component.facts.failover != nil {
            for _ in 0..<self.random.int(0...2) { self.add(&plan, .failBack(component: component.name)) }
        }
        if component.desired == .running, self.random.chance(0.5) {
            for _ in 0..<self.random.int(1...2) { plan.append((self.moment(), .operatorStop(unit: unit))) }
        }
        if component.needsWhatUnitRequires, self.random.chance(0.5) {
            let others = self.components.compactMap(\.unit).filter { _ in self.random.chance(0.4) }
            self.add(&plan, .require(unit: unit, others))
        }
    }

    private mutating func plan(
        _ plan: inout [(at: Duration, what: Disturbance)], _ component: Component, _ failover: FailoverPolicy,
        byPeople: Bool
    ) {
        let standby = self.random.pick(failover.standbys)
        switch self.random.int(0...4) {
        // The standby that will be wanted does not start.
        case 0:
            plan.append((.milliseconds(1), .breakUnit(unit: standby, forGood: self.random.chance(0.5))))
        case 1: plan.append((self.moment(), .die(unit: standby, .killed(signal: 9))))
        case 2: plan.append((self.moment(), .ail(unit: standby, .hangs)))
        default: break
        }
        // What is to be left is beyond help, as far as a restart goes.
        if let unit = component.unit, self.random.chance(0.5) {
            plan.append((self.moment(), .breakUnit(unit: unit, forGood: false)))
        }
        guard byPeople else { return }
        if self.random.chance(0.4) {
            self.add(&plan, .operatorFailover(component: component.name, to: self.random.pick(component.members)))
        }
        if self.random.chance(0.3) { plan.append((self.moment(), .operatorStart(unit: standby))) }
        if self.random.chance(0.3) { plan.append((self.moment(), .operatorStop(unit: standby))) }
    }

    private mutating func planDeploys(_ plan: inout [(at: Duration, what: Disturbance)], _ component: Component) {
        for number in 2...self.random.int(2...4) {
            let flaw: SimulatedReleases.Flaw? =
                self.random.chance(0.6) ? (self.random.chance(0.5) ? .dies : .errors) : nil
            self.add(&plan, .deploy(component: component.name, release: "r\(number)", flaw))
        }
    }

    private mutating func add(_ plan: inout [(at: Duration, what: Disturbance)], _ fact: FactDisturbance) {
        plan.append((self.moment(), .fact(fact)))
    }

    private mutating func moment() -> Duration {
        self.random.milliseconds(0...Int(self.calmAt.inNanoseconds / 1_000_000))
    }
}
