import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@Suite struct LadderTests {
    @Test func `a killed unit is restarted at once and proven up after its stable time`() throws {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        #expect(world.state(of: "web") == "healthy")
        world.seconds += 10
        let death = world.killed("web.service", "a")
        let request = try #require(death.actions.first)
        #expect(request.action == "RESTART")
        #expect(request.unit == "web.service")
        #expect(request.expectedInvocationID == "a")
        #expect(death.openings.first?.cause.reason == .crashed)
        world.seconds += 0.02
        world.running("web.service", "b")
        world.finish(request)
        #expect(world.state(of: "web") == "verifying")
        let after = world.advance(by: 2.5)
        #expect(after.resolutions == [.heald])
        #expect(world.state(of: "web") == "healthy")
    }

    @Test func `the intent is on record before the action in the same batch`() throws {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let death = world.killed("web.service", "a")
        let intent = death.firstIndex {
            if case .record(let record) = $0, case .actionIntended = record.body { true } else { false }
        }
        let act = death.firstIndex { if case .act = $0 { true } else { false } }
        #expect(try #require(intent) < #require(act))
    }

    @Test func `the action comes before the gathering of evidence, which is of the dead invocation`() throws {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let death = world.killed("web.service", "a")
        let act = death.firstIndex { if case .act = $0 { true } else { false } }
        let evidence = death.firstIndex {
            if case .gatherEvidence(let request) = $0 { request.invocationID == "a" } else { false }
        }
        #expect(try #require(act) < #require(evidence))
    }

    @Test func `the same death told twice restarts once`() {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let first = world.killed("web.service", "a")
        let second = world.killed("web.service", "a")
        #expect(first.actions.count == 1)
        #expect(second.actions.isEmpty)
    }

    @Test func `attempts are separated by the backoff and followed by the next step`() throws {
        var world = EngineHarness([.service("web", recovery: [.restart(.limited(2)), .page])])
        world.running("web.service", "a")
        let first = try #require(world.killed("web.service", "a").actions.first)
        #expect(world.finish(first, .failed).actions.isEmpty)
        #expect(world.advance(by: 0.9).actions.isEmpty)
        let second = try #require(world.advance(by: 0.2).actions.first)
        #expect(second.attempt == 2)
        let end = world.finish(second, .failed)
        #expect(end.actions.isEmpty)
        #expect(end.alerts.map(\.event) == [.healingFailed])
        #expect(end.alerts.first?.channels == ["oncall"])
        #expect(world.state(of: "web") == "exhausted")
    }

    @Test func `an exhausted ladder begins again after rearm and not before`() throws {
        var world = EngineHarness([.service("web", recovery: [.restart(.limited(1)), .page])])
        world.running("web.service", "a")
        let first = try #require(world.killed("web.service", "a").actions.first)
        world.finish(first, .failed)
        #expect(world.advance(by: 15 * 60 - 1).actions.isEmpty)
        #expect(world.advance(by: 2).actions.count == 1)
    }

    @Test func `a unit that dies again while it proves itself counts as a failed attempt`() throws {
        var world = EngineHarness([.service("web", recovery: [.restart(.limited(2)), .page])])
        world.running("web.service", "a")
        let first = try #require(world.killed("web.service", "a").actions.first)
        world.running("web.service", "b")
        world.finish(first)
        let again = world.killed("web.service", "b")
        #expect(again.records.contains { if case .verification(first.id, false, _) = $0 { true } else { false } })
        let second = world.advance(by: 1.5).actions
        #expect(second.map(\.attempt) == [2])
        #expect(second.first?.expectedInvocationID == "b")
    }

    @Test func `old news of the dead unit after a restart does not fail its proof`() throws {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let first = try #require(world.killed("web.service", "a").actions.first)
        world.finish(first)
        #expect(world.killed("web.service", "a").records.isEmpty)
        world.running("web.service", "b")
        #expect(world.advance(by: 3).resolutions == [.heald])
    }

    @Test func `what only a person can mend goes straight to the alert`() {
        var world = EngineHarness([.service("web", recovery: [.restart(), .page])])
        world.running("web.service", "a")
        let death = world.killed("web.service", "a", result: "exit-code", status: 78)
        #expect(death.actions.isEmpty)
        #expect(death.openings.first?.cause.category == .permanent)
        #expect(death.skips == ["RESTART: it does not help against PERMANENT (misconfigured)"])
        #expect(death.alerts.count == 1)
    }

    @Test func `a step's own category overrides the default treatment`() {
        let when = Condition(categories: [.permanent])
        var world = EngineHarness([.service("web", recovery: [.restart(when: when), .page])])
        world.running("web.service", "a")
        #expect(world.killed("web.service", "a", result: "exit-code", status: 78).actions.count == 1)
    }

    @Test func `observe mode records what it would do and does nothing`() {
        var world = EngineHarness([.service("web", mode: .observe)])
        world.running("web.service", "a")
        let death = world.killed("web.service", "a")
        #expect(death.actions.isEmpty)
        #expect(death.alerts.isEmpty)
        #expect(death.skips.count == 2)
        #expect(world.advance(by: 3600).actions.isEmpty)
    }

    @Test func `a second failure within rearm goes on where the ladder stood`() throws {
        var world = EngineHarness([.service("web", recovery: [.restart(.limited(2)), .page])])
        world.running("web.service", "a")
        world.finish(try #require(world.killed("web.service", "a").actions.first))
        world.running("web.service", "b")
        world.advance(by: 300)
        let second = world.killed("web.service", "b")
        #expect(second.actions.map(\.attempt) == [2])
        #expect(second.openings.first?.previous == 1)
        world.finish(try #require(second.actions.first))
        world.running("web.service", "c")
        world.advance(by: 300)
        let third = world.killed("web.service", "c")
        #expect(third.actions.isEmpty)
        #expect(third.alerts.count == 1)
    }

    @Test func `a health check step looks again and ends the incident when all is well`() {
        let look = Step(strategy: .healthCheck(HealthCheckStrategy()))
        var world = EngineHarness([.endpoint("api", recovery: [look, .page])])
        world.advance(by: 10) { _ in .up }
        // Down until the incident opens, up from the moment the step asks again.
        var failures = 0
        let effects = world.advance(by: 20) { _ in
            failures += 1
            return failures <= 3 ? .down : .up
        }
        #expect(effects.openings.count == 1)
        #expect(effects.resolutions == [.itself])
        #expect(effects.alerts.isEmpty)
    }

    @Test func `a health check step that fails again is followed by the next step at once`() {
        let look = Step(strategy: .healthCheck(HealthCheckStrategy()))
        var world = EngineHarness([.endpoint("api", recovery: [look, .page])])
        world.advance(by: 10) { _ in .up }
        let effects = world.advance(by: 12) { _ in .down }
        #expect(effects.openings.count == 1)
        #expect(effects.alerts.map(\.event) == [.healingFailed])
    }
}
