import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// A unit that somebody else has frozen is not ours: neither frozen once more nor thawed.
@Suite struct FrostTests {
    private static func policy(others: [Component] = []) -> PolicySnapshot {
        let levels: [DegradationLevel: LevelPolicy] = [
            .minimal: LevelPolicy(
                enter: LevelCondition(components: ["db"]), freeze: ["report.service", "mine.service"])
        ]
        return PolicySnapshot(
            components: [.service("db", recovery: [.page])] + others,
            degradation: DegradationPolicy(levels: levels, stepUpAfter: .seconds(5)))
    }

    private static let units = ["db.service", "report.service", "mine.service"]

    private static func world(
        frozen: Set<String> = ["report.service"], others: [Component] = []
    ) -> EngineHarness {
        var world = EngineHarness(policy: Self.policy(others: others))
        world.frozen = frozen
        for unit in Self.units { world.running(unit, unit) }
        world.advance(by: 5)
        return world
    }

    private static func orders(_ effects: [Effect]) -> [ActionOrder?] { effects.actions.map(\.order) }
    private static let freezeMine = ActionOrder.limit(units: ["mine.service"], [])
    private static let thawMine = ActionOrder.unlimit(units: ["mine.service"], [])

    @Test func `what is frozen when a level comes is left so, on the way there and on the way back`() throws {
        var world = Self.world()
        let effects = world.killed("db.service", "db.service")
        #expect(Self.orders(effects) == [Self.freezeMine])
        #expect(world.engine.degradation?.units.map(\.state) == ["freezing", "frozen_before"])
        #expect(
            effects.notes.contains("report.service is frozen already: it is left so, and not thawed either"))
        world.finish(try #require(effects.actions.first))
        #expect(world.advance(by: 100).actions.isEmpty)
        world.running("db.service", "new")
        let back = world.advance(by: 60).actions
        #expect(back.map(\.order) == [Self.thawMine])
        world.finish(try #require(back.first))
        #expect(world.engine.degradation?.units == [])
    }

    @Test func `which of them is ours outlives heald`() throws {
        var world = Self.world()
        world.finish(try #require(world.killed("db.service", "db.service").actions.first))
        let saved = world.saved
        var next = EngineHarness(
            policy: Self.policy(),
            restored: RestoredState(components: saved.components, host: try #require(saved.host)), at: world.instant)
        // Both of them by now: what is ours is not asked of systemd.
        next.frozen = ["report.service", "mine.service"]
        for unit in Self.units { next.running(unit, unit) }
        next.killed("db.service", "db.service")
        #expect(next.advance(by: 60).actions.isEmpty)
        #expect(next.engine.degradation?.units.map(\.state) == ["frozen", "frozen_before"])
        next.running("db.service", "new")
        #expect(Self.orders(next.advance(by: 60)) == [Self.thawMine])
    }

    @Test func `the intent says that the unit ran: heald that died behind it takes the freeze for its own`() throws {
        var world = Self.world()
        world.killed("db.service", "db.service")
        var next = EngineHarness(
            policy: Self.policy(), restored: RestoredState(host: try #require(world.saved.host)), at: world.instant)
        next.frozen = ["report.service", "mine.service"]
        let asked = next.effects.compactMap { if case .reconcile(let request) = $0 { request } else { nil } }
        #expect(asked.map(\.order) == [Self.freezeMine])
        for unit in Self.units { next.running(unit, unit) }
        next.killed("db.service", "db.service")
        next.finish(try #require(asked.first))
        next.running("db.service", "new")
        #expect(Self.orders(next.advance(by: 60)) == [Self.thawMine])
    }

    @Test func `while systemd does not tell, nothing is frozen, and it is asked again`() {
        var world = Self.world(frozen: [])
        world.tellsOfFrost = false
        #expect(world.killed("db.service", "db.service").actions.isEmpty)
        world.send(.freezerSeen(unit: "report.service", nil))
        #expect(world.advance(by: 12).actions.isEmpty)
        world.tellsOfFrost = true
        #expect(Self.orders(world.advance(by: 12)).count == 2)
    }

    @Test func `one that is found frozen at the moment of acting is looked at again, and then left`() throws {
        var world = Self.world(frozen: [])
        let orders = world.killed("db.service", "db.service").actions
        #expect(orders.count == 2)
        world.frozen = ["report.service"]
        world.finish(try #require(orders.first { $0.unit == "report.service" }), .refused)
        #expect(Self.orders(world.advance(by: 60)).isEmpty)
        #expect(world.engine.degradation?.units.map(\.state) == ["freezing", "frozen_before"])
    }

    @Test func `a component whose unit somebody froze rests while a level does without it`() throws {
        var world = Self.world(others: [.service("report", criticality: .optional)])
        world.finish(try #require(world.killed("db.service", "db.service").actions.first))
        #expect(world.state(of: "report") == "stopped")
        #expect(
            world.engine.componentStatuses(at: world.now).last?.detail
                == "frozen before the degradation level MINIMAL, which does without it")
        world.running("db.service", "new")
        #expect(Self.orders(world.advance(by: 60)) == [Self.thawMine])
        #expect(world.state(of: "report") == "healthy")
    }

    @Test func `a component whose unit was down before is not started on the way back`() {
        let batch = Component.service("report", criticality: .optional)
        let levels: [DegradationLevel: LevelPolicy] = [
            .minimal: LevelPolicy(enter: LevelCondition(components: ["db"]), stop: ["report.service"])
        ]
        var world = EngineHarness(
            policy: PolicySnapshot(
                components: [.service("db", recovery: [.page]), batch],
                degradation: DegradationPolicy(levels: levels, stepUpAfter: .seconds(5))))
        world.running("db.service", "db.service")
        world.stopped("report.service")
        world.advance(by: 5)
        #expect(world.killed("db.service", "db.service").actions.isEmpty)
        world.advance(by: 20)
        world.running("db.service", "new")
        #expect(world.advance(by: 60).actions.isEmpty)
        #expect(world.level == .normal)
    }

    // MARK: - REDUCE_LOAD

    private static func reducing(_ units: [String], frozen: Set<String>) -> EngineHarness {
        let load = ReduceLoadStrategy(units: units, properties: [], restoreAfter: .seconds(30))
        var world = EngineHarness([
            .service("web", recovery: [Step(strategy: .reduceLoad(load), verify: .seconds(9)), .page])
        ])
        world.frozen = frozen
        world.running("web.service", "a")
        world.advance(by: 5)
        return world
    }

    @Test func `REDUCE_LOAD freezes, and later thaws, only what was not frozen`() throws {
        var world = Self.reducing(["report.service", "mine.service"], frozen: ["report.service"])
        let request = try #require(world.killed("web.service", "a").actions.first)
        #expect(request.order == Self.freezeMine)
        world.finish(request)
        world.running("web.service", "b")
        #expect(Self.orders(world.advance(by: 60)) == [Self.thawMine])
    }

    @Test func `REDUCE_LOAD has nothing to do where all are frozen`() {
        var world = Self.reducing(["report.service"], frozen: ["report.service"])
        #expect(world.killed("web.service", "a").actions.isEmpty)
        #expect(world.effects.skips == ["REDUCE_LOAD: report.service: frozen already, and left so"])
        #expect(world.effects.alerts.count == 1, "the next step had its turn")
    }

    @Test func `REDUCE_LOAD waits for systemd's word`() throws {
        var world = Self.reducing(["mine.service"], frozen: [])
        world.tellsOfFrost = false
        #expect(world.killed("web.service", "a").actions.isEmpty)
        #expect(world.advance(by: 12).actions.isEmpty)
        #expect(world.state(of: "web") == "failing")
        #expect(world.effects.skips.isEmpty)
        world.tellsOfFrost = true
        #expect(Self.orders(world.advance(by: 12)) == [Self.freezeMine])
    }

    @Test func `what REDUCE_LOAD had frozen is frozen by the level once REDUCE_LOAD gives it back`() throws {
        var world = Self.reducing(["mine.service"], frozen: [])
        world.running("mine.service", "mine.service")
        world.finish(try #require(world.killed("web.service", "a").actions.first))
        world.frozen = ["mine.service"]
        world.running("web.service", "b")
        world.advance(by: 5)
        var policy = Self.policy(others: [.service("web", recovery: [.page])])
        policy.degradation?.levels[.minimal]?.freeze = ["mine.service"]
        world.send(.policyLoaded(policy, generation: 2))
        world.running("db.service", "db.service")
        world.running("mine.service", "mine.service")
        world.advance(by: 5)
        world.killed("db.service", "db.service")
        #expect(world.engine.degradation?.units.map(\.state) == ["frozen_before"])
        let back = try #require(world.advance(by: 40).actions.first)
        #expect(back.order == Self.thawMine)
        world.frozen = []
        #expect(Self.orders(world.finish(back)) == [Self.freezeMine])
    }

    @Test func `what REDUCE_LOAD freezes, and later thaws, is the invocation that it saw`() throws {
        var world = Self.reducing(["mine.service"], frozen: [])
        let request = try #require(world.killed("web.service", "a").actions.first)
        #expect(request.expectedInvocation(of: "mine.service") == "of mine.service")
        world.finish(request)
        let saved = world.saved
        world.running("web.service", "b")
        let back = try #require(world.advance(by: 60).actions.first)
        #expect(back.expectedInvocation(of: "mine.service") == "of mine.service")
        let frozen = saved.components["web"]?.facts?.reducedLoads.first
        #expect(frozen?.invocations == ["mine.service": "of mine.service"], "and heald's end does not change that")
    }

    @Test func `what a level freezes, and later thaws, is the invocation that it saw`() throws {
        var world = Self.world()
        let request = try #require(world.killed("db.service", "db.service").actions.first)
        #expect(request.expectedInvocation(of: "mine.service") == "mine.service")
        world.finish(request)
        world.running("db.service", "new")
        let back = try #require(world.advance(by: 60).actions.first)
        #expect(back.expectedInvocation(of: "mine.service") == "mine.service")
    }
}
