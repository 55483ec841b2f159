import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// More and less of a component, others that step back for it, and its own isolation.
@Suite struct LoadAndIsolationTests {
    private static func component(_ recovery: [Step], _ facts: ComponentFacts) -> Component {
        Component(
            name: "web", unit: "web.service", stable: .seconds(2),
            checks: [Check(name: "unit", kind: .unit(UnitCheck()))],
            recovery: recovery, facts: facts)
    }

    private static func scaled(
        _ direction: ScaleStrategy.Direction, min: Int = 1, max: Int = 3, step: Int = 1, running: Int
    ) -> EngineHarness {
        let facts = ComponentFacts(
            scale: ScalePolicy(
                kind: .instances(template: "worker@.service", min: min, max: max, step: step), cooldown: .seconds(30)))
        var world = EngineHarness([
            Self.component([Step(strategy: .scale(ScaleStrategy(direction)), attempts: .limited(3)), .page], facts)
        ])
        world.running("web.service", "a")
        for number in 1...max {
            let unit = "worker@\(number).service"
            if number <= running { world.running(unit, "w\(number)") } else { world.stopped(unit) }
        }
        world.advance(by: 5)
        return world
    }

    @Test func `more instances up to max`() throws {
        var world = Self.scaled(.up, step: 2, running: 2)
        let request = try #require(world.killed("web.service", "a").actions.first)
        #expect(request.order == .start(["worker@3.service"]), "only one is left")
        world.running("worker@3.service", "w3")
        world.finish(request, .failed)
        #expect(world.advance(by: 40).actions.isEmpty)
        #expect(world.effects.skips == ["SCALE_UP: all 3 instances run already"])
    }

    @Test func `the next change waits out the cooldown of the last`() throws {
        var world = Self.scaled(.up, running: 1)
        let first = try #require(world.killed("web.service", "a").actions.first)
        world.running("worker@2.service", "w2")
        world.finish(first)
        world.killed("web.service", "a")
        #expect(world.advance(by: 25).actions.isEmpty)
        #expect(world.advance(by: 10).actions.map(\.order) == [.start(["worker@3.service"])])
    }

    @Test func `fewer instances down to min, the last first`() throws {
        var world = Self.scaled(.down, min: 2, step: 5, running: 3)
        #expect(world.killed("web.service", "a").actions.map(\.order) == [.stop(["worker@3.service"])])
        var least = Self.scaled(.down, min: 2, running: 2)
        #expect(least.killed("web.service", "a").actions.isEmpty)
        #expect(least.effects.skips == ["SCALE_DOWN: only 2 instances run, and 2 are kept"])
    }

    @Test func `instances of which nothing is known are not counted as down`() {
        var world = Self.scaled(.up, running: 1)
        world.send(.unitsUnknown(why: "the bus is gone"))
        #expect(world.advance(by: 20).actions.isEmpty)
    }

    private static let load = ReduceLoadStrategy(
        units: ["reports.service"], properties: [UnitProperty(.cpuWeight, 10)], restoreAfter: .seconds(30))

    /// Others have stepped back, and the component is up again.
    private static func relieved() throws -> EngineHarness {
        var world = EngineHarness([
            Self.component([Step(strategy: .reduceLoad(Self.load), verify: .seconds(9)), .page], ComponentFacts())
        ])
        world.running("web.service", "a")
        world.advance(by: 5)
        let request = try #require(world.killed("web.service", "a").actions.first)
        #expect(request.order == .limit(units: ["reports.service"], Self.load.properties))
        world.finish(request)
        world.running("web.service", "b")
        world.advance(by: 5)
        return world
    }

    @Test func `those that stepped back get everything back when the component has been up for long enough`() throws {
        var world = try Self.relieved()
        #expect(world.advance(by: 20).actions.isEmpty)
        let back = world.advance(by: 15).actions
        #expect(back.map(\.order) == [.unlimit(units: ["reports.service"], Self.load.properties)])
        #expect(world.advance(by: 100).actions.isEmpty, "once")
    }

    @Test func `also when the component leaves the policy, and in the next run`() throws {
        var world = try Self.relieved()
        let saved = try #require(world.effects.saved["web"])
        #expect(world.send(.policyLoaded(PolicySnapshot(), generation: 2)).actions.count == 1)
        let policy = Self.component([Step(strategy: .reduceLoad(Self.load)), .page], ComponentFacts())
        var next = EngineHarness([policy], restored: RestoredState(components: ["web": saved]))
        next.running("web.service", "b")
        #expect(next.advance(by: 60).actions.map(\.action) == ["REDUCE_LOAD"])
    }

    @Test func `what could not be given back is told to people`() throws {
        var world = try Self.relieved()
        let back = try #require(world.advance(by: 40).actions.first)
        let alerts = world.finish(back, .failed).alerts
        #expect(alerts.first?.text.hasPrefix("What REDUCE_LOAD did for web could not be taken back") == true)
    }

