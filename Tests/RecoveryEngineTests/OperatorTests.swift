import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@Suite struct OperatorTests {
    static func stopped(_ id: String) -> UnitObservation {
        UnitObservation(activeState: .inactive, subState: "dead", invocationID: id, stoppedByOther: true)
    }

    @Test func `a unit stopped by an operator is left alone until it is started again`() {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let stop = world.observe("web.service", Self.stopped("a"))
        #expect(stop.actions.isEmpty && stop.openings.isEmpty)
        #expect(world.state(of: "web") == "stopped")
        #expect(world.advance(by: 3600).actions.isEmpty)
        world.running("web.service", "b")
        #expect(world.state(of: "web") == "healthy")
        #expect(world.killed("web.service", "b").actions.count == 1)
    }

    /// A unit on its way through somebody's restart.
    private static func restarting(_ state: ActiveState, _ job: String, result: String = "success") -> UnitObservation {
        UnitObservation(
            activeState: state, subState: "", invocationID: "a", result: result,
            exit: ProcessExit(kind: .killed, status: 15, at: WallTime(microseconds: 1_700_001_000_000_000)),
            job: UnitJob(id: 7, type: job, isOurs: false))
    }

    @Test(arguments: ["success", "exit-code", "timeout"])
    func `an operator's restart opens no incident, however the old process ends`(result: String) {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let end: ActiveState = result == "success" ? .inactive : .failed
        for step in [Self.restarting(.deactivating, "restart"), Self.restarting(end, "start", result: result)] {
            let effects = world.observe("web.service", step)
            #expect(effects.openings.isEmpty && effects.actions.isEmpty)
            // It is not up meanwhile: no release becomes known as good, nothing lent is given back.
            #expect(world.state(of: "web") == "suspect")
        }
        world.running("web.service", "b")
        #expect(world.advance(by: 30).openings.isEmpty)
        #expect(world.state(of: "web") == "healthy")
    }

    @Test func `a start of somebody's that fails is a failure`() {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        world.observe("web.service", Self.restarting(.inactive, "start"))
        let failed = world.observe(
            "web.service",
            UnitObservation(activeState: .failed, subState: "failed", invocationID: "b", result: "exit-code"))
        #expect(failed.openings.count == 1 && failed.actions.count == 1)
    }

    @Test func `what an endpoint says while somebody restarts its unit slowly is no evidence`() {
        var web = Component.service("web")
        web.checks.append(
            Check(name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(5), fall: 1))
        var world = EngineHarness([web])
        world.running("web.service", "a")
        world.advance(by: 60) { _ in .up }
        world.observe("web.service", Self.restarting(.deactivating, "restart"))
        #expect(world.advance(by: 60) { _ in .down }.openings.isEmpty)
        // Somebody cancels it: from then on it counts.
        world.running("web.service", "a")
        #expect(world.advance(by: 60) { _ in .down }.openings.count == 1)
    }

    @Test(arguments: [true, false])
    func `a start that ran out of time holds up the ladder only where it is somebody else's`(isOurs: Bool) {
        var world = EngineHarness([.service("web", recovery: [.restart(.limited(1)), .page])])
        world.running("web.service", "a")
        let restart = world.killed("web.service", "a").actions[0]
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .activating, subState: "start-pre", invocationID: "b",
                job: UnitJob(id: 7, type: "start", isOurs: isOurs)))
        world.finish(restart, .timedOut)
        // systemd may let it hang for ever: people have to hear of it.
        world.advance(by: 60)
        #expect(world.state(of: "web") == (isOurs ? "exhausted" : "failing"))
    }

    @Test func `a stop that turns out to be our own is no operator's`() {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        world.observe("web.service", Self.stopped("a"))
        #expect(world.state(of: "web") == "stopped")
        world.stopped("web.service", "a", byOther: false)
        #expect(world.state(of: "web") != "stopped")
    }

    @Test func `resume takes a stopped unit back into care`() {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        world.observe("web.service", Self.stopped("a"))
        let resumed = world.send(.operatorAsked(.resume(component: "web", by: "root")))
        #expect(resumed.actions.map(\.action) == ["RESTART"])
    }

    @Test func `an exit by itself is a failure even with status 0`() {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let exit = world.observe(
            "web.service", UnitObservation(activeState: .inactive, subState: "dead", invocationID: "a"))
        #expect(exit.openings.first?.cause.reason == .exited)
        #expect(exit.actions.count == 1)
    }

    @Test func `a unit found inactive at the start is respected`() {
        var world = EngineHarness([.service("web")])
        world.observe("web.service", UnitObservation(activeState: .inactive, subState: "dead"))
        #expect(world.state(of: "web") == "stopped")
    }

    @Test func `systemd's own restart is not interfered with and gets the credit`() {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let death = world.observe(
            "web.service",
            UnitObservation(activeState: .activating, subState: "auto-restart", invocationID: "a", result: "signal"))
        #expect(death.openings.count == 1)
        #expect(death.actions.isEmpty)
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .active, subState: "running", invocationID: "b", restarts: 1,
                activeEnteredAt: world.now.wall))
        #expect(world.advance(by: 3).resolutions == [.systemd])
    }

    @Test func `somebody else's job is waited for, and the person gets the credit`() {
        var world = EngineHarness([.service("web", recovery: [.page])])
        world.running("web.service", "a")
        world.killed("web.service", "a")
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .active, subState: "running", invocationID: "b", startedByOther: true,
                activeEnteredAt: world.now.wall))
        #expect(world.advance(by: 3).resolutions == [.person])
        #expect(world.effects.alerts.map(\.event) == [.healingFailed, .resolved])
    }

    @Test func `an action left without an outcome by a crash is reconciled and not repeated`() throws {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let request = try #require(world.killed("web.service", "a").actions.first)
        var saved = RestoredState()
        for case .saveComponent(let name, let state) in world.effects { saved.components[name] = state }
        for case .saveHost(let host) in world.effects { saved.host = host }
        var next = EngineHarness([.service("web")], restored: saved)
        #expect(next.effects.contains(.reconcile(request)))
        #expect(next.effects.actions.isEmpty)
        next.running("web.service", "b")
        #expect(next.effects.actions.isEmpty)
        next.finish(request)
        #expect(next.advance(by: 3).resolutions == [.heald])
        #expect(next.effects.actions.isEmpty)
    }

    @Test func `nothing known is not down`() {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let lost = world.send(.unitsUnknown(why: "the bus is gone"))
        #expect(lost.openings.isEmpty)
        #expect(world.advance(by: 600).actions.isEmpty)
        #expect(world.effects.alerts.map(\.event) == [.unknownTooLong])
        world.running("web.service", "a")
        #expect(world.state(of: "web") == "healthy")
    }

    @Test func `failures seen while the supervisor stood still do not count`() {
        var world = EngineHarness([.endpoint("api", recovery: [.page])])
        world.advance(by: 20) { _ in .up }
        world.advance(by: 5.5) { _ in .down }
        world.send(.stalled(.seconds(30)))
        let effects = world.advance(by: 20) { _ in .up }
        #expect(effects.openings.isEmpty)
    }

    @Test func `a slow start within its grace is not restarted`() throws {
        var component = Component.service("web")
        component.checks.append(
            Check(name: "http", kind: .http(HTTPCheck(host: "127.0.0.1")), interval: .seconds(1), fall: 3, rise: 2))
        component.startupGrace = .seconds(60)
        var world = EngineHarness([component])
        world.running("web.service", "a")
        world.advance(by: 70) { _ in .up }
        let request = try #require(world.killed("web.service", "a").actions.first)
        world.running("web.service", "b")
        world.finish(request)
        #expect(world.advance(by: 55) { _ in .down }.actions.isEmpty)
        #expect(world.advance(by: 10) { _ in .up }.resolutions == [.heald])
    }

    @Test func `details of a running unit that come later are no restart`() {
        var component = Component.service("web")
        component.checks.append(
            Check(name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(5)))
        var world = EngineHarness([component])
        let started = world.now.wall
        func seen(_ id: String?) -> UnitObservation {
            UnitObservation(activeState: .active, subState: "running", invocationID: id, activeEnteredAt: started)
        }
        world.observe("web.service", seen(nil))
        world.advance(by: 5) { _ in .up }
        #expect(world.state(of: "web") == "healthy")
        world.observe("web.service", seen("a"))
        #expect(world.state(of: "web") == "healthy")
        world.observe("web.service", seen(nil))
        world.advance(by: 30) { _ in .up }
        let down = world.advance(by: 10) { _ in .down }
        #expect(down.actions.map(\.expectedInvocationID) == ["a"])
    }
}
