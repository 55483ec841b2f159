import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// What simulated runs have brought to light, each as the shortest story that shows it.
@Suite struct SimulatedFindingTests {
    @Test func `a unit that systemd starts again and again is seen to be down by its endpoint`() throws {
        // Each start brought a new grace, which its next death ended: no verdict was ever reached.
        let check = Check(
            name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(1), fall: 2)
        let component = Component(
            name: "web", unit: "web.service", startupGrace: .seconds(10), checks: [check],
            recovery: [.restart(.limited(2)), .page])
        var world = EngineHarness([component])
        world.running("web.service", "a")
        world.advance(by: 30) { _ in .up }
        for round in 1...20 {
            world.observe(
                "web.service",
                UnitObservation(
                    activeState: .activating, subState: "auto-restart", invocationID: "\(round - 1)",
                    result: "exit-code", restarts: UInt32(round - 1)))
            world.advance(by: 2) { _ in .down }
            world.observe(
                "web.service",
                UnitObservation(
                    activeState: .active, subState: "running", invocationID: "\(round)", mainPID: 42,
                    restarts: UInt32(round), activeEnteredAt: world.now.wall))
            world.advance(by: 0.2) { _ in .down }
        }
        #expect(world.effects.openings.count == 1)
        #expect(world.effects.alerts.map(\.event) == [.healingFailed])
        #expect(world.effects.actions.isEmpty)
    }

    private static func web(recovery: [Step] = Step.defaultLadder) -> Component {
        Component(
            name: "web", unit: "web.service", startupGrace: .seconds(10),
            checks: [
                Check(name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(5), fall: 1)
            ],
            recovery: recovery)
    }

    @Test func `loading the policy writes nothing before earlier runs are known`() {
        var engine = RecoveryEngine(seed: 1)
        let now = Moment(monotonic: MonotonicInstant(nanoseconds: 1), wall: WallTime(microseconds: 1))
        let effects = engine.handle(
            .policyLoaded(PolicySnapshot(components: [.service("web")]), generation: 1), at: now)
        #expect(!effects.contains { if case .saveHost = $0 { true } else { false } })
        #expect(!effects.contains { if case .saveComponent = $0 { true } else { false } })
    }

    @Test func `the failure that is one too many freezes before it is acted upon`() {
        var world = EngineHarness(GuardTests.fleet(5), guards: Guards(maxConcurrent: 9, maxUnhealthy: 0.4))
        for index in 0..<5 { world.running("c\(index).service", "a") }
        #expect(world.killed("c0.service", "a").actions.count == 1)
        #expect(world.killed("c1.service", "a").actions.count == 1)
        #expect(world.killed("c2.service", "a").actions.isEmpty)
    }

