import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// Programs that report by themselves: when their silence is a failure, and when it is not.
@Suite struct HeartbeatTests {
    private static func component(
        every: Duration = .seconds(10), phi: Double? = nil, interval: Duration = .seconds(5), fall: Int = 1,
        rise: Int = 1, grace: Duration = .seconds(4), recovery: [Step] = [.restart(), .page]
    ) -> Component {
        Component(
            name: "web", unit: "web.service", startupGrace: grace,
            checks: [
                Check(
                    name: "beat", kind: .heartbeat(HeartbeatCheck(every: every, phi: phi)), interval: interval,
                    fall: fall, rise: rise, jitter: 0),
                Check(name: "unit", kind: .unit(UnitCheck())),
            ], recovery: recovery)
    }

    /// Runs since long ago.
    private static func world(_ component: Component = component()) -> EngineHarness {
        var world = EngineHarness([component])
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .active, subState: "running", invocationID: "a", mainPID: 42,
                activeEnteredAt: world.now.wall + .seconds(-3_600)))
        return world
    }

    private func verdict(_ world: EngineHarness, _ check: String = "beat") -> Verdict? {
        world.engine.componentStatuses(at: world.now).first?.checks.first { $0.name == check }?.verdict
    }

    @discardableResult
    private func beat(_ world: inout EngineHarness, _ check: String? = nil) -> [Effect] {
        world.send(.beat(component: "web", check: check))
    }

    @Test func `it is asked of nobody`() {
        var world = Self.world()
        #expect(world.advance(by: 60).probes.isEmpty)
    }

    @Test func `a program that reports in time is up`() {
        var world = Self.world()
        for _ in 0..<20 {
            beat(&world, "beat")
            #expect(verdict(world) == .up)
            #expect(world.advance(by: 9.9).openings.isEmpty)
        }
        #expect(world.state(of: "web") == "healthy")
    }

    @Test func `a silence longer than every is a stall, seen at that moment`() throws {
        var world = Self.world()
        beat(&world)
        #expect(world.advance(by: 9.999).openings.isEmpty)
        let end = world.advance(by: 0.002)
        let cause = try #require(end.openings.first?.cause)
        #expect(cause.check == "beat" && cause.reason == .stalled && cause.category == .transient)
        #expect(cause.message == "no heartbeat for 10 s; the longest silence allowed is 10 s")
        #expect(end.actions.map(\.action) == ["RESTART"])
    }

    @Test func `the thresholds count looks, in doubt at the fast interval`() {
        var world = Self.world(Self.component(fall: 3, rise: 2))
        beat(&world)
        #expect(verdict(world) == .unknown)
        // 5 s of interval make 1 s while in doubt.
        world.advance(by: 1)
        #expect(verdict(world) == .up)
        #expect(world.advance(by: 10.9).openings.isEmpty)
        #expect(world.advance(by: 0.2).openings.count == 1)
    }

    @Test func `before the first report nothing is known for one every after the startup grace`() {
        var world = EngineHarness([Self.component()])
        world.running("web.service", "a")
        #expect(world.advance(by: 13.9).openings.isEmpty)
        #expect(verdict(world) == .unknown && world.state(of: "web") == "starting")
        let end = world.advance(by: 0.2)
        #expect(end.openings.map(\.cause.reason) == [.stalled])
        #expect(end.actions.count == 1)
    }

    @Test func `a supervisor that has just started knows nothing until a report or until one is overdue`() {
        let saved = RestoredState()
        var world = EngineHarness([Self.component()], restored: saved)
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .active, subState: "running", invocationID: "a", mainPID: 42,
                activeEnteredAt: world.now.wall + .seconds(-3_600)))
        #expect(world.advance(by: 9).openings.isEmpty)
        #expect(verdict(world) == .unknown)
        beat(&world)
        #expect(verdict(world) == .up)
    }

    @Test func `a restart is proven by a report of the new process, for which its time is waited`() throws {
        var world = Self.world(Self.component(every: .seconds(60), grace: .seconds(2)))
        beat(&world)
        let request = try #require(world.advance(by: 61).actions.first)
        // The last word of the old process says nothing of the new one.
        beat(&world)
        world.running("web.service", "b")
        world.finish(request)
        #expect(verdict(world) == .unknown)
        #expect(world.advance(by: 55).records.isEmpty)
        beat(&world)
        #expect(world.advance(by: 3).resolutions == [.heald])
    }

    @Test func `a new process that never reports has failed its proof`() throws {
        var world = Self.world(Self.component(grace: .seconds(2)))
        beat(&world)
        let request = try #require(world.advance(by: 11).actions.first)
        world.running("web.service", "b")
        world.finish(request)
        let end = world.advance(by: 16)
        #expect(end.records.contains { if case .verification(request.id, false, _) = $0 { true } else { false } })
    }

    @Test func `a unit that a person stopped may be silent`() {
        var world = Self.world()
        beat(&world)
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .inactive, subState: "dead", invocationID: "a", result: "success", stoppedByOther: true,
                inactiveEnteredAt: world.now.wall))
        #expect(world.advance(by: 3_600).openings.isEmpty)
        #expect(world.state(of: "web") == "stopped")
        world.running("web.service", "b")
        #expect(world.advance(by: 13.9).openings.isEmpty)
        #expect(world.advance(by: 0.2).openings.count == 1)
    }

    @Test func `a supervisor that did not run itself excuses a silence, and believes it again afterwards`() {
        var world = Self.world()
        beat(&world)
        world.seconds += 30
        #expect(world.send(.stalled(.seconds(30))).openings.isEmpty)
        #expect(world.advance(by: 9.9).openings.isEmpty)
        #expect(world.advance(by: 0.2).openings.count == 1)
    }

    @Test func `an old start that is told of late does not make the program silent at once`() {
        var world = Self.world(Self.component(every: .seconds(2)))
        for _ in 0..<10 {
            beat(&world)
            world.advance(by: 1)
        }
        // Overtaken messages: a restart seems over before it began.
        let before = world.now.wall + .seconds(-3_600)
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .deactivating, subState: "stop-sigterm", invocationID: "a", mainPID: 42,
                activeEnteredAt: before))
        let effects = world.observe(
            "web.service",
            UnitObservation(
                activeState: .active, subState: "running", invocationID: "a", mainPID: 42, activeEnteredAt: before))
        #expect((effects + world.advance(by: 1.9)).openings.isEmpty)
        #expect(world.advance(by: 0.2).openings.count == 1)
    }

    @Test func `a silent program is not taken for mended by a stall of the supervisor`() throws {
        var world = Self.world(Self.component(recovery: [.page]))
        beat(&world)
        #expect(world.advance(by: 11).openings.count == 1)
        world.seconds += 30
        #expect(world.send(.stalled(.seconds(30))).resolutions.isEmpty)
        #expect(world.advance(by: 60).resolutions.isEmpty)
        beat(&world)
        #expect(world.advance(by: 3).resolutions == [.itself])
    }

    @Test func `a report is for one check or for all, of a component that there is`() {
        var component = Self.component()
        component.checks.append(
            Check(name: "other", kind: .heartbeat(HeartbeatCheck(every: .seconds(10))), rise: 1))
        var world = Self.world(component)
        #expect(world.send(.beat(component: "wbe", check: nil)).isEmpty)
        beat(&world, "unit")
        beat(&world, "beat")
        #expect(verdict(world, "beat") == .up && verdict(world, "other") == .unknown)
        beat(&world)
        #expect(verdict(world, "other") == .up)
        #expect(
            world.engine.heartbeatTarget("web") == HeartbeatTarget(checks: ["beat", "other"], mainPID: 42))
        #expect(world.engine.heartbeatTarget("wbe") == nil)
    }

    @Test func `a thousand reports a second leave no timers behind`() {
        var world = Self.world(Self.component(every: .seconds(3_600)))
        for _ in 0..<20_000 {
            world.instant = world.instant + .milliseconds(1)
            beat(&world)
        }
        var wakes = 0
        let end = world.instant + .seconds(60)
        while let next = world.engine.nextDeadline, next <= end, wakes < 1_000 {
            world.instant = max(world.instant, next)
            world.send(.deadline)
            wakes += 1
        }
        #expect(wakes < 20)
    }

    // MARK: - phi

    @Test func `with phi a slightly late report of an uneven program is no failure, a real silence is`() throws {
        var world = Self.world(Self.component(phi: 8))
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            beat(&world)
            #expect(world.advance(by: 8 + 6 * generator.unit()).openings.isEmpty)
        }
        beat(&world)
        let message = try #require(world.advance(by: 60).openings.first?.cause.message)
        // The intervals lie between 8 and 14 s: mean 11, deviation 1.7; 5.6 deviations above it are 20.7 s.
        let words = message.split(separator: " ")
        let seconds = try #require(Double(words[words.count - 2]))
        #expect((19...23).contains(seconds), "\(message)")
    }

    @Test func `with phi a program that reports more often than it must is held to every all the same`() {
        var world = Self.world(Self.component(phi: 8))
        for _ in 0..<200 {
            beat(&world)
            world.advance(by: 1)
        }
        #expect(world.advance(by: 8.9).openings.isEmpty)
        #expect(world.advance(by: 0.2).openings.count == 1)
    }

    @Test func `with phi no rhythm makes a silence of ten times every acceptable`() {
        var world = Self.world(Self.component(phi: 16))
        // Ever longer and less even.
        var interval = 12.0
        for count in 0..<500 {
            beat(&world)
            interval = min(95, interval * 1.02)
            #expect(world.advance(by: count.isMultiple(of: 2) ? 0.1 : interval).openings.isEmpty)
        }
        beat(&world)
        #expect(world.advance(by: 99.9).openings.isEmpty)
        let end = world.advance(by: 0.2)
        #expect(end.openings.first?.cause.message == "no heartbeat for 1m 40s; the longest silence allowed is 1m 40s")
    }
}
