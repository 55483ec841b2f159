import Policy
import ResilienceCore

/// Makes up policies: any that an operator might write and that can work for the units at hand.
struct PolicyGenerator {
    var random: SeededGenerator
    let units: [Scenario.UnitNature]
    let theme: Scenario.Theme

    mutating func policy() -> PolicySnapshot {
        var components: [Component] = []
        for (index, unit) in self.units.enumerated() {
            components.append(self.component(index, unit, earlier: components.map(\.name)))
        }
        if self.theme == .everything, self.random.chance(0.3) {
            components.append(self.endpointOnly(earlier: components.map(\.name)))
        }
        let hasGate = self.theme == .everything || self.theme == .quiet
        if hasGate { components.append(self.uplink()) }
        // A mass failure concerns one group as a whole, or the host.
        let names = self.theme == .massFailure ? ["a"] : ["a", "b"]
        for index in components.indices where self.random.chance(0.6) {
            components[index].group = self.random.pick(names)
        }
        var guards = self.guards()
        if hasGate { guards.connectivity = Self.gate }
        return PolicySnapshot(
            components: components, guards: guards, groups: self.groups(names),
            channels: ["journal": Channel(name: "journal", kind: .journal)],
            maintenance: self.maintenance(components.map(\.name)))
    }

    private mutating func maintenance(_ names: [String]) -> [MaintenanceWindow] {
        guard !names.isEmpty, self.random.chance(0.15),
            let calendar = CalendarExpression("*:0/\(self.random.pick([2, 5, 10])):\(self.random.int(0...59)) UTC")
        else { return [] }
        return [
            MaintenanceWindow(
                name: "upgrades", components: [self.random.pick(names)], calendar: calendar,
                duration: self.random.milliseconds(5_000...90_000))
        ]
    }

    /// The policy with one thing changed, as operators do; sometimes with everything taken out.
    mutating func changed(_ policy: PolicySnapshot) -> PolicySnapshot {
        var policy = policy
        guard !policy.components.isEmpty else { return policy }
        let index = self.random.int(0...policy.components.count - 1)
        switch self.random.int(0...7) {
        case 6: policy.groups = self.groups(["a", "b"])
        case 7: policy.components[index].group = self.random.pick([nil, "a", "b"])
        case 0:
            let name = policy.components.remove(at: index).name
            for other in policy.components.indices { policy.components[other].dependsOn.removeAll { $0 == name } }
        case 1: policy.components[index].mode = self.random.pick([.observe, .approve, .auto])
        case 2:
            let gate = policy.guards.connectivity
            policy.guards = self.guards()
            policy.guards.connectivity = gate
        case 3:
            let checks = policy.components[index].checks
            policy.components[index].checks[0].interval = checks[0].interval + .milliseconds(500)
        case 4: policy.components[index].startupGrace += .seconds(2)
        default: if self.random.chance(0.4) { policy.components = [] }
        }
        return policy
    }

    private mutating func component(
        _ index: Int, _ unit: Scenario.UnitNature, earlier: [String]
    ) -> Component {
        let name = String(unit.name.dropLast(".service".count))
        let checks = self.checks(name)
        var dependsOn: [String] = []
        for other in earlier where self.random.chance(self.theme == .dependency ? 0.6 : 0.2) {
            dependsOn.append(other)
        }
        return Component(
            name: name, unit: unit.name, criticality: self.random.pick(Criticality.allCases), dependsOn: dependsOn,
            mode: self.theme == .quiet ? .auto : self.mode(),
            startupGrace: unit.bootTime + self.random.milliseconds(1_500...9_000),
            stable: self.random.pick([.zero, .seconds(1), .seconds(2), .seconds(4)]), checks: checks,
            recovery: self.ladder(unit, checks), rearm: self.random.milliseconds(20_000...90_000),
            breaker: BreakerPolicy(
                failures: self.random.int(2...6), window: self.random.milliseconds(30_000...120_000),
                minSeverity: self.random.pick([.low, .high]), openFor: self.random.milliseconds(10_000...60_000),
                halfOpen: self.random.int(1...2)),
            // Longer than the other guards hold back what was approved.
            approvalExpires: self.random.milliseconds(200_000...380_000))
    }

    private mutating func mode() -> Mode {
        if self.random.chance(0.08) { return .observe }
        return self.random.chance(0.12) ? .approve : .auto
    }

    private mutating func endpointOnly(earlier: [String]) -> Component {
        Component(
            name: "zz-endpoint", dependsOn: self.random.chance(0.5) ? Array(earlier.prefix(1)) : [],
            checks: [self.check("http", .http(HTTPCheck(host: "127.0.0.1", port: 9_999)))],
            recovery: [Step(strategy: .healthCheck(HealthCheckStrategy())), Step(strategy: .alert(AlertStrategy()))],
            rearm: .seconds(30))
    }

    private static let gate = [CheckReference(component: "zz-uplink", check: "http")]

    private mutating func uplink() -> Component {
        Component(
            name: "zz-uplink", checks: [self.check("http", .http(HTTPCheck(host: "192.0.2.1")))],
            recovery: [Step(strategy: .alert(AlertStrategy()))], rearm: .seconds(30))
    }

