import Policy
import ResilienceCore

extension Scenario {
    /// Makes the scenario that belongs to a seed.
    init(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let theme = random.pick(Theme.allCases)
        let names = ["db", "api", "web", "cache", "queue", "mail", "auth", "search"]
        let count = theme == .massFailure ? random.int(5...8) : random.int(1...5)
        var units: [UnitNature] = []
        for name in names.prefix(count) {
            units.append(
                UnitNature(
                    name: Self.unitName(of: name), startup: random.chance(0.5) ? .simple : .notify,
                    bootTime: random.milliseconds(20...3_000), stopTime: random.milliseconds(0...800),
                    ownRestart: random.chance(0.2) ? random.milliseconds(100...2_000) : nil))
        }
        var generator = PolicyGenerator(
            random: SeededGenerator(seed: random.next()), units: units, theme: theme)
        // Draws of its own: what has neither standbys nor releases stays what it was.
        var facts = FactsGenerator(random: SeededGenerator(seed: seed ^ 0xFAC7_5000_FAC7_5000))
        let plain = generator.policy()
        let policy = facts.furnish(plain, units)
        let calmAt = random.milliseconds(30_000...90_000)
        var planner = DisturbancePlanner(
            random: SeededGenerator(seed: random.next()), theme: theme, units: units.map(\.name),
            components: policy.components.map(\.name), calmAt: calmAt)
        var degradation = DegradationGenerator(seed: seed, theme: theme)
        let policies = degradation.furnish([
            policy, facts.changed(generator.changed(policy)), facts.changed(generator.changed(policy)),
        ])
        var factsPlanner = FactsPlanner(
            random: facts.random, theme: theme, components: policy.components, calmAt: calmAt)
        var drills = DrillPlanner(seed: seed, theme: theme, components: policy.components.map(\.name), calmAt: calmAt)
        self.init(
            seed: seed, theme: theme, policies: policies,
            units: facts.connected(units) + facts.units + degradation.units,
            disturbances: Self.merged(
                planner.plan(), factsPlanner.plan() + drills.plan() + degradation.plan(policies, calmAt: calmAt)),
            calmAt: calmAt,
            end: calmAt + .seconds(1_800))
    }
}

extension Scenario {
    typealias Plan = [(at: Duration, what: Disturbance)]

    /// By time. Of all units one at most is beyond help, so that its failure alone never freezes the host.
    private static func merged(_ plan: Plan, _ more: Plan) -> Plan {
        var plan = plan + more
        var isOneBroken = false
        for index in plan.indices {
            guard case .breakUnit(let unit, forGood: true) = plan[index].what else { continue }
            if isOneBroken { plan[index].what = .die(unit: unit, .exited(status: 1)) }
            isOneBroken = true
        }
        return plan.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
    }
}

/// Decides what goes wrong, and when.
struct DisturbancePlanner {
    var random: SeededGenerator
    let theme: Scenario.Theme
    let units: [String]
    let components: [String]
    let calmAt: Duration

    mutating func plan() -> [(at: Duration, what: Disturbance)] {
        var plan: [(at: Duration, what: Disturbance)] = []
        switch self.theme {
        case .quiet:
            for _ in 0..<self.random.int(2...8) { plan.append((self.moment(), self.ofTheMachine())) }
        case .single:
            plan.append((self.moment(), self.ofAService()))
        case .busy:
            for _ in 0..<self.random.int(3...10) { plan.append((self.moment(), self.ofAService())) }
        case .dependency:
            let root = self.units[0]
            plan.append((self.moment(), self.ofAService(root)))
            if self.random.chance(0.5) { plan.append((self.moment(), self.ofAService())) }
            if self.random.chance(0.3) { plan.append((self.moment(), .breakUnit(unit: root, forGood: true))) }
        case .massFailure:
            let at = self.moment()
            for unit in self.units where self.random.chance(0.8) {
                plan.append((at + self.random.milliseconds(0...2_000), self.ofAService(unit)))
            }
        case .operators:
            for _ in 0..<self.random.int(2...6) { plan.append((self.moment(), self.ofPeople())) }
            for _ in 0..<self.random.int(1...5) { plan.append((self.moment(), self.ofAService())) }
        case .crashes:
            for _ in 0..<self.random.int(2...6) { plan.append((self.moment(), self.ofAService())) }
            for _ in 0..<self.random.int(1...5) { plan.append((self.moment(), self.ofTheSupervisor())) }
        case .everything:
            for _ in 0..<self.random.int(1...5) { plan.append((self.moment(), self.ofAService())) }
            for _ in 0..<self.random.int(1...4) { plan.append((self.moment(), self.ofPeople())) }
            for _ in 0..<self.random.int(1...4) { plan.append((self.moment(), self.ofTheMachine())) }
            for _ in 0..<self.random.int(0...3) { plan.append((self.moment(), self.ofTheSupervisor())) }
        }
        return plan
    }

