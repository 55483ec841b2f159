import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// A component that fails again and again is left to people for a while.
@Suite struct FlapTests {
    static let component = Component.service(
        "web", stable: .seconds(1), recovery: [.restart(.unlimited, backoff: Backoff(initial: .zero))],
        breaker: BreakerPolicy(failures: 1_000))
    static let guards = Guards(maxActions: .init(count: 1_000, per: .seconds(60)))

    /// It dies `times` times, each time repaired at once where it is repaired at all.
    static func dying(_ times: Int, every seconds: Double, _ world: inout EngineHarness) {
        for round in 0..<times {
            for request in world.killed("web.service", "\(round)").actions {
                world.running("web.service", "\(round + 1)")
                world.finish(request)
            }
            world.advance(by: seconds)
        }
    }

    static func world() -> EngineHarness {
        var world = EngineHarness([Self.component], guards: Self.guards)
        world.running("web.service", "0")
        return world
    }

    @Test func `the third failure in a short time latches it, with one alert, until it has been quiet`() {
        var world = Self.world()
        Self.dying(3, every: 20, &world)
        #expect(world.effects.actions.count == 2)
        #expect(world.state(of: "web") == "latched")
        #expect(world.effects.alerts.map(\.event) == [.latched])
        #expect(world.effects.notes.contains { $0.hasPrefix("it comes and goes: repairs are held back") })
        #expect(world.advance(by: 159).actions.isEmpty)
        #expect(world.advance(by: 60).actions.count == 1)
        #expect(world.effects.records.contains(.latchChanged(latched: false, why: "it has been quiet")))
    }

    @Test func `one that fails now and then is repaired each time`() {
        var world = Self.world()
        Self.dying(20, every: 240, &world)
        #expect(world.effects.actions.count == 20)
        #expect(world.effects.alerts.isEmpty)
    }

    @Test(arguments: ["ack", "resume"])
    func `an operator's word ends the latch`(word: String) {
        var world = Self.world()
        Self.dying(3, every: 5, &world)
        let request: OperatorRequest =
            word == "ack" ? .acknowledge(component: "web", by: "root") : .resume(component: "web", by: "root")
        #expect(world.send(.operatorAsked(request)).actions.count == 1)
        #expect(world.effects.records.contains(.latchChanged(latched: false, why: "acknowledged by root")))
    }

    @Test func `one that comes back by itself stays latched until it is quiet`() {
        var world = Self.world()
        Self.dying(3, every: 5, &world)
        world.running("web.service", "9")
        world.advance(by: 5)
        #expect(world.state(of: "web") == "healthy")
        #expect(world.killed("web.service", "9").actions.isEmpty)
        world.running("web.service", "10")
        world.advance(by: 300)
        #expect(world.killed("web.service", "10").actions.count == 1)
    }

    @Test func `the latch outlives the supervisor`() {
        var world = Self.world()
        Self.dying(3, every: 5, &world)
        let restored = RestoredState(components: world.saved.components, host: world.saved.host ?? SavedHost())
        var next = EngineHarness(
            policy: PolicySnapshot(components: [Self.component], guards: Self.guards), restored: restored,
            at: world.instant + .seconds(5))
        #expect(next.killed("web.service", "2").actions.isEmpty)
        #expect(next.state(of: "web") == "latched")
        #expect(next.advance(by: 250).actions.count == 1)
    }

    @Test(arguments: [1, 5, 20, 50, 80, 95, 99])
    func `however it comes and goes, repairs stay rare`(share: Int) {
        // Ten hours of a service that is down for a share of each minute, unless it is repaired.
        var world = Self.world()
        var invocation = 0
        for _ in 0..<600 {
            for request in world.killed("web.service", "\(invocation)").actions {
                invocation += 1
                world.running("web.service", "\(invocation)")
                world.finish(request)
            }
            world.advance(by: 0.6 * Double(share))
            invocation += 1
            world.running("web.service", "\(invocation)")
            world.advance(by: 60 - 0.6 * Double(share))
        }
        #expect(world.effects.actions.count <= 3)
        #expect(world.effects.alerts.filter { $0.event == .latched }.count == 1)
    }
}
