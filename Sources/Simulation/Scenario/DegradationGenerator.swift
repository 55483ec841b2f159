import Policy
import ResilienceCore

/// Gives some policies levels of degradation, with units that nobody else uses. It draws from a source of its own, so
/// that the policies without them stay what they were.
struct DegradationGenerator {
    var random: SeededGenerator
    /// What the levels do without.
    private(set) var units: [Scenario.UnitNature] = []

    private let theme: Scenario.Theme

    init(seed: UInt64, theme: Scenario.Theme) {
        self.random = SeededGenerator(seed: seed ^ 0xDE64_ADED_DE64_ADED)
        self.theme = theme
    }

    mutating func furnish(_ policies: [PolicySnapshot]) -> [PolicySnapshot] {
        guard self.random.chance(0.5), var first = policies.first else { return policies }
        // The network is lost in quiet worlds too, and what is the gate itself is down then.
        let gate = self.theme == .quiet ? first.guards.connectivity.map(\.component) : []
        let names = first.components.map(\.name).filter { !gate.contains($0) }
        guard !names.isEmpty else { return policies }
        var degradation = self.degradation(names, first.components.filter { names.contains($0.name) })
        if self.random.chance(0.4) {
            let index = self.random.int(0...first.components.count - 1)
            let step = Step(
                strategy: .degrade(DegradeStrategy(level: self.random.chance(0.5) ? nil : .emergency)),
                attempts: .limited(self.random.int(1...2)), backoff: Backoff(initial: .seconds(1), jitter: 0),
                verify: .seconds(20))
            if names.contains(first.components[index].name) { first.components[index].recovery.insert(step, at: 0) }
        }
        var furnished = policies
        furnished[0] = first
        self.shedAComponent(&degradation, furnished)
        for index in furnished.indices {
            // Sometimes an operator takes it out, or the hands off.
            furnished[index].degradation = index > 0 && self.random.chance(0.2) ? nil : degradation
            if self.random.chance(0.15) { furnished[index].degradation?.isObserved = true }
            guard index > 0 else { continue }
            for position in furnished[index].components.indices {
                let name = furnished[index].components[position].name
                guard let step = first.components.first(where: { $0.name == name })?.recovery.first,
                    case .degrade = step.strategy
                else { continue }
                furnished[index].components[position].recovery.insert(step, at: 0)
            }
        }
        return furnished
    }

    /// Somebody freezes what heald may be about to freeze, mostly before it does.
    mutating func plan(_ policies: [PolicySnapshot], calmAt: Duration) -> [(at: Duration, what: Disturbance)] {
        let levels = policies.compactMap(\.degradation).flatMap(\.allUnits).filter { $0.way == .freeze }.map(\.unit)
        let reduced = policies.flatMap(\.components).flatMap(\.recovery).flatMap { step -> [String] in
            if case .reduceLoad(let load) = step.strategy { load.units } else { [] }
        }
        var plan: [(at: Duration, what: Disturbance)] = []
        for unit in Set(levels + reduced).sorted() where self.random.chance(0.3) {
            let at = self.random.milliseconds(0...Int(calmAt.inNanoseconds / 1_500_000))
            plan.append((at, .fact(.freezeByHand(unit: unit, true))))
            guard self.random.chance(0.3) else { continue }
            plan.append((at + self.random.milliseconds(10...20_000), .fact(.freezeByHand(unit: unit, false))))
        }
        return plan
    }

    /// Sometimes a level does without a unit that is a component itself: one that nobody needs, and nothing looks at.
    private mutating func shedAComponent(_ degradation: inout DegradationPolicy, _ policies: [PolicySnapshot]) {
        let watched = Set(degradation.levels.values.compactMap(\.enter).flatMap(\.watched))
        let eligible = (policies.first?.components ?? []).filter { component in
            !watched.contains(component.name)
                && policies.allSatisfy { policy in Self.mayBeShed(component.name, in: policy) }
        }
        guard !eligible.isEmpty, self.random.chance(0.8), let unit = self.random.pick(eligible).unit else { return }
        let level = self.random.pick(degradation.levels.keys.sorted())
        if self.random.chance(0.7) {
            degradation.levels[level]?.stop.append(unit)
        } else {
            degradation.levels[level]?.freeze.append(unit)
        }
    }

    private static func mayBeShed(_ name: String, in policy: PolicySnapshot) -> Bool {
        guard let component = policy.components.first(where: { $0.name == name }) else { return true }
        let isNeeded = policy.components.contains { $0.dependsOn.contains(name) || $0.needsWhatUnitRequires }
        let asks = component.recovery.contains { $0.strategy.action == "DEGRADE" }
        return component.unit != nil && component.facts == ComponentFacts() && !isNeeded && !asks
    }

    /// A rate or a percentile of what a check says.
    private mutating func measured(_ components: [Component], _ enter: inout LevelCondition) {
        let checks = components.flatMap { component in
            component.checks.filter { check in
                switch check.kind {
                case .http, .tcp, .exec: check.enabled
                default: false
                }
            }.map { CheckReference(component: component.name, check: $0.name) }
        }
        guard !checks.isEmpty else { return }
        if self.random.chance(0.35) {
            enter.errorRate = ErrorRateCondition(
                checks: [self.random.pick(checks)], above: self.random.pick([0, 0.25, 0.5]),
                within: self.random.milliseconds(20_000...60_000))
        }
        if self.random.chance(0.35) {
            enter.p95 = ResponseTimeCondition(
                checks: [self.random.pick(checks)], above: self.random.milliseconds(50...1_500),
                within: self.random.milliseconds(20_000...60_000))
        }
    }

    private mutating func degradation(_ names: [String], _ components: [Component]) -> DegradationPolicy {
        var levels: [DegradationLevel: LevelPolicy] = [:]
        for (number, level) in [DegradationLevel.degraded, .minimal, .emergency].enumerated()
        where level == .emergency || self.random.chance(0.7) {
            var enter = LevelCondition(for: self.random.pick([.zero, .zero, .seconds(2)]))
            if self.random.chance(0.6) { enter.components = [self.random.pick(names)] }
            if self.random.chance(0.6) || enter.components.isEmpty {
                enter.unhealthy = [0.2, 0.4, 0.7][number]
            }
            self.measured(components, &enter)
            levels[level] = LevelPolicy(
                enter: enter, stop: [self.unit("stop-\(number)")], freeze: [self.unit("freeze-\(number)")],
                features: ["feature-\(number)": false])
        }
        return DegradationPolicy(levels: levels, stepUpAfter: self.random.milliseconds(1_000...12_000))
    }

    private mutating func unit(_ name: String) -> String {
        let full = "\(name).service"
        self.units.append(
            Scenario.UnitNature(
                name: full, startup: .simple, bootTime: self.random.milliseconds(20...1_000),
                stopTime: self.random.milliseconds(0...800), ownRestart: nil, isEnabled: self.random.chance(0.9)))
        return full
    }
}

extension LevelCondition {
    /// Components that it looks at.
    fileprivate var watched: [String] {
        self.components + (self.errorRate?.checks ?? []).map(\.component) + (self.p95?.checks ?? []).map(\.component)
    }
}
