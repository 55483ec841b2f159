import Policy
import ResilienceCore

/// Gives some components standbys, releases, caches and the like, and ladders that use them. It draws from a source of
/// its own, so that the policies without them stay what they were.
struct FactsGenerator {
    var random: SeededGenerator
    /// Units besides the components' own: standbys, instances, and services that nobody watches.
    private(set) var units: [Scenario.UnitNature] = []

    /// What units require of each other; in circles, too.
    private var requirements: [String: [String]] = [:]

    init(random: SeededGenerator) { self.random = random }

    /// What a component may be furnished with.
    private enum Kind: CaseIterable {
        case failover, replicas, release, cache, instances, limits, isolate, reduce, company
    }

    mutating func furnish(_ policy: PolicySnapshot, _ natures: [Scenario.UnitNature]) -> PolicySnapshot {
        var policy = policy
        for index in policy.components.indices {
            guard let unit = policy.components[index].unit, let nature = natures.first(where: { $0.name == unit }),
                self.random.chance(0.4)
            else { continue }
            var kinds = Kind.allCases
            for _ in 0..<self.random.int(1...3) {
                let kind = kinds.remove(at: self.random.int(0...kinds.count - 1))
                if kind == .failover { kinds.removeAll { $0 == .replicas } }
                if kind == .replicas { kinds.removeAll { $0 == .failover } }
                if kind == .instances { kinds.removeAll { $0 == .limits } }
                if kind == .limits { kinds.removeAll { $0 == .instances } }
                self.furnish(&policy.components[index], nature, with: kind)
            }
        }
        for index in policy.components.indices { self.conduct(&policy.components[index], among: natures.map(\.name)) }
        return policy
    }

    /// How it is kept, and what it is said to need.
    private mutating func conduct(_ component: inout Component, among units: [String]) {
        guard let unit = component.unit else { return }
        if self.random.chance(0.2) { component.desired = .running }
        if self.random.chance(0.2), units.count > 1 {
            component.needsWhatUnitRequires = true
            self.requirements[unit] =
                (0..<self.random.int(1...2)).map { _ in self.random.pick(units) } + ["sysinit.target"]
        }
        let measured = component.checks.first { $0.kind.loadMeasure == .time }
        if let check = measured, component.facts.scale != nil, self.random.chance(0.6) {
            let above = Double(self.random.int(5...60)) / 1_000
            component.facts.scale?.on = LoadTrigger(
                check: check.name, above: above, below: above * self.random.pick([0.3, 0.9]),
                lasting: self.random.milliseconds(1_000...20_000))
        }
    }

    /// The units with what their files say that they require.
    func connected(_ units: [Scenario.UnitNature]) -> [Scenario.UnitNature] {
        units.map { unit in
            var unit = unit
            unit.requires = self.requirements[unit.name] ?? []
            return unit
        }
    }

    /// As operators do: the steps of one action, and what it needs, are taken out.
    mutating func changed(_ policy: PolicySnapshot) -> PolicySnapshot {
        var policy = policy
        let furnished = policy.components.indices.filter { policy.components[$0].facts != ComponentFacts() }
        guard !furnished.isEmpty, self.random.chance(0.3) else { return policy }
        let index = self.random.pick(furnished)
        let rest = policy.components[index].recovery.filter { $0.strategy.traits.needsFact == nil }
        if !rest.isEmpty {
            policy.components[index].facts = ComponentFacts()
            policy.components[index].recovery = rest
        }
        return policy
    }

    private mutating func furnish(_ component: inout Component, _ nature: Scenario.UnitNature, with kind: Kind) {
        switch kind {
        case .failover: self.addFailover(&component, nature)
        case .replicas: self.addReplicas(&component, nature)
        case .release:
            component.facts.release = ReleasePolicy(
                current: "/srv/\(component.name)/current", releases: "/srv/\(component.name)/releases",
                goodAfter: self.random.milliseconds(3_000...20_000))
            self.insert(.rollback(RollbackStrategy()), into: &component, nature, isEarly: self.random.chance(0.6))
        case .cache:
            let isByHook = self.random.chance(0.2)
            component.facts.cache = CachePolicy(
                paths: isByHook ? [] : ["/var/cache/\(component.name)"],
                hook: isByHook || self.random.chance(0.2) ? ["/usr/bin/clear"] : [])
            self.insert(.clearCache(ClearCacheStrategy()), into: &component, nature, isEarly: self.random.chance(0.5))
        case .instances: self.addInstances(&component, nature)
        case .limits:
            component.facts.scale = ScalePolicy(
                kind: .properties([UnitProperty(.cpuWeight, 500)]), cooldown: self.random.milliseconds(0...10_000))
            self.insert(.scale(ScaleStrategy(.up)), into: &component, nature, isEarly: true)
        case .isolate:
            component.facts.isolate = IsolatePolicy(openFor: self.random.milliseconds(3_000...30_000))
            self.insert(.circuitBreak(CircuitBreakStrategy()), into: &component, nature, isEarly: false)
        case .reduce:
            // Sometimes two components ask the same one to step back.
            let helper = self.random.chance(0.3) ? "batch.service" : "\(component.name)-batch.service"
            self.add(helper, like: nature, isEnabled: true)
            let reduce = ReduceLoadStrategy(
                units: [helper], properties: self.random.chance(0.5) ? [] : [UnitProperty(.cpuWeight, 10)],
                restoreAfter: self.random.milliseconds(1_000...20_000))
            self.insert(.reduceLoad(reduce), into: &component, nature, isEarly: self.random.chance(0.7))
        case .company:
            let helper = "\(component.name)-worker.service"
            let dependents = self.random.chance(0.5)
            if self.random.chance(0.7) || !dependents { self.add(helper, like: nature, isEnabled: true) }
            let with = self.units.contains { $0.name == helper } ? [helper] : []
            for index in component.recovery.indices {
                guard case .restart = component.recovery[index].strategy else { continue }
                component.recovery[index].strategy = .restart(RestartStrategy(with: with, dependents: dependents))
                component.recovery[index].timeout += .seconds(30)
            }
        }
    }

