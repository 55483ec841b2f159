import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// Steps that start nothing anew themselves: RESET_CONNECTION and EXEC.
@Suite struct MilderStepTests {
    private static let hook = Step(
        strategy: .exec(ExecStrategy(command: ["/bin/hook"])), verify: .seconds(15))
    private static let reset = Step(strategy: .resetConnection(ResetConnectionStrategy()), verify: .seconds(15))

    private static func component(_ recovery: [Step]) -> Component {
        Component(
            name: "web", unit: "web.service", startupGrace: .seconds(1),
            checks: [
                Check(name: "unit", kind: .unit(UnitCheck())),
                Check(
                    name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(1), fall: 2,
                    rise: 1),
            ], recovery: recovery)
    }

    @Test func `the request carries what the policy says of the step`() throws {
        var world = EngineHarness([Self.component([Self.hook])])
        world.running("web.service", "a")
        let request = try #require(world.killed("web.service", "a").actions.first)
        #expect(request.strategy == .exec(ExecStrategy(command: ["/bin/hook"])))
        #expect(request.unit == nil && request.expectedInvocationID == "a")
    }

    @Test func `a hook that brings the unit back gets the time of the proof for it`() throws {
        var world = EngineHarness([Self.component([Self.hook, .page])])
        world.running("web.service", "a")
        world.advance(by: 5) { _ in .up }
        let request = try #require(world.killed("web.service", "a").actions.first)
        world.finish(request)
        // Told again of the old death: no news.
        world.killed("web.service", "a")
        #expect(world.state(of: "web") == "verifying")
        world.seconds += 2
        world.answerProbes(in: world.running("web.service", "b")) { _ in .up }
        #expect(world.advance(by: 6) { _ in .up }.resolutions == [.heald])
    }

    @Test func `a hook that does not help has failed when the time of the proof is over`() throws {
        var world = EngineHarness([Self.component([Self.hook, .page])])
        world.running("web.service", "a")
        world.advance(by: 5) { _ in .up }
        let request = try #require(world.killed("web.service", "a").actions.first)
        world.finish(request)
        world.killed("web.service", "a")
        #expect(world.advance(by: 14) { _ in .down }.alerts.isEmpty)
        #expect(world.advance(by: 2) { _ in .down }.alerts.map(\.event) == [.healingFailed])
    }

    @Test func `whoever starts the unit in the middle of a proof gets its grace each time`() throws {
        var component = Self.component([Self.hook, .page])
        component.startupGrace = .seconds(10)
        var world = EngineHarness([component])
        world.running("web.service", "a")
        world.advance(by: 30) { _ in .up }
        let request = try #require(world.killed("web.service", "a").actions.first)
        world.finish(request)
        func start(_ id: String) {
            world.observe(
                "web.service",
                UnitObservation(
                    activeState: .active, subState: "running", invocationID: id, mainPID: 42, startedByOther: true,
                    activeEnteredAt: world.now.wall))
        }
        for id in ["b", "c", "d"] {
            #expect(world.advance(by: 8) { _ in .down }.alerts.isEmpty)
            start(id)
        }
        #expect(world.advance(by: 9) { _ in .down }.alerts.isEmpty)
        #expect(world.advance(by: 2) { _ in .down }.alerts.map(\.event) == [.healingFailed])
    }

    @Test func `a unit that goes on running needs no new start after a reset`() throws {
        var world = EngineHarness([Self.component([Self.reset, .page])])
        world.running("web.service", "a")
        world.advance(by: 5) { _ in .up }
        let request = try #require(world.advance(by: 5) { _ in .down }.actions.first)
        #expect(request.action == "RESET_CONNECTION" && request.unit == "web.service")
        world.answerProbes(in: world.finish(request)) { _ in .up }
        #expect(world.advance(by: 6) { _ in .up }.resolutions == [.heald])
    }

    @Test func `a unit that dies after a reset has failed at once`() throws {
        var world = EngineHarness([Self.component([Self.reset, .page])])
        world.running("web.service", "a")
        world.advance(by: 5) { _ in .up }
        let request = try #require(world.advance(by: 5) { _ in .down }.actions.first)
        world.finish(request)
        #expect(world.killed("web.service", "a").alerts.map(\.event) == [.healingFailed])
    }
}