    private mutating func moment() -> Duration {
        self.random.milliseconds(0...Int(self.calmAt.inNanoseconds / 1_000_000))
    }

    private mutating func ofAService(_ chosen: String? = nil) -> Disturbance {
        let unit = chosen ?? self.random.pick(self.units)
        let deaths: [Disturbance.Death] = [
            .killed(signal: 9), .dumped(signal: 11), .exited(status: 1), .exited(status: 0), .exited(status: 78),
            .outOfMemory,
        ]
        switch self.random.int(0...10) {
        case 0...3: return .die(unit: unit, self.random.pick(deaths))
        case 4: return .ail(unit: unit, .hangs)
        case 5: return .ail(unit: unit, self.random.pick([.status(500), .status(503), .nonsense, .refused]))
        case 6:
            let component = String(unit.dropLast(".service".count))
            let states: [EndpointState] = [
                .status(429), .status(401), .status(404), .hangs, .slow(.milliseconds(self.random.int(100...4_000))),
            ]
            return .trouble(
                component: component, self.random.pick(states), for: self.random.milliseconds(1_000...30_000))
        case 7: return .crashLoop(unit: unit, times: self.random.int(1...5))
        case 8:
            return self.random.chance(0.5)
                ? .slowBoot(unit: unit, self.random.milliseconds(2_000...20_000)) : .neverReady(unit: unit)
        case 9:
            return self.random.chance(0.5)
                ? .ail(unit: unit, .silent)
                : .trouble(
                    component: String(unit.dropLast(".service".count)), .silent,
                    for: self.random.milliseconds(500...20_000))
        default: return .breakUnit(unit: unit, forGood: self.random.chance(0.6))
        }
    }

    private mutating func ofPeople() -> Disturbance {
        let component = self.random.pick(self.components)
        switch self.random.int(0...7) {
        case 0, 1: return .operatorStop(unit: self.random.pick(self.units))
        case 2: return .operatorStart(unit: self.random.pick(self.units))
        case 3: return .operatorRestart(unit: self.random.pick(self.units))
        case 4:
            return .pause(
                component: self.random.chance(0.3) ? nil : component, for: self.random.milliseconds(5_000...60_000))
        case 5: return .resume(component: self.random.chance(0.3) ? nil : component)
        case 6:
            return self.random.chance(0.5) ? .checkNow(component: component) : .acknowledge(component: component)
        default: return .reloadPolicy(index: self.random.int(0...2))
        }
    }

    private mutating func ofTheMachine() -> Disturbance {
        switch self.random.int(0...9) {
        case 8, 9: return .networkLoss(for: self.random.milliseconds(500...90_000))
        case 0: return .busLoss(for: self.random.milliseconds(50...6_000))
        case 1: return .daemonReload(for: self.random.milliseconds(20...800))
        case 2, 3: return .stall(for: self.random.milliseconds(1_100...60_000))
        case 4: return .suspend(for: .seconds(self.random.int(10...40_000)))
        case 5: return .wallJump(by: .seconds(self.random.pick([-315_360_000, -3_600, -1, 1, 3_600, 315_360_000])))
        case 6: return .diskFull(for: self.random.milliseconds(500...20_000))
        default: return self.ofTheSupervisor()
        }
    }

    private mutating func ofTheSupervisor() -> Disturbance {
        self.random.chance(0.15)
            ? .reboot(downFor: self.random.milliseconds(3_000...30_000))
            : .crashSupervisor(
                self.random.pick(CrashPoint.allCases), downFor: self.random.milliseconds(100...20_000))
    }
}
