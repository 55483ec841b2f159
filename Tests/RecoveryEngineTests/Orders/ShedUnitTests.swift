import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// The units that a level of degradation does without: taken away once, given back one after another.
@Suite struct ShedUnitTests {
    private static let levels: [DegradationLevel: LevelPolicy] = [
        .degraded: LevelPolicy(freeze: ["report.service"]),
        .minimal: LevelPolicy(enter: LevelCondition(components: ["db"]), stop: ["batch.service"]),
    ]

    private static func policy(
        _ levels: [DegradationLevel: LevelPolicy] = Self.levels, others: [Component] = [], isObserved: Bool = false
    ) -> PolicySnapshot {
        PolicySnapshot(
            components: [.service("db", recovery: [.page])] + others,
            degradation: DegradationPolicy(levels: levels, stepUpAfter: .seconds(5), isObserved: isObserved))
    }

    private static func world(_ policy: PolicySnapshot) -> EngineHarness {
        var world = EngineHarness(policy: policy)
        for unit in ["db.service", "report.service", "batch.service"] { world.running(unit, unit) }
        world.advance(by: 5)
        return world
    }

    private static func orders(_ effects: [Effect]) -> [ActionOrder?] { effects.actions.map(\.order) }

    /// Everything is taken away.
    private static func minimal(_ policy: PolicySnapshot = Self.policy()) -> EngineHarness {
        var world = Self.world(policy)
        for request in world.killed("db.service", "db.service").actions {
            if request.order == .stop(["batch.service"]) { world.stopped("batch.service", "batch.service") }
            world.finish(request)
        }
        return world
    }

