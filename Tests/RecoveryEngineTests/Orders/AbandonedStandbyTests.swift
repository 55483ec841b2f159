import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// A standby that serves, and that another policy no longer names: it may still run, and nothing is started beside it.
@Suite struct AbandonedStandbyTests {
    private static func component(standbys: [String], desired: Desired = .follow) -> Component {
        var component = Component(
            name: "db", unit: "db-1.service", stable: .seconds(2),
            checks: [Check(name: "unit", kind: .unit(UnitCheck()))],
            recovery: [Step(strategy: .failover(FailoverStrategy())), .restart(), .page],
            facts: ComponentFacts(failover: FailoverPolicy(standbys: standbys)))
        component.desired = desired
        return component
    }

    private static func policy(standbys: [String], desired: Desired = .follow) -> PolicySnapshot {
        PolicySnapshot(components: [Self.component(standbys: standbys, desired: desired)])
    }

    /// `db-2.service` has taken over.
    private static func world() throws -> EngineHarness {
        var world = EngineHarness([Self.component(standbys: ["db-2.service"])])
        world.stopped("db-2.service")
        world.running("db-1.service", "a")
        world.advance(by: 5)
        let request = try #require(world.killed("db-1.service", "a").actions.first)
        world.running("db-2.service", "b")
        world.finish(request)
        world.advance(by: 5)
        #expect(world.effects.resolutions == [.heald])
        return world
    }

    private static func detail(_ world: EngineHarness) -> String? {
        world.engine.componentStatuses(at: world.now).first?.detail
    }

    @Test(arguments: [Desired.follow, .running])
    func `the own unit is not started beside it, and people are told`(desired: Desired) throws {
        var world = try Self.world()
        var effects = world.send(.policyLoaded(Self.policy(standbys: [], desired: desired), generation: 2))
        effects += world.killed("db-1.service", "a")
        effects += world.advance(by: 600)
        #expect(effects.actions.isEmpty && effects.openings.isEmpty)
        #expect(effects.alerts.map(\.event) == [.healingFailed])
        #expect(effects.alerts.first?.text.hasPrefix("db needs a person: db-2.service had taken over") == true)
        #expect(effects.records.contains(.timeCounts(false, why: "stopped by the failover to db-2.service")))
        #expect(world.state(of: "db") == "stopped")
        #expect(Self.detail(world)?.hasPrefix("db-2.service had taken over and is no longer in the policy") == true)
    }

    @Test func `that outlives heald, whose end the change may have come with`() throws {
        let saved = try #require(try Self.world().effects.saved["db"])
        var next = EngineHarness(
            [Self.component(standbys: [])], restored: RestoredState(components: ["db": saved]))
        next.killed("db-1.service", "a")
        #expect(next.advance(by: 600).actions.isEmpty && next.effects.actions.isEmpty)
        let again = try #require(next.effects.saved["db"])
        var third = EngineHarness(
            [Self.component(standbys: [])], restored: RestoredState(components: ["db": again]))
        third.killed("db-1.service", "a")
        #expect(third.advance(by: 600).actions.isEmpty && third.effects.actions.isEmpty)
        #expect(third.effects.alerts.isEmpty, "told once")
    }

    @Test func `a person takes the component back`() throws {
        var world = try Self.world()
        world.send(.policyLoaded(Self.policy(standbys: []), generation: 2))
        world.killed("db-1.service", "a")
        let effects = world.send(.operatorAsked(.resume(component: "db", by: "root")))
        #expect(effects.actions.map(\.action) == ["RESTART"])
    }

    @Test func `the own unit, started by somebody, is in care again`() throws {
        var world = try Self.world()
        world.send(.policyLoaded(Self.policy(standbys: []), generation: 2))
        world.killed("db-1.service", "a")
        world.running("db-1.service", "c")
        world.advance(by: 15)
        #expect(world.state(of: "db") == "healthy")
        #expect(world.killed("db-1.service", "c").actions.map(\.action) == ["RESTART"])
    }

    @Test func `back in the policy, it is the active one again`() throws {
        var world = try Self.world()
        world.send(.policyLoaded(Self.policy(standbys: []), generation: 2))
        world.killed("db-1.service", "a")
        world.send(.policyLoaded(Self.policy(standbys: ["db-2.service"]), generation: 3))
        world.running("db-2.service", "b")
        world.advance(by: 15)
        #expect(world.state(of: "db") == "healthy")
        #expect(world.engine.componentStatuses(at: world.now).first?.unit == "db-2.service")
    }

    @Test func `where it was down itself, the own unit is repaired`() throws {
        var world = try Self.world()
        let vain = try #require(world.killed("db-2.service", "b").actions.first)
        world.send(.policyLoaded(Self.policy(standbys: []), generation: 2))
        world.finish(vain, .failed)
        world.killed("db-1.service", "a")
        world.advance(by: 60)
        #expect(world.effects.actions.contains { $0.action == "RESTART" && $0.unit == "db-1.service" })
    }
}