    @Test func `load that could not be given back is given back later, and never while paused`() throws {
        let reduce = ReduceLoadStrategy(units: ["batch.service"], restoreAfter: .seconds(10))
        var world = EngineHarness([
            .service("web", recovery: [Step(strategy: .reduceLoad(reduce)), .restart(.limited(1))])
        ])
        world.running("web.service", "a")
        let request = try #require(world.killed("web.service", "a").actions.first)
        world.running("web.service", "b")
        world.finish(request)
        world.advance(by: 5)
        world.send(.operatorAsked(.pause(component: "web", for: .seconds(60), by: "root", reason: "")))
        #expect(world.advance(by: 50).actions.isEmpty)
        let first = try #require(world.advance(by: 20).actions.first)
        #expect(first.order == .unlimit(units: ["batch.service"], []))
        world.finish(first, .failed)
        let second = try #require(world.advance(by: 31).actions.first)
        #expect(second.order == first.order)
        world.finish(second)
        #expect(world.advance(by: 300).actions.isEmpty)
    }

    /// Isolated, with the trial still to come.
    private static func isolated() throws -> EngineHarness {
        let facts = ComponentFacts(isolate: IsolatePolicy(openFor: .seconds(60)))
        var world = EngineHarness([Self.component([Step(strategy: .circuitBreak(CircuitBreakStrategy()))], facts)])
        world.running("web.service", "a")
        world.advance(by: 5)
        let request = try #require(world.killed("web.service", "a").actions.first)
        #expect(request.order == .isolate)
        let effects = world.finish(request)
        #expect(effects.alerts.map(\.event) == [.latched])
        #expect(world.state(of: "web") == "isolated")
        return world
    }

    @Test func `what is isolated stays so until its trial`() throws {
        var world = try Self.isolated()
        #expect(world.advance(by: 50).actions.isEmpty)
        let trial = try #require(world.advance(by: 20).actions.first)
        #expect(trial.order == .tryIsolated)
        world.running("web.service", "b")
        world.finish(trial)
        #expect(world.advance(by: 5).resolutions == [.heald])
    }

    @Test func `a trial that fails isolates again, for as long`() throws {
        var world = try Self.isolated()
        let trial = try #require(world.advance(by: 70).actions.first)
        world.running("web.service", "b")
        world.finish(trial)
        let again = try #require(world.killed("web.service", "b").actions.first)
        #expect(again.order == .isolate)
        world.finish(again)
        #expect(world.advance(by: 50).actions.isEmpty)
        #expect(world.advance(by: 20).actions.map(\.order) == [.tryIsolated])
    }

    @Test func `resume brings the trial at once`() throws {
        var world = try Self.isolated()
        #expect(
            world.send(.operatorAsked(.resume(component: "web", by: "root"))).actions.map(\.order) == [.tryIsolated])
    }

    @Test func `resume lets people start it while repairs are held back`() throws {
        var world = try Self.isolated()
        world.send(.operatorAsked(.pause(component: nil, for: .seconds(600), by: "root", reason: "work")))
        let back = try #require(
            world.send(.operatorAsked(.resume(component: "web", by: "root"))).actions.first)
        #expect(back.order == .endIsolation)
        #expect(world.effects.notes.contains { $0.hasPrefix("root may start it by hand: automation is paused") })
        #expect(world.finish(back).actions.isEmpty && world.advance(by: 300).actions.isEmpty)
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .active, subState: "running", invocationID: "b", mainPID: 42, startedByOther: true,
                activeEnteredAt: world.now.wall))
        #expect(world.advance(by: 15).resolutions == [.person])
    }

    @Test func `isolation outlives the supervisor, and ends with the component`() throws {
        var world = try Self.isolated()
        let saved = try #require(world.effects.saved["web"])
        let facts = ComponentFacts(isolate: IsolatePolicy(openFor: .seconds(60)))
        let policy = Self.component([Step(strategy: .circuitBreak(CircuitBreakStrategy()))], facts)
        var next = EngineHarness([policy], restored: RestoredState(components: ["web": saved]))
        next.stopped("web.service", "a")
        #expect(next.state(of: "web") == "isolated")
        #expect(next.advance(by: 30).actions.isEmpty)
        #expect(next.advance(by: 40).actions.map(\.order) == [.tryIsolated])
        #expect(world.send(.policyLoaded(PolicySnapshot(), generation: 2)).actions.map(\.order) == [.endIsolation])
    }

    @Test func `RESTART takes along what goes with it, each after what it needs`() throws {
        let step = Step(strategy: .restart(RestartStrategy(with: ["web-log.service"], dependents: true)))
        var components = [
            Component.service("web", recovery: [step, .page]), .service("shop", dependsOn: ["api"]),
            .service("api", dependsOn: ["web"]), .service("watched", dependsOn: ["web"], mode: .observe),
        ]
        components[0].stable = .seconds(1)
        var world = EngineHarness(components)
        for name in ["web", "shop", "api", "watched"] { world.running("\(name).service", "\(name)-a") }
        world.advance(by: 15)
        let request = try #require(world.killed("web.service", "web-a").actions.first)
        #expect(request.order == .restartAfterwards(["web-log.service", "api.service", "shop.service"]))
    }
}
