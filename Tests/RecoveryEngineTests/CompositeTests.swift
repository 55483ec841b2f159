import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// Checks that are rules over others.
@Suite struct CompositeTests {
    private static func tcp(_ name: String, _ severity: Severity = .high, enabled: Bool = true) -> Check {
        Check(
            name: name, kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(1), fall: 1, rise: 1,
            jitter: 0, severity: severity, enabled: enabled)
    }

    private static func rule(
        _ rule: CompositeCheck.Rule, _ members: String..., name: String = "rule", enabled: Bool = true
    ) -> Check {
        Check(
            name: name, kind: .composite(CompositeCheck(rule, of: members)), severity: .critical, enabled: enabled)
    }

    private static func world(_ checks: [Check], recovery: [Step] = [.restart(), .page]) -> EngineHarness {
        var world = EngineHarness([
            Component(
                name: "web", unit: "web.service", startupGrace: .zero, stable: .zero, checks: checks,
                recovery: recovery)
        ])
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .active, subState: "running", invocationID: "a", mainPID: 42,
                activeEnteredAt: world.now.wall + .seconds(-3_600)))
        return world
    }

    private func verdict(_ world: EngineHarness, _ check: String? = nil) -> Verdict? {
        let component = world.engine.componentStatuses(at: world.now).first
        return check == nil ? component?.verdict : component?.checks.first { $0.name == check }?.verdict
    }

    /// Lets every check answer once.
    @discardableResult
    private func answer(_ world: inout EngineHarness, _ verdicts: [String: Verdict]) -> [Effect] {
        world.advance(by: 2) { verdicts[$0.check.name] }
    }

    /// Up, degraded, down, unknown as `u`, `g`, `d`, `?`; a member that has not answered is unknown.
    @Test(
        arguments: [
            (.all, "uu", .up), (.all, "ug", .degraded), (.all, "ud", .down), (.all, "u?", .unknown),
            (.all, "g?", .unknown), (.all, "d?", .down), (.all, "??", .unknown), (.all, "gg", .degraded),
            (.any, "uu", .up), (.any, "ud", .up), (.any, "ug", .up), (.any, "gd", .degraded), (.any, "g?", .degraded),
            (.any, "u?", .up), (.any, "d?", .unknown), (.any, "dd", .down), (.any, "??", .unknown),
            (.atLeast(2), "uud", .up), (.atLeast(2), "ugd", .degraded), (.atLeast(2), "udd", .down),
            (.atLeast(2), "ud?", .unknown), (.atLeast(2), "u??", .unknown), (.atLeast(2), "dd?", .down),
            (.atLeast(2), "uu?", .up), (.atLeast(2), "ug?", .degraded), (.atLeast(3), "uug", .degraded),
            (.atLeast(1), "ddd", .down), (.atLeast(1), "ddu", .up),
        ] as [(CompositeCheck.Rule, String, Verdict)])
    func `down where it could not pass whatever the unknown turn out to be, degraded where it passes by degraded ones`(
        rule: CompositeCheck.Rule, members: String, expected: Verdict
    ) {
        let names = (0..<members.count).map { "m\($0)" }
        let check = Check(name: "rule", kind: .composite(CompositeCheck(rule, of: names)))
        var world = Self.world(names.map { Self.tcp($0) } + [check], recovery: [.page])
        let meanings: [Character: Verdict] = ["u": .up, "g": .degraded, "d": .down]
        var verdicts: [String: Verdict] = [:]
        for (name, letter) in zip(names, members) { verdicts[name] = meanings[letter] }
        // Degraded counts after `fall` slow passes.
        answer(&world, verdicts)
        #expect(verdict(world, "rule") == expected)
        #expect(verdict(world) == expected)
        #expect(world.effects.openings.isEmpty == (expected != .down))
    }

    @Test func `a member does not decide by itself, and the rule does at once`() throws {
        var world = Self.world([Self.tcp("a"), Self.tcp("b"), Self.rule(.any, "a", "b")])
        answer(&world, ["a": .up, "b": .up])
        #expect(answer(&world, ["a": .down, "b": .up]).openings.isEmpty)
        #expect(verdict(world, "a") == .down && verdict(world) == .up && world.state(of: "web") == "healthy")
        let end = answer(&world, ["a": .down, "b": .down])
        let opening = try #require(end.openings.first)
        #expect(opening.cause.check == "rule" && opening.cause.reason == .connection)
        #expect(
            opening.cause.message
                == "0 of 2 pass, 1 must; a: connection refused; b: connection refused")
        #expect(opening.severity == .critical)
        #expect(end.actions.count == 1)
    }

    @Test func `a check beside the rule counts as ever`() {
        var world = Self.world([Self.tcp("a"), Self.tcp("b"), Self.tcp("c"), Self.rule(.any, "a", "b")])
        #expect(answer(&world, ["a": .up, "b": .down, "c": .up]).openings.isEmpty)
        #expect(answer(&world, ["a": .up, "b": .down, "c": .down]).openings.map(\.cause.check) == ["c"])
    }

    @Test func `an incident is dated by the member that broke the rule, and its end by the one that met it`() throws {
        var world = Self.world(
            [Self.tcp("a"), Self.tcp("b"), Self.rule(.any, "a", "b")], recovery: [.page])
        answer(&world, ["a": .up, "b": .up])
        answer(&world, ["a": .down, "b": .up])
        let before = world.now.wall
        let opening = try #require(answer(&world, ["a": .down, "b": .down]).openings.first)
        #expect(opening.failedAt >= before)
        answer(&world, ["a": .down, "b": .down])
        let back = world.now.wall
        let end = answer(&world, ["a": .up, "b": .down])
        let resolved = end.records.compactMap { if case .incidentResolved(let at, _) = $0 { at } else { nil } }
        #expect(try #require(resolved.first) >= back)
    }

    @Test func `rules may be made of rules, in any order of their names`() {
        var world = Self.world([
            Self.tcp("a"), Self.tcp("b"), Self.tcp("c"), Self.rule(.all, "z", "c", name: "m"),
            Self.rule(.any, "a", "b", name: "z"),
        ])
        answer(&world, ["a": .down, "b": .up, "c": .up])
        #expect(verdict(world, "z") == .up && verdict(world, "m") == .up && verdict(world) == .up)
        let end = answer(&world, ["a": .down, "b": .down, "c": .up])
        #expect(end.openings.map(\.cause.check) == ["m"])
    }

    @Test func `a rule that is a member of itself decides nothing`() {
        var world = Self.world([Self.tcp("a"), Self.rule(.all, "a", "y", name: "x"), Self.rule(.all, "x", name: "y")])
        #expect(answer(&world, ["a": .down]).openings.isEmpty)
        #expect(verdict(world) == .up || verdict(world) == .unknown)
    }

    @Test func `a disabled member is left out, and a disabled rule silences its members`() {
        var world = Self.world([Self.tcp("a"), Self.tcp("b", enabled: false), Self.rule(.all, "a", "b")])
        answer(&world, ["a": .up])
        #expect(verdict(world) == .up)
        var silent = Self.world([Self.tcp("a"), Self.tcp("b"), Self.rule(.all, "a", enabled: false)])
        answer(&silent, ["a": .down, "b": .up])
        #expect(verdict(silent) == .up && silent.effects.openings.isEmpty)
    }

    @Test func `a unit's death is acted on at once through a rule, and old news of it does not fail the proof`() throws
    {
        let unit = Check(name: "unit", kind: .unit(UnitCheck()))
        var world = Self.world([unit, Self.tcp("a"), Self.rule(.all, "unit", "a")])
        answer(&world, ["a": .up])
        let death = world.killed("web.service", "a")
        #expect(death.openings.map(\.cause.reason) == [.crashed])
        let request = try #require(death.actions.first)
        world.finish(request)
        #expect(world.killed("web.service", "a").records.isEmpty)
        let start = world.running("web.service", "b")
        #expect(world.answerProbes(in: start) { _ in .up }.resolutions == [.heald])
    }

    @Test func `a lost bus makes a rule over the unit unknown and opens nothing`() {
        let unit = Check(name: "unit", kind: .unit(UnitCheck()))
        var world = Self.world([unit, Self.tcp("a"), Self.rule(.atLeast(2), "unit", "a")])
        answer(&world, ["a": .up])
        #expect(verdict(world) == .up)
        #expect(world.send(.unitsUnknown(why: "the bus is gone")).openings.isEmpty)
        #expect(verdict(world) == .unknown)
    }

    @Test func `a look asks the members of a rule, and ends with the rule`() throws {
        let look = Step(
            strategy: .healthCheck(HealthCheckStrategy(checks: ["rule"])), verify: .seconds(60))
        var world = Self.world(
            [Self.tcp("a"), Self.tcp("b"), Self.tcp("c"), Self.rule(.any, "a", "b")],
            recovery: [look, .restart(), .page])
        answer(&world, ["a": .up, "b": .up, "c": .up])
        var asked: Set<String> = []
        var steps: [Effect] = []
        for _ in 0..<30 where steps.actions.isEmpty {
            steps += world.advance(by: 0.1) { request in
                asked.insert(request.check.name)
                return request.check.name == "c" ? .up : .down
            }
        }
        #expect(steps.actions.map(\.action) == ["RESTART"])
        #expect(asked.isSuperset(of: ["a", "b"]))
        #expect(
            steps.records.contains {
                if case .actionFinished(_, let outcome) = $0 { outcome.detail == "2 checks asked again" } else { false }
            })
    }

    @Test func `what a policy change makes of members takes effect with it`() {
        let checks = [Self.tcp("a"), Self.tcp("b")]
        var world = Self.world(checks + [Self.rule(.any, "a", "b")])
        answer(&world, ["a": .up, "b": .down])
        #expect(world.effects.openings.isEmpty)
        let component = Component(
            name: "web", unit: "web.service", startupGrace: .zero, stable: .zero, checks: checks, recovery: [.page])
        let change = world.send(.policyLoaded(PolicySnapshot(components: [component]), generation: 2))
        #expect(change.openings.map(\.cause.check) == ["b"])
    }
}