    private mutating func checks(_ name: String) -> [Check] {
        var checks: [Check] = []
        if self.random.chance(0.9) {
            checks.append(
                Check(name: "unit", kind: .unit(UnitCheck()), severity: self.random.pick(Severity.allCases)))
        }
        if self.random.chance(0.7) {
            checks.append(self.check("http", .http(HTTPCheck(host: "127.0.0.1", port: 8_080, target: "/\(name)"))))
        }
        if self.random.chance(0.2) {
            checks.append(self.check("tcp", .tcp(TCPCheck(host: "127.0.0.1", port: 8_080))))
        }
        if self.random.chance(0.2) {
            checks.append(
                self.check(
                    "beat",
                    .heartbeat(
                        HeartbeatCheck(
                            every: self.random.milliseconds(1_000...6_000),
                            phi: self.random.chance(0.5) ? self.random.pick([3, 8]) : nil))))
        }
        if checks.isEmpty || self.random.chance(0.15) {
            checks.append(self.check("exec", .exec(ExecCheck(command: ["/usr/bin/check", name]))))
        }
        if checks.count > 1, self.random.chance(0.2) { checks.append(self.composite(of: checks)) }
        return checks
    }

    /// Of all checks, or of all but the first, which then counts beside it.
    private mutating func composite(of checks: [Check]) -> Check {
        let names = checks.dropFirst(checks.count > 2 && self.random.chance(0.3) ? 1 : 0).map(\.name)
        let rule: CompositeCheck.Rule = self.random.pick([
            .all, .any, .atLeast(self.random.int(1...names.count)),
        ])
        return Check(name: "rule", kind: .composite(CompositeCheck(rule, of: names)), severity: .high)
    }

    private mutating func check(_ name: String, _ kind: CheckKind) -> Check {
        let interval = self.random.milliseconds(1_500...8_000)
        return Check(
            name: name, kind: kind, interval: interval, timeout: interval.scaled(by: 0.3 + 0.5 * self.random.unit()),
            fall: self.random.int(1...4), rise: self.random.int(1...3),
            window: self.random.chance(0.2) ? FailureWindow(failures: 3, of: 5) : nil,
            jitter: self.random.pick([0, 0.1, 0.2]), severity: self.random.pick([.medium, .high, .critical]))
    }

    private mutating func ladder(_ unit: Scenario.UnitNature, _ checks: [Check]) -> [Step] {
        // Long enough for a repair that works to be seen as one.
        var verify = unit.bootTime + .seconds(5)
        for check in checks {
            verify += (check.interval.scaled(by: 1 + check.jitter) + check.timeout) * (check.rise + 1)
        }
        let restart = Step(
            strategy: .restart(RestartStrategy()),
            attempts: self.random.chance(0.08) ? .unlimited : .limited(self.random.int(1...4)),
            backoff: Backoff(
                initial: self.random.milliseconds(200...2_000), factor: self.random.pick([1, 2, 3]),
                max: self.random.milliseconds(4_000...15_000), jitter: self.random.pick([0, 0.25])),
            timeout: unit.bootTime + unit.stopTime + .seconds(20), verify: verify,
            cooldown: self.random.pick([.zero, .zero, .seconds(3)]))
        let alert = Step(strategy: .alert(AlertStrategy()))
        let look = Step(strategy: .healthCheck(HealthCheckStrategy()), verify: verify)
        var selective = restart
        selective.when = Condition(reasons: [self.random.pick([.timeout, .crashed, .serverError])])
        selective.attempts = .limited(1)
        // Nothing named selects nothing: such a step must never be taken.
        var nothing = restart
        nothing.when = Condition(categories: [])
        // A milder step first, which may help a process that runs, and is refused where none does.
        let reset = Step(strategy: .resetConnection(ResetConnectionStrategy()), verify: verify)
        let hook = Step(strategy: .exec(ExecStrategy(command: ["/usr/bin/hook"])), verify: verify)
        switch self.random.int(0...9) {
        case 8: return [reset, restart, alert]
        case 9: return [restart, hook, alert]
        case 0: return [look, restart, alert]
        case 1: return [selective, restart, alert]
        case 2: return [restart]
        case 3: return [nothing, restart, alert]
        case 4: return self.random.chance(0.3) ? [alert] : [alert, restart, alert]
        default: return [restart, alert]
        }
    }

    private mutating func groups(_ names: [String]) -> [String: GroupLimits] {
        var groups: [String: GroupLimits] = [:]
        for name in names where self.random.chance(0.5) {
            var limits = GroupLimits()
            if self.random.chance(0.6) { limits.maxActions = self.actionBudget() }
            if self.random.chance(0.6) { limits.maxConcurrent = self.random.int(1...2) }
            if self.random.chance(0.6) { limits.maxUnhealthy = self.random.pick([0.3, 0.5]) }
            if self.random.chance(0.4) { limits.minHealthyInGroup = self.random.int(0...2) }
            groups[name] = limits
        }
        return groups
    }

    private mutating func actionBudget() -> Guards.ActionBudget {
        Guards.ActionBudget(count: self.random.int(2...10), per: self.random.milliseconds(30_000...180_000))
    }

    private mutating func guards() -> Guards {
        Guards(
            maxActions: self.actionBudget(), maxConcurrent: self.random.int(1...3),
            maxUnhealthy: self.random.pick([0.4, 0.5, 1]),
            stormCooldown: self.random.pick([.zero, .seconds(10), .seconds(40)]),
            flap: FlapPolicy(
                high: self.random.pick([0.15, 0.2, 0.3, 1]), low: self.random.pick([0, 0.05]),
                results: self.random.pick([11, 21])))
    }
}
