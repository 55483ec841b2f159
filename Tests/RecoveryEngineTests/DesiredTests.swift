import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// `desired: running`.
@Suite struct DesiredTests {
    private static func web(_ mode: Mode = .auto, _ desired: Desired = .running) -> Component {
        var component = Component.service("web", mode: mode)
        component.desired = desired
        return component
    }

    private static func stop(_ id: String = "a", load: String = "loaded") -> UnitObservation {
        UnitObservation(
            loadState: load, activeState: .inactive, subState: "dead", invocationID: id, stoppedByOther: true)
    }

    private static func stopped(_ mode: Mode = .auto) -> EngineHarness {
        var world = EngineHarness([Self.web(mode)])
        world.running("web.service", "a")
        world.advance(by: 5)
        world.observe("web.service", Self.stop())
        return world
    }

    @Test func `a unit that ought to run is started two seconds after whoever stopped it`() throws {
        var world = Self.stopped()
        #expect(world.state(of: "web") == "stopped")
        #expect(world.advance(by: 1.9).actions.isEmpty)
        let effects = world.advance(by: 0.2)
        #expect(effects.openings.map(\.cause.message) == ["the unit was stopped, and ought to run"])
        let opening = try #require(effects.openings.first)
        #expect(opening.failedAt == opening.detectedAt)
        let request = try #require(effects.actions.first)
        #expect(request.action == "RESTART")
        world.running("web.service", "b")
        world.finish(request)
        #expect(world.advance(by: 5).resolutions == [.heald])
    }

    @Test func `with follow the stop is respected`() {
        var world = EngineHarness([Self.web(.auto, .follow)])
        world.running("web.service", "a")
        world.observe("web.service", Self.stop())
        #expect(world.advance(by: 3_600).actions.isEmpty)
    }

    @Test func `a start that follows the stop is nobody's business`() {
        var world = Self.stopped()
        world.advance(by: 1)
        world.running("web.service", "b")
        #expect(world.advance(by: 60).actions.isEmpty)
        #expect(world.effects.openings.isEmpty)
    }

    @Test func `one found inactive at the start is started`() {
        var world = EngineHarness([Self.web()])
        world.stopped("web.service")
        #expect(world.advance(by: 3).actions.map(\.action) == ["RESTART"])
    }

    @Test func `nothing is started while repairs are held back, and at once when they are not`() {
        for resumes in [true, false] {
            var world = EngineHarness([Self.web()])
            world.running("web.service", "a")
            world.send(.operatorAsked(.pause(component: nil, for: .seconds(600), by: "root", reason: "disks")))
            world.observe("web.service", Self.stop())
            #expect(world.advance(by: 500).actions.isEmpty)
            #expect(world.effects.openings.isEmpty)
            if resumes { world.send(.operatorAsked(.resume(component: nil, by: "root"))) }
            world.advance(by: resumes ? 1 : 101)
            #expect(world.effects.actions.map(\.action) == ["RESTART"])
        }
    }

    @Test func `in mode observe a stop is a stop`() {
        var world = Self.stopped(.observe)
        #expect(world.advance(by: 600).actions.isEmpty)
        #expect(world.effects.openings.isEmpty)
    }

    @Test func `stopping it again and again does not give it a new ladder`() throws {
        var world = Self.stopped()
        var actions: [ActionRequest] = []
        for round in 1...6 {
            let new = world.advance(by: 3)
            actions += new.actions
            guard let request = new.actions.first(where: { $0.action == "RESTART" }) else { break }
            world.running("web.service", "r\(round)")
            world.finish(request)
            world.advance(by: 5)
            world.observe("web.service", Self.stop("r\(round)"))
        }
        actions += world.advance(by: 60).actions
        // Three attempts, as the ladder has them; flapping or the ladder's end hold back the rest.
        #expect(actions.count { $0.action == "RESTART" } <= 3)
        #expect(!world.effects.alerts.isEmpty)
    }

    @Test func `a masked unit is explained and not started`() {
        var world = EngineHarness([Self.web()])
        world.running("web.service", "a")
        world.advance(by: 5)
        world.observe("web.service", Self.stop(load: "masked"))
        let effects = world.advance(by: 600)
        #expect(effects.actions.isEmpty)
        #expect(world.effects.openings.first?.cause.reason == .misconfigured)
        #expect(world.effects.skips.contains { $0.hasPrefix("RESTART: it does not help against PERMANENT") })
    }

    @Test func `a start that is refused is not tried for ever`() {
        var world = Self.stopped()
        var starts = 0
        for _ in 0..<20 {
            for request in world.advance(by: 30).actions where request.action == "RESTART" {
                starts += 1
                world.finish(request, .failed)
            }
        }
        #expect(starts == 3)
        #expect(world.state(of: "web") == "exhausted")
    }
}