    @Test func `who waits for others has its turn when all that has changed is counted`() throws {
        // "a" heals: then what it had pulled down counts by itself, and that is too many.
        let patient = [Step.restart(.unlimited, backoff: Backoff(initial: .seconds(60)))]
        var world = EngineHarness(
            [
                .service("a", stable: .zero), .service("b", dependsOn: ["a"], recovery: patient),
                .service("c", dependsOn: ["a"], recovery: patient), .service("d"), .service("e"),
            ], guards: Guards(maxConcurrent: 1, maxUnhealthy: 0.4))
        for name in ["a", "b", "c", "d", "e"] { world.running("\(name).service", "1") }
        let repair = try #require(world.killed("a.service", "1").actions.first)
        for name in ["b", "c", "d"] { #expect(world.killed("\(name).service", "1").actions.isEmpty) }
        world.running("a.service", "2")
        world.finish(repair)
        #expect(world.effects.resolutions == [.heald])
        #expect(world.engine.hostState.state == "frozen")
        #expect(!world.effects.actions.contains { $0.component == "d" })
    }

    @Test func `a step for others does not fail by a start that is under way`() throws {
        let load = ReduceLoadStrategy(units: ["batch.service"], properties: [UnitProperty(.cpuWeight, 10)])
        var world = EngineHarness([
            .service(
                "web",
                recovery: [.restart(.limited(1)), Step(strategy: .reduceLoad(load), verify: .seconds(9)), .page])
        ])
        world.running("web.service", "a")
        world.advance(by: 30)
        let restart = try #require(world.killed("web.service", "a").actions.first)
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .activating, subState: "start", invocationID: "b",
                job: UnitJob(id: 1, type: "restart", isOurs: true)))
        let reduce = try #require(world.finish(restart, .failed).actions.first)
        #expect(reduce.action == "REDUCE_LOAD")
        world.observe("web.service", UnitObservation(activeState: .activating, subState: "start", invocationID: "b"))
        #expect(world.finish(reduce).alerts.isEmpty, "nothing is known of that start yet")
        world.running("web.service", "b")
        #expect(world.advance(by: 15).resolutions == [.heald])
    }

    @Test func `a freeze outlives a restart until enough is known, and then ends by itself`() {
        var world = EngineHarness(
            GuardTests.fleet(5), guards: Guards(stormCooldown: .zero),
            restored: RestoredState(host: SavedHost(frozen: true)))
        #expect(world.engine.hostState.state == "frozen")
        for index in 0..<2 { world.running("c\(index).service", "a") }
        #expect(world.killed("c0.service", "a").actions.isEmpty)
        world.running("c2.service", "a")
        #expect(world.engine.hostState.state == "frozen")
        #expect(world.running("c3.service", "a").actions.map(\.component) == ["c0"])
        #expect(world.engine.hostState.state == "running")
    }

    @Test func `a process that somebody else started is not judged by the last one's endpoints`() {
        var world = EngineHarness([Self.web()])
        world.running("web.service", "a")
        world.seconds += 60
        world.advance(by: 0.1) { _ in .up }
        world.observe(
            "web.service",
            UnitObservation(activeState: .activating, subState: "auto-restart", invocationID: "a", result: "signal"))
        world.advance(by: 12) { _ in .down }
        #expect(world.effects.openings.count == 1)
        #expect(world.running("web.service", "b").actions.isEmpty)
        #expect(world.advance(by: 9) { _ in .down }.actions.isEmpty)
        #expect(world.advance(by: 9) { _ in .down }.actions.count == 1)
    }

    @Test func `a slow start that outlasted its grace gets one more when it is done`() {
        var world = EngineHarness([Self.web()])
        world.running("web.service", "a")
        world.advance(by: 6) { _ in .up }
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .activating, subState: "start", invocationID: "b",
                job: UnitJob(id: 1, type: "restart", isOurs: true)))
        world.advance(by: 30) { _ in .down }
        #expect(world.running("web.service", "b").actions.isEmpty)
    }

    @Test func `a wall clock set back between failure and repair gives no negative time`() throws {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let request = try #require(world.killed("web.service", "a").actions.first)
        let detectedAt = try #require(world.effects.openings.first).detectedAt
        world.wallOffset = .seconds(-3_600)
        world.running("web.service", "b")
        world.finish(request)
        world.advance(by: 5)
        let resolved = world.effects.records.compactMap { record in
            if case .incidentResolved(let at, _) = record { at } else { nil }
        }
        #expect(resolved.count == 1)
        #expect(resolved.allSatisfy { $0 >= detectedAt })
    }

    @Test func `an alert about an open breaker does not stand in for the one that says nobody helps`() throws {
        let ladder = [Step.restart(.limited(2), backoff: Backoff(initial: .zero))]
        let breaker = BreakerPolicy(failures: 1, openFor: .seconds(5))
        var world = EngineHarness([.service("web", recovery: ladder, breaker: breaker)])
        world.running("web.service", "a")
        var request = try #require(world.killed("web.service", "a").actions.first)
        world.finish(request, .failed)
        #expect(world.effects.alerts.map(\.event) == [.tooFrequent])
        request = try #require(world.advance(by: 6).actions.first)
        world.finish(request, .failed)
        #expect(world.effects.alerts.map(\.event).contains(.healingFailed))
    }

    @Test func `after a stall endpoints are asked again before anything is done`() throws {
        var ladder = [Step.restart(.limited(3), backoff: Backoff(initial: .seconds(5), jitter: 0))]
        ladder[0].verify = .seconds(1)
        var world = EngineHarness([Self.web(recovery: ladder)])
        world.running("web.service", "a")
        world.seconds += 60
        let first = world.advance(by: 12) { _ in .down }.actions
        #expect(first.count == 1)
        world.finish(first[0], .failed)
        world.seconds += 30
        let woken = world.send(.stalled(.seconds(30)))
        #expect(woken.actions.isEmpty)
        let probe = try #require(woken.probes.first)
        let failure = Failure(reason: .connection, message: "connection refused")
        let result = CheckResult(
            verdict: .down, failure: failure, startedAt: world.now.monotonic, finishedAt: world.now.monotonic)
        let answered = world.send(.probeFinished(id: probe.id, component: "web", check: "tcp", result))
        #expect(answered.actions.count == 1)
    }

    @Test func `many failing dependents do not make a dependency's checks hammer it`() {
        let dependents = (0..<50).map { number in
            Component(
                name: "d\(number)", dependsOn: ["db"],
                checks: [
                    Check(name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(5), fall: 9)
                ], recovery: [Step(strategy: .alert(AlertStrategy()))])
        }
        var world = EngineHarness([.endpoint("db", recovery: [Step(strategy: .alert(AlertStrategy()))])] + dependents)
        let asked = world.advance(by: 10) { $0.component == "db" ? .up : .down }.probes.count { $0.component == "db" }
        #expect((5...13).contains(asked))
    }

    @Test func `an action that ends before systemd's word on the new start has not failed`() throws {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let request = try #require(world.killed("web.service", "a").actions.first)
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .activating, subState: "start", invocationID: "b",
                job: UnitJob(id: 1, type: "restart", isOurs: true)))
        world.finish(request)
        world.seconds += 0.01
        world.running("web.service", "b")
        world.advance(by: 5)
        #expect(world.effects.resolutions == [.heald])
    }

    @Test func `one unit heard of again says nothing of the others`() {
        let check = Check(name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(5), fall: 1)
        var world = EngineHarness([
            .service("db"), Component(name: "web", unit: "web.service", startupGrace: .zero, checks: [check]),
        ])
        world.running("db.service", "a")
        world.running("web.service", "b")
        world.advance(by: 1) { _ in .up }
        world.send(.unitsUnknown(why: "the bus is gone"))
        #expect(world.advance(by: 12) { _ in .down }.actions.isEmpty)
        #expect(world.running("db.service", "a").actions.isEmpty)
        #expect(world.advance(by: 5) { _ in .down }.actions.isEmpty)
        #expect(world.running("web.service", "b").actions.map(\.component) == ["web"])
    }

    @Test func `an action that was refused costs nothing of the budget`() throws {
        var world = EngineHarness(
            [.service("a"), .service("b")], guards: Guards(maxActions: .init(count: 1, per: .seconds(600))))
        world.running("a.service", "0")
        world.running("b.service", "0")
        let refused = try #require(world.killed("a.service", "0").actions.first)
        world.finish(refused, .refused)
        #expect(world.killed("b.service", "0").actions.map(\.component) == ["b"])
        #expect(world.advance(by: 60).actions.isEmpty)
    }

    @Test func `a result of one check does not make another's fresh after a stall`() throws {
        let kinds: [(String, CheckKind)] = [
            ("exec", .exec(ExecCheck(command: ["/bin/true"]))), ("tcp", .tcp(TCPCheck(host: "127.0.0.1", port: 1))),
        ]
        let checks = kinds.map { Check(name: $0.0, kind: $0.1, interval: .seconds(5), fall: 1) }
        let ladder = [Step.restart(.limited(3), backoff: Backoff(initial: .seconds(5), jitter: 0))]
        var world = EngineHarness([
            Component(name: "web", unit: "web.service", startupGrace: .zero, checks: checks, recovery: ladder)
        ])
        world.running("web.service", "a")
        let first = try #require(world.advance(by: 12) { $0.check.name == "exec" ? .down : .up }.actions.first)
        world.finish(first, .failed)
        world.seconds += 30
        let probes = world.send(.stalled(.seconds(30))).probes
        let tcp = try #require(probes.first { $0.check.name == "tcp" })
        let result = CheckResult(verdict: .up, startedAt: world.now.monotonic, finishedAt: world.now.monotonic)
        let effects = world.send(.probeFinished(id: tcp.id, component: "web", check: "tcp", result))
        #expect(effects.actions.isEmpty)
    }

    @Test func `a breaker that opens again after each trial is told of once`() throws {
        let ladder = [Step.restart(.unlimited, backoff: Backoff(initial: .zero))]
        let breaker = BreakerPolicy(failures: 1, openFor: .seconds(5))
        var world = EngineHarness(
            [.service("web", recovery: ladder, breaker: breaker)],
            guards: Guards(maxActions: .init(count: 100, per: .seconds(600))))
        world.running("web.service", "a")
        var request = try #require(world.killed("web.service", "a").actions.first)
        for _ in 0..<5 {
            world.finish(request, .failed)
            request = try #require(world.advance(by: 6).actions.first)
        }
        #expect(world.effects.alerts.map(\.event) == [.tooFrequent])
    }

    @Test func `a unit that systemd restarts for ever is told of`() {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "0")
        for round in 1...8 {
            world.seconds += 1
            world.observe(
                "web.service",
                UnitObservation(
                    activeState: .activating, subState: "auto-restart", invocationID: "\(round)", result: "signal",
                    restarts: UInt32(round)))
            world.observe(
                "web.service",
                UnitObservation(
                    activeState: .active, subState: "running", invocationID: "\(round + 1)", restarts: UInt32(round),
                    activeEnteredAt: world.now.wall))
        }
        #expect(world.effects.actions.isEmpty)
        #expect(world.effects.alerts.map(\.event) == [.healingFailed])
        #expect(world.state(of: "web") != "healthy")
    }

    @Test func `what comes and goes after it was given up is not news each time`() throws {
        var world = EngineHarness([.service("web", recovery: [Step(strategy: .alert(AlertStrategy()))])])
        world.running("web.service", "0")
        world.killed("web.service", "0")
        let before = world.effects.records.count
        for round in 1...20 {
            world.running("web.service", "\(round)")
            world.seconds += 1
            world.killed("web.service", "\(round)")
        }
        #expect(world.effects.records.count - before <= 2)
    }

    @Test func `a stop that was forgiven is not found again`() {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let stopped = UnitObservation(
            activeState: .inactive, subState: "dead", invocationID: "a", stoppedByOther: true)
        world.observe("web.service", stopped)
        world.send(.operatorAsked(.pause(component: "web", for: .seconds(5), by: "root", reason: "")))
        world.send(.operatorAsked(.resume(component: "web", by: "root")))
        world.send(.operatorAsked(.pause(component: "web", for: .seconds(5), by: "root", reason: "")))
        world.observe("web.service", stopped)
        #expect(world.state(of: "web") != "stopped")
    }

    @Test func `one that is beyond help does not spend the budget that would heal another`() throws {
        let ladder = [Step.restart(.unlimited, backoff: Backoff(initial: .zero))]
        let breaker = BreakerPolicy(failures: 1_000)
        var world = EngineHarness(
            [.service("a", recovery: ladder, breaker: breaker), .service("b", recovery: ladder, breaker: breaker)],
            guards: Guards(
                maxActions: .init(count: 1, per: .seconds(60)), maxConcurrent: 9, stormCooldown: .seconds(30)))
        world.running("a.service", "0")
        world.running("b.service", "0")
        let first = try #require(world.killed("a.service", "0").actions.first)
        world.finish(first, .failed)
        #expect(world.killed("b.service", "0").actions.isEmpty)
        #expect(world.advance(by: 61).actions.map(\.component) == ["b"])
    }

    @Test func `a start in the middle of a hook's proof is no failure of the hook`() throws {
        let hook = Step(strategy: .exec(ExecStrategy(command: ["/usr/bin/hook"])), verify: .seconds(30))
        var world = EngineHarness([.service("web", recovery: [hook, .page])])
        world.running("web.service", "a")
        let request = try #require(world.killed("web.service", "a").actions.first)
        world.finish(request)
        world.seconds += 1
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .activating, subState: "start", invocationID: "b",
                job: UnitJob(id: 7, type: "start", isOurs: false), startedByOther: true))
        #expect(world.state(of: "web") == "verifying")
        world.running("web.service", "b")
        world.advance(by: 5)
        #expect(world.effects.resolutions == [.heald])
    }
}
