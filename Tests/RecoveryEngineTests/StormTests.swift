import Foundation
import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// After a freeze or a spent budget automation does not begin again at once.
@Suite struct StormTests {
    static let ladder = [Step.restart(.unlimited, backoff: Backoff(initial: .zero))]

    static func fleet(_ count: Int) -> [Component] {
        (0..<count).map { .service("c\($0)", recovery: Self.ladder, breaker: BreakerPolicy(failures: 1_000)) }
    }

    /// Ten components, four of which are still down when the freeze ends.
    static func thawed(_ guards: Guards) -> EngineHarness {
        var components = Self.fleet(10)
        components[8].criticality = .critical
        var world = EngineHarness(components, guards: guards)
        for index in 0..<10 { world.running("c\(index).service", "0") }
        world.send(.operatorAsked(.pause(component: nil, for: .seconds(60), by: "root", reason: "")))
        for index in 2..<10 { world.killed("c\(index).service", "0") }
        world.send(.operatorAsked(.resume(component: nil, by: "root")))
        for index in 2..<6 { world.running("c\(index).service", "1") }
        return world
    }

    @Test func `after a freeze repairs wait out the cooldown, and then the most important goes first`() {
        var world = Self.thawed(Guards(maxConcurrent: 1, stormCooldown: .seconds(300)))
        #expect(world.engine.hostState.state == "running")
        #expect(world.effects.actions.isEmpty)
        #expect(
            world.effects.notes.contains {
                $0 == "automation was frozen: it begins again in 5m, after the storm cooldown (stormCooldown)"
            })
        #expect(world.advance(by: 299).actions.isEmpty)
        #expect(world.advance(by: 1).actions.map(\.component) == ["c8"])
    }

    @Test func `a spent budget begins a storm, once`() {
        let guards = Guards(maxActions: .init(count: 1, per: .seconds(60)), stormCooldown: .seconds(300))
        var world = EngineHarness(Self.fleet(3), guards: guards)
        for index in 0..<3 { world.running("c\(index).service", "0") }
        let first = world.killed("c0.service", "0").actions
        world.running("c0.service", "1")
        world.finish(first[0])
        world.advance(by: 30)
        #expect(world.killed("c1.service", "0").actions.isEmpty)
        #expect(world.advance(by: 299).actions.isEmpty)
        #expect(world.effects.notes.contains { $0.hasPrefix("the action budget (maxActions) was spent: automation") })
        #expect(world.advance(by: 1).actions.map(\.component) == ["c1"])
    }

    @Test func `a budget that stays spent for longer than the cooldown does not begin it anew`() {
        let guards = Guards(maxActions: .init(count: 1, per: .seconds(600)), stormCooldown: .seconds(300))
        var world = EngineHarness(Self.fleet(2), guards: guards)
        for index in 0..<2 { world.running("c\(index).service", "0") }
        let first = world.killed("c0.service", "0").actions
        world.running("c0.service", "1")
        world.finish(first[0])
        world.advance(by: 10)
        #expect(world.killed("c1.service", "0").actions.isEmpty)
        #expect(world.advance(by: 589).actions.isEmpty)
        #expect(world.advance(by: 1).actions.map(\.component) == ["c1"])
    }

    @Test func `the cooldown outlives the supervisor`() throws {
        let guards = Guards(maxConcurrent: 1, stormCooldown: .seconds(300))
        let world = Self.thawed(guards)
        let text = try JSONEncoder().encode(try #require(world.saved.host))
        let restored = RestoredState(
            components: world.saved.components, host: try JSONDecoder().decode(SavedHost.self, from: text))
        var next = EngineHarness(
            policy: PolicySnapshot(components: Self.fleet(10), guards: guards), restored: restored,
            at: world.instant + .seconds(100))
        for index in 0..<6 { next.running("c\(index).service", "1") }
        for index in 6..<10 { next.killed("c\(index).service", "0") }
        #expect(next.advance(by: 199).actions.isEmpty)
        #expect(next.advance(by: 2).actions.count == 1)
    }

    @Test func `a policy that takes the cooldown away ends it`() {
        var world = Self.thawed(Guards(maxConcurrent: 1, stormCooldown: .seconds(300)))
        let guards = Guards(maxConcurrent: 1, stormCooldown: .zero)
        let effects = world.send(
            .policyLoaded(PolicySnapshot(components: Self.fleet(10), guards: guards), generation: 2))
        #expect(effects.actions.count == 1)
    }
}