    @Test func `units are taken away at once, on record before it is done, and given back step by step`() throws {
        var world = Self.world(Self.policy())
        #expect(world.effects.actions.isEmpty)
        let effects = world.killed("db.service", "db.service")
        #expect(Self.orders(effects) == [.stop(["batch.service"]), .limit(units: ["report.service"], [])])
        let intents = effects.records.compactMap { record -> Int64? in
            if case .actionIntended(let id, "DEGRADE", _, _, _, _) = record { id } else { nil }
        }
        #expect(intents == effects.actions.map(\.id))
        #expect(effects.actions.map(\.expectedInvocationID) == ["batch.service", "report.service"])
        #expect(world.saved.host?.degradation?.units.count == 2)
        world = Self.minimal()
        #expect(world.engine.degradation?.units.map(\.state) == ["stopped", "frozen"])
        #expect(world.advance(by: 60).actions.isEmpty)

        world.running("db.service", "new")
        let first = world.advance(by: 9)
        #expect(world.level == .degraded)
        #expect(Self.orders(first) == [.start(["batch.service"])], "what the deeper level took comes back first")
        world.running("batch.service", "again")
        world.finish(try #require(first.actions.first))
        let second = world.advance(by: 6)
        #expect(world.level == .normal)
        #expect(Self.orders(second) == [.unlimit(units: ["report.service"], [])])
        world.finish(try #require(second.actions.first))
        #expect(world.engine.degradation?.units == [])
        #expect(world.advance(by: 400).actions.isEmpty)
        #expect(world.saved.host?.degradation == nil, "nor has anybody to be told of its end")
    }

    @Test func `they are given back one at a time, and a start that hangs holds the others up`() throws {
        var world = Self.minimal(
            Self.policy([
                .degraded: LevelPolicy(
                    enter: LevelCondition(components: ["db"]), stop: ["batch.service", "report.service"])
            ]))
        world.stopped("report.service", "report.service")
        world.running("db.service", "new")
        let first = try #require(world.advance(by: 20).actions.first)
        #expect(first.order == .start(["batch.service"]))
        #expect(world.advance(by: 20).actions.isEmpty)
        world.running("batch.service", "again")
        #expect(Self.orders(world.finish(first)) == [.start(["report.service"])])
    }

    @Test func `a unit that did not run is not started on the way back`() {
        var world = EngineHarness(policy: Self.policy())
        world.running("db.service", "db.service")
        world.stopped("batch.service")
        world.stopped("report.service")
        world.advance(by: 5)
        #expect(world.killed("db.service", "db.service").actions.isEmpty)
        world.advance(by: 20)
        world.running("db.service", "new")
        #expect(world.advance(by: 60).actions.isEmpty)
        #expect(world.level == .normal)
    }

    @Test func `one that somebody started meanwhile is left to them, also after they stopped it again`() {
        for thenStopped in [false, true] {
            var world = Self.minimal()
            world.observe(
                "batch.service",
                UnitObservation(
                    activeState: .active, subState: "running", invocationID: "theirs", startedByOther: true,
                    activeEnteredAt: world.now.wall))
            world.advance(by: 5)
            #expect(world.engine.degradation?.units.first?.state == "left")
            #expect(world.effects.notes.contains("batch.service was started by somebody else: it is left to run"))
            if thenStopped { world.stopped("batch.service", "theirs", byOther: true) }
            world.running("db.service", "new")
            let back = world.advance(by: 30)
            #expect(!Self.orders(back).contains(.start(["batch.service"])))
        }
    }

    @Test func `one that an operator stopped too is not started again`() {
        var world = Self.minimal()
        world.stopped("batch.service", "batch.service", byOther: true)
        world.running("db.service", "new")
        #expect(!Self.orders(world.advance(by: 30)).contains(.start(["batch.service"])))
        #expect(world.effects.notes.contains("batch.service is not started again: somebody stopped it meanwhile"))
    }

    @Test func `nothing is touched while paused, frozen, blind or only observed, and levels are told all the same`() {
        func entered(_ prepare: (inout EngineHarness) -> Void) -> EngineHarness {
            var world = Self.world(Self.policy())
            prepare(&world)
            world.killed("db.service", "db.service")
            #expect(world.level == .minimal)
            #expect(world.effects.notices.last?.level == .minimal)
            return world
        }
        var paused = entered {
            $0.send(.operatorAsked(.pause(component: nil, for: .seconds(60), by: "ann", reason: "work")))
        }
        #expect(paused.effects.actions.isEmpty)
        #expect(paused.advance(by: 70).actions.count == 2, "once the pause is over")
        let unrecorded = entered { $0.send(.recordingFailed(why: "the disk is full")) }
        #expect(unrecorded.effects.actions.isEmpty)
        var observed = Self.world(Self.policy(isObserved: true))
        observed.killed("db.service", "db.service")
        #expect(observed.level == .minimal)
        #expect(observed.advance(by: 60).actions.isEmpty)
    }

    @Test func `while nothing is known of units, none is touched`() {
        var world = Self.world(
            Self.policy(
                [.minimal: LevelPolicy(enter: LevelCondition(components: ["api"]), stop: ["batch.service"])],
                others: [DegradationTests.api()]))
        world.advance(by: 3) { _ in .up }
        world.send(.unitsUnknown(why: "the bus is gone"))
        world.advance(by: 4) { _ in .down }
        #expect(world.level == .minimal)
        #expect(world.effects.actions.isEmpty)
        world.running("db.service", "db.service")
        world.advance(by: 1) { _ in .down }
        #expect(world.effects.actions.isEmpty, "not yet heard of")
        #expect(Self.orders(world.running("batch.service", "b2")) == [.stop(["batch.service"])])
    }

    @Test func `a policy that is only observed from now on gives back what was taken`() {
        var world = Self.minimal()
        let back = world.send(.policyLoaded(Self.policy(isObserved: true), generation: 2))
        #expect(Self.orders(back) == [.start(["batch.service"])])
        #expect(world.level == .minimal)
    }

    @Test func `a unit that was given back is left alone for a minute, however the level comes and goes`() throws {
        var world = Self.minimal()
        world.running("db.service", "new")
        for _ in 0..<2 {
            for request in world.advance(by: 10).actions {
                if request.order == .start(["batch.service"]) { world.running("batch.service", "again") }
                world.finish(request)
            }
        }
        #expect(world.level == .normal)
        #expect(world.killed("db.service", "new").actions.isEmpty)
        #expect(world.level == .minimal)
        #expect(Self.orders(world.advance(by: 70)).contains(.stop(["batch.service"])))
    }

    @Test func `what could not be started again is told, tried three times and then left`() throws {
        var world = Self.minimal()
        world.running("db.service", "new")
        var alerts: [AlertMessage] = []
        var tries = 0
        for _ in 0..<40 {
            for request in world.advance(by: 10).actions {
                let isStart = request.order == .start(["batch.service"])
                tries += isStart ? 1 : 0
                alerts += world.finish(request, isStart ? .failed : .succeeded).alerts
            }
        }
        #expect(tries == 3)
        #expect(alerts.count == 2)
        #expect(alerts.last?.text.contains("is not tried any more") == true)
        #expect(alerts.last?.component == nil)
    }

    // MARK: - Restarts of heald

    @Test func `a restart of heald takes nothing away twice and gives nothing back early`() throws {
        let world = Self.minimal()
        let saved = world.saved
        var next = EngineHarness(
            policy: Self.policy(),
            restored: RestoredState(components: saved.components, host: try #require(saved.host)), at: world.instant)
        next.stopped("batch.service", "batch.service")
        next.running("report.service", "report.service")
        next.killed("db.service", "db.service")
        #expect(next.advance(by: 60).actions.isEmpty)
        #expect(next.level == .minimal)
        next.running("db.service", "new")
        #expect(Self.orders(next.advance(by: 9)) == [.start(["batch.service"])])
    }

    @Test func `an order that was under way when heald was killed is reconciled, and not given anew`() throws {
        var world = Self.world(Self.policy())
        let orders = world.killed("db.service", "db.service").actions
        let saved = world.saved
        var next = EngineHarness(
            policy: Self.policy(),
            restored: RestoredState(components: saved.components, host: try #require(saved.host)), at: world.instant)
        let asked = next.effects.compactMap { if case .reconcile(let request) = $0 { request.id } else { nil } }
        #expect(asked == orders.map(\.id))
        for unit in ["db.service", "report.service", "batch.service"] { next.running(unit, unit) }
        next.killed("db.service", "db.service")
        #expect(next.effects.actions.isEmpty)
        #expect(next.engine.degradation?.units.map(\.state) == ["stopping", "freezing"])
    }

    @Test func `a freeze that was not finished before a crash does not meet another invocation, nor is that thawed`()
        throws
    {
        // Seed 293: the machine lost its power, and the unit was started with it before the order was taken up.
        var world = Self.world(Self.policy())
        world.killed("db.service", "db.service")
        var next = EngineHarness(
            policy: Self.policy(), restored: RestoredState(host: try #require(world.saved.host)), at: world.instant)
        next.running("report.service", "of the next boot")
        next.running("batch.service", "of the next boot")
        next.killed("db.service", "db.service")
        for case .reconcile(let request) in next.effects {
            next.finish(request, .refused)
        }
        next.running("db.service", "new")
        #expect(!Self.orders(next.advance(by: 60)).contains(.unlimit(units: ["report.service"], [])))
    }

    // MARK: - Units of components

    private static func withBatch(_ mode: Mode = .auto) -> PolicySnapshot {
        Self.policy(others: [.service("batch", mode: mode, criticality: .optional)])
    }

    @Test func `a component whose unit is taken away rests, and is cared for again on the way back`() throws {
        var world = Self.minimal(Self.withBatch())
        world.advance(by: 30)
        #expect(world.state(of: "batch") == "stopped")
        #expect(
            world.engine.componentStatuses(at: world.now).first?.detail == "stopped by the degradation level MINIMAL")
        #expect(world.effects.openings.count == 1, "db's alone")
        world.running("db.service", "new")
        let back = try #require(world.advance(by: 9).actions.first)
        #expect(back.order == .start(["batch.service"]))
        // Its end is heard before systemd's word on the unit.
        world.finish(back)
        world.advance(by: 1)
        #expect(world.effects.openings.count == 1)
        world.running("batch.service", "again")
        world.advance(by: 20)
        #expect(world.state(of: "batch") == "healthy")
        #expect(Self.orders(world.killed("batch.service", "again")).count == 1, "and repaired as ever")
    }

    @Test func `what a level does without does not make the share of what is down larger, nor the level deeper`() {
        let levels: [DegradationLevel: LevelPolicy] = [
            .degraded: LevelPolicy(enter: LevelCondition(unhealthy: 0.4), stop: ["batch.service"]),
            .minimal: LevelPolicy(enter: LevelCondition(unhealthy: 0.6)),
        ]
        let others: [Component] = [.service("batch"), .service("web", criticality: .optional)]
        var world = Self.world(Self.policy(levels, others: others))
        world.running("web.service", "web.service")
        world.advance(by: 5)
        for request in world.killed("db.service", "db.service").actions {
            world.stopped("batch.service", "batch.service")
            world.finish(request)
        }
        world.advance(by: 30)
        #expect(world.state(of: "batch") == "stopped")
        #expect(world.level == .degraded, "2 of 5, and not 2 of 3")
    }

    @Test func `a component that is down when the level comes is not repaired meanwhile, and is afterwards`() {
        var world = Self.world(Self.withBatch())
        world.running("batch.service", "batch.service")
        world.advance(by: 5)
        for request in world.killed("batch.service", "batch.service").actions { world.finish(request, .failed) }
        for request in world.killed("db.service", "db.service").actions { world.finish(request) }
        #expect(world.state(of: "batch") == "stopped")
        #expect(world.advance(by: 60).actions.isEmpty)
        world.running("db.service", "new")
        let back = world.advance(by: 12).actions
        #expect(back.map(\.action) == ["RESTART", "DEGRADE"], "and the other unit is thawed")
    }

    @Test func `a unit that ought to run rests all the same while a level does without it`() {
        var batch = Component.service("batch", criticality: .optional)
        batch.desired = .running
        var world = Self.minimal(Self.policy(others: [batch]))
        #expect(world.advance(by: 60).actions.isEmpty)
        #expect(!world.effects.notes.contains { $0.contains("ought to run") })
        #expect(world.state(of: "batch") == "stopped")
    }

    @Test func `a component that is only watched keeps its unit`() {
        for mode in [Mode.observe, .approve] {
            let world = Self.minimal(Self.withBatch(mode))
            #expect(!Self.orders(world.effects).contains(.stop(["batch.service"])))
        }
    }
}