    private mutating func addFailover(_ component: inout Component, _ nature: Scenario.UnitNature) {
        let standbys = self.standbys(of: component, nature, isEnabled: false)
        component.facts.failover = FailoverPolicy(
            standbys: standbys,
            failback: self.random.chance(0.5) ? .manual : .after(self.random.milliseconds(5_000...40_000)),
            endpoint: self.random.chance(0.7) ? self.endpoint(component, standbys) : nil)
        self.insert(.failover(FailoverStrategy()), into: &component, nature, isEarly: self.random.chance(0.4))
    }

    private mutating func addReplicas(_ component: inout Component, _ nature: Scenario.UnitNature) {
        let replicas = self.standbys(of: component, nature, isEnabled: true)
        component.facts.failover = FailoverPolicy(standbys: replicas, endpoint: self.endpoint(component, replicas))
        self.insert(
            .switchEndpoint(SwitchEndpointStrategy()), into: &component, nature, isEarly: self.random.chance(0.6))
    }

    private mutating func standbys(
        of component: Component, _ nature: Scenario.UnitNature, isEnabled: Bool
    ) -> [String] {
        let names = (2...self.random.int(2...3)).map { "\(component.name)@\($0).service" }
        for name in names { self.add(name, like: nature, isEnabled: isEnabled) }
        return names
    }

    private func endpoint(_ component: Component, _ others: [String]) -> Endpoint {
        let targets = ([component.unit ?? ""] + others).map { ($0, "\($0).conf") }
        return Endpoint(
            kind: .symlink(
                path: "/etc/proxy/\(component.name)", targets: Dictionary(uniqueKeysWithValues: targets)))
    }

    private mutating func addInstances(_ component: inout Component, _ nature: Scenario.UnitNature) {
        let template = "\(component.name)-pool@.service"
        let least = self.random.int(0...2)
        let most = least + self.random.int(1...3)
        component.facts.scale = ScalePolicy(
            kind: .instances(template: template, min: least, max: most, step: self.random.int(1...2)),
            cooldown: self.random.milliseconds(0...15_000))
        for number in 1...most {
            self.add(ScalePolicy.instance(number, of: template), like: nature, isEnabled: number <= least)
        }
        self.insert(.scale(ScaleStrategy(.up)), into: &component, nature, isEarly: true)
        if self.random.chance(0.6) {
            self.insert(.scale(ScaleStrategy(.down)), into: &component, nature, isEarly: false)
        }
    }

    private mutating func add(_ name: String, like nature: Scenario.UnitNature, isEnabled: Bool) {
        guard !self.units.contains(where: { $0.name == name }) else { return }
        self.units.append(
            Scenario.UnitNature(
                name: name, startup: nature.startup, bootTime: self.random.milliseconds(20...3_000),
                stopTime: nature.stopTime, ownRestart: nil, isEnabled: isEnabled))
    }

    /// Puts a step at the ladder's beginning, or behind what repairs and before what tells people. Never behind one
    /// without an end.
    private mutating func insert(
        _ strategy: Strategy, into component: inout Component, _ nature: Scenario.UnitNature, isEarly: Bool
    ) {
        var verify = nature.bootTime + .seconds(8)
        for step in component.recovery { verify = max(verify, step.verify + .seconds(3)) }
        let step = Step(
            strategy: strategy, attempts: .limited(self.random.int(1...2)),
            backoff: Backoff(initial: self.random.milliseconds(200...2_000), max: .seconds(8), jitter: 0.25),
            timeout: nature.bootTime + nature.stopTime + self.random.milliseconds(4_000...25_000), verify: verify,
            cooldown: self.random.pick([.zero, .zero, .seconds(2)]))
        let isEndless = component.recovery.contains { $0.attempts == .unlimited }
        var position = component.recovery.count
        if let last = component.recovery.last, case .alert = last.strategy { position -= 1 }
        component.recovery.insert(step, at: isEarly || isEndless ? 0 : position)
    }
}
