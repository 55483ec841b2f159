import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// What simulated runs have brought to light about standbys, releases, isolation and lent load, each as the shortest
/// story that shows it.
@Suite struct SimulatedOrderTests {
    private static let alert = Step(strategy: .alert(AlertStrategy()))
    private static let failover = Step(strategy: .failover(FailoverStrategy()))

    private static func db(
        recovery: [Step] = [Self.failover, Self.alert], standbys: [String] = ["db@2.service"],
        failback: Failback = .manual, checks: [Check] = [Check(name: "unit", kind: .unit(UnitCheck()))]
    ) -> Component {
        let targets = (["db.service"] + standbys).map { ($0, "\($0).conf") }
        let endpoint = Endpoint(
            kind: .symlink(path: "/etc/proxy/db", targets: Dictionary(uniqueKeysWithValues: targets)))
        return Component(
            name: "db", unit: "db.service", startupGrace: .seconds(5), checks: checks, recovery: recovery,
            facts: ComponentFacts(
                failover: FailoverPolicy(standbys: standbys, failback: failback, endpoint: endpoint)))
    }

    private static func down(_ invocation: String? = nil, byOther: Bool = false) -> UnitObservation {
        UnitObservation(
            activeState: .inactive, subState: "dead", invocationID: invocation, result: "success",
            stoppedByOther: byOther)
    }

    /// The standby has taken over and is well.
    private static func afterFailover(failback: Failback = .manual, checks: [Check]? = nil) throws -> EngineHarness {
        var world = EngineHarness([
            Self.db(
                recovery: [Self.failover, .restart(.limited(1)), Self.alert], failback: failback,
                checks: checks ?? [Check(name: "unit", kind: .unit(UnitCheck()))])
        ])
        world.running("db.service", "a")
        world.observe("db@2.service", Self.down())
        let request = try #require(world.killed("db.service", "a").actions.first)
        world.running("db@2.service", "b")
        world.finish(request)
        world.advance(by: 10) { _ in .up }
        #expect(world.engine.componentStatuses(at: world.now).first?.unit == "db@2.service")
        return world
    }

    // MARK: - Failover

    @Test func `what was stopped for a standby that does not start is put back`() throws {
        // Seed 1703 and its like: the own unit limped, was fenced, and stayed down.
        let check = Check(name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(1), fall: 1)
        var world = EngineHarness([Self.db(checks: [check])])
        world.running("db.service", "a")
        world.observe("db@2.service", Self.down())
        world.advance(by: 10) { _ in .up }
        let request = try #require(world.advance(by: 3) { _ in .down }.actions.first)
        world.observe("db.service", Self.down("a"))
        let back = try #require(world.finish(request, .failed).actions.first)
        guard case .failOver(let order) = back.order else {
            Issue.record("\(back)")
            return
        }
        #expect(order.isPutBack && order.from == "db@2.service" && order.to == "db.service")
        #expect(back.unit == "db@2.service" && back.expectedInvocationID == nil)
    }

    @Test func `a failback to a unit that does not stay up goes back to the standby at once`() throws {
        // Seed 1703: the standby did well, was left, and nothing led back to it before the ladder re-armed.
        var world = try Self.afterFailover(failback: .after(.seconds(30)))
        let failback = try #require(world.advance(by: 30) { _ in .up }.actions.first)
        world.observe("db@2.service", Self.down("b"))
        world.running("db.service", "c")
        world.finish(failback)
        world.advance(by: 5)
        let back = try #require(world.killed("db.service", "c").actions.first)
        guard case .failOver(let order) = back.order else {
            Issue.record("\(back)")
            return
        }
        #expect(order.isPutBack && order.from == "db.service" && order.to == "db@2.service")
    }

    @Test func `a failback to a unit that systemd restarts in vain goes back to the standby`() throws {
        // Seed 3186: it was given up with the good standby stopped by us.
        var world = try Self.afterFailover(failback: .after(.seconds(30)))
        let failback = try #require(world.advance(by: 30) { _ in .up }.actions.first)
        world.observe("db@2.service", Self.down("b"))
        world.running("db.service", "c0")
        world.finish(failback)
        var actions: [ActionRequest] = []
        for round in 1...8 where actions.isEmpty {
            actions +=
                world.observe(
                    "db.service",
                    UnitObservation(
                        activeState: .activating, subState: "auto-restart", invocationID: "c\(round)",
                        result: "exit-code",
                        restarts: UInt32(round))
                ).actions
        }
        let back = try #require(actions.first)
        guard case .failOver(let order) = back.order else {
            Issue.record("\(back)")
            return
        }
        #expect(order.isPutBack && order.from == "db.service" && order.to == "db@2.service")
    }

    @Test func `an operator's failback is a failover to the own unit, and is refused with the reason`() throws {
        var world = try Self.afterFailover()
        #expect(world.engine.obstacleToFailback(of: "db", at: world.now) == nil)
        let request = try #require(world.send(.operatorAsked(.failBack(component: "db", by: "ann"))).actions.first)
        guard case .failOver(let order) = request.order else {
            Issue.record("\(request)")
            return
        }
        #expect(order.from == "db@2.service" && order.to == "db.service" && !order.isPutBack)
        #expect(request.unit == "db@2.service" && request.expectedInvocationID == "b")
        let reasons = world.effects.records.compactMap { body -> String? in
            if case .actionIntended(_, "FAILOVER", _, _, _, let why) = body { why } else { nil }
        }
        #expect(reasons.last == "failback: asked for by ann")
        // One at a time.
        #expect(world.engine.obstacleToFailback(of: "db", at: world.now)?.contains("recovering") == true)
        #expect(world.send(.operatorAsked(.failBack(component: "db", by: "ann"))).actions.isEmpty)
        world.observe("db@2.service", Self.down("b"))
        world.running("db.service", "c")
        world.finish(request)
        world.advance(by: 10) { _ in .up }
        #expect(
            world.engine.obstacleToFailback(of: "db", at: world.now) == "db.service, its own unit, is the active one")
    }

    @Test func `an operator's failback is not done to a unit that cannot run, nor while repairs are held back`() throws
    {
        var world = try Self.afterFailover()
        world.observe("db.service", UnitObservation(loadState: "masked", activeState: .inactive, subState: "dead"))
        #expect(world.engine.obstacleToFailback(of: "db", at: world.now) == "db.service is masked")
        #expect(world.send(.operatorAsked(.failBack(component: "db", by: "ann"))).actions.isEmpty)
        world.observe("db.service", Self.down("a"))
        world.send(.operatorAsked(.pause(component: nil, for: .seconds(60), by: "root", reason: "disks")))
        #expect(world.engine.obstacleToFailback(of: "db", at: world.now)?.contains("paused") == true)
        world.send(.operatorAsked(.resume(component: nil, by: "root")))
        let broken = world.killed("db@2.service", "b")
        #expect(!broken.openings.isEmpty)
        #expect(world.engine.obstacleToFailback(of: "db", at: world.now)?.hasSuffix("is open") == true)
        #expect(world.engine.obstacleToFailback(of: "web", at: world.now) == "there is no such component")
    }

    @Test func `a unit that an operator starts in the middle of a proof has its own grace`() throws {
        // Seed 796: it was restarted while it booted, for what the one before had not shown.
        let check = Check(name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(1), fall: 1)
        var world = EngineHarness([
            Self.db(
                recovery: [Self.failover, .restart(.limited(1)), Self.alert],
                standbys: ["db@2.service", "db@3.service"], checks: [check])
        ])
        world.running("db.service", "a")
        world.observe("db@2.service", Self.down())
        world.observe("db@3.service", Self.down())
        world.advance(by: 10) { _ in .up }
        let request = try #require(world.advance(by: 3) { _ in .down }.actions.first)
        world.observe("db.service", Self.down("a"))
        world.running("db@2.service", "b")
        world.finish(request)
        world.advance(by: 14) { _ in nil }
        world.observe("db@2.service", Self.down("b", byOther: true))
        world.observe(
            "db@3.service",
            UnitObservation(
                activeState: .active, subState: "running", invocationID: "c", mainPID: 42, startedByOther: true,
                activeEnteredAt: world.now.wall))
        #expect(world.engine.componentStatuses(at: world.now).first?.unit == "db@3.service")
        let early = world.advance(by: 4) { _ in .down }
        #expect(!early.actions.contains { $0.action == "RESTART" })
    }

    @Test func `a failback that fails starts the standby again`() throws {
        var world = try Self.afterFailover(failback: .after(.seconds(30)))
        let failback = try #require(world.advance(by: 30) { _ in .up }.actions.first)
        world.finish(failback, .failed)
        let back = try #require(world.observe("db@2.service", Self.down("b")).actions.first)
        guard case .failOver(let order) = back.order else {
            Issue.record("\(back)")
            return
        }
        #expect(order.isPutBack && order.to == "db@2.service")
    }

    @Test func `what endpoints said while a failback moved them is no evidence against it`() throws {
        // Seed 2089: a good failback was undone for the seconds that it took.
        let check = Check(name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(1), fall: 1)
        var world = try Self.afterFailover(
            failback: .after(.seconds(30)), checks: [check, Check(name: "unit", kind: .unit(UnitCheck()))])
        let before = world.effects.openings.count
        let failback = try #require(world.advance(by: 30) { _ in .up }.actions.first)
        world.advance(by: 3) { _ in .down }
        world.running("db.service", "c")
        world.finish(failback)
        world.advance(by: 10) { _ in .up }
        #expect(world.effects.openings.count == before)
    }

    @Test func `a planned failback does not freeze the host`() throws {
        // Seed 5: it counted as one more component that is down.
        let others = (0..<4).map { Component.service("c\($0)") }
        var world = EngineHarness(
            [Self.db(failback: .after(.seconds(30)))] + others, guards: Guards(maxConcurrent: 9, maxUnhealthy: 0.4))
        for index in 0..<4 { world.running("c\(index).service", "a") }
        world.running("db.service", "a")
        world.observe("db@2.service", Self.down())
        let request = try #require(world.killed("db.service", "a").actions.first)
        world.running("db@2.service", "b")
        world.finish(request)
        world.advance(by: 20)
        for index in 0..<2 {
            let repair = try #require(world.killed("c\(index).service", "a").actions.first)
            world.finish(repair, .failed)
        }
        world.advance(by: 20)
        #expect(world.effects.actions.contains { $0.component == "db" && $0.id != request.id })
        #expect(world.engine.hostState.state == "running")
    }

    @Test func `after a reboot the unit that was started with the machine is the active one, and clients find it`()
        throws
    {
        // Seeds 824 and 773: the standby was taken for stopped by an operator, and nobody watched what ran.
        let saved = RestoredState(components: [
            "db": SavedComponent(facts: SavedFacts(active: "db@2.service"))
        ])
        var world = EngineHarness([Self.db()], restored: saved)
        world.observe("db@2.service", Self.down())
        let effects = world.running("db.service", "x")
        #expect(world.engine.componentStatuses(at: world.now).first?.unit == "db.service")
        let aside = try #require(effects.actions.first)
        guard case .switchEndpoint(_, let unit) = aside.order else {
            Issue.record("\(aside)")
            return
        }
        #expect(unit == "db.service")
        #expect(world.finish(aside).actions.isEmpty)
        #expect(world.advance(by: 300).actions.isEmpty)
    }

    @Test func `an operator's failover is followed whichever unit is seen first`() throws {
        // Seed 225.
        for isStandbyFirst in [true, false] {
            var world = EngineHarness([Self.db()])
            if isStandbyFirst { world.running("db@2.service", "b") }
            world.observe("db.service", Self.down("a", byOther: true))
            if !isStandbyFirst { world.running("db@2.service", "b") }
            #expect(world.engine.componentStatuses(at: world.now).first?.unit == "db@2.service")
            #expect(world.state(of: "db") != "stopped")
        }
    }

    @Test func `a standby that an operator started in place of one that died is the active one`() {
        // Seed 1382: it served unwatched.
        var world = EngineHarness([Self.db(recovery: [Self.alert, Self.failover])])
        world.running("db.service", "a")
        world.killed("db.service", "a")
        world.observe(
            "db@2.service",
            UnitObservation(activeState: .active, subState: "running", invocationID: "b", startedByOther: true))
        #expect(world.engine.componentStatuses(at: world.now).first?.unit == "db@2.service")
    }

    @Test func `nothing is decided on a unit that became active and has not been heard of since`() throws {
        // Seed 1805: the next action was about no invocation at all.
        var world = try Self.afterFailover()
        let restart = try #require(world.killed("db@2.service", "b").actions.first)
        #expect(restart.action == "RESTART" && restart.expectedInvocationID == "b")
    }

    // MARK: - Others

    @Test func `a cache that was emptied is judged by the process that was started after it`() throws {
        // Seed 162.
        let clear = Step(strategy: .clearCache(ClearCacheStrategy()))
        var world = EngineHarness([
            Component(
                name: "web", unit: "web.service", checks: [Check(name: "unit", kind: .unit(UnitCheck()))],
                recovery: [clear, Self.alert], facts: ComponentFacts(cache: CachePolicy(paths: ["/var/cache/web"])))
        ])
        world.running("web.service", "a")
        let request = try #require(world.killed("web.service", "a").actions.first)
        world.finish(request)
        #expect(world.state(of: "web") == "verifying")
        world.running("web.service", "b")
        world.advance(by: 5)
        #expect(world.effects.resolutions == [.heald])
    }

    @Test func `a new start in the middle of a proof of what starts nothing gets its grace`() throws {
        // Seed 1163.
        var scale = Step(strategy: .scale(ScaleStrategy(.up)))
        scale.verify = .seconds(20)
        let check = Check(name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(1), fall: 1)
        var world = EngineHarness([
            Component(
                name: "web", unit: "web.service", startupGrace: .seconds(10), checks: [check],
                recovery: [scale, .restart(.limited(1))],
                facts: ComponentFacts(
                    scale: ScalePolicy(kind: .properties([UnitProperty(.cpuWeight, 500)]), cooldown: .zero)))
        ])
        world.running("web.service", "a")
        world.advance(by: 20) { _ in .up }
        let request = try #require(world.advance(by: 3) { _ in .down }.actions.first)
        world.finish(request)
        world.advance(by: 18) { _ in nil }
        world.observe(
            "web.service", UnitObservation(activeState: .activating, subState: "start", invocationID: "b"))
        world.running("web.service", "b")
        #expect(world.advance(by: 8) { _ in .down }.actions.isEmpty)
    }

    @Test func `a restart with dependents waits while one of them is being repaired, and the other way round`() throws {
        // Seed 1866.
        let restart = Step(strategy: .restart(RestartStrategy(dependents: true)), attempts: .limited(2))
        var world = EngineHarness(
            [.service("db", recovery: [restart]), .service("web", dependsOn: ["db"])], guards: Guards(maxConcurrent: 9))
        world.running("db.service", "a")
        world.running("web.service", "a")
        let first = try #require(world.killed("web.service", "a").actions.first)
        #expect(world.killed("db.service", "a").actions.isEmpty)
        #expect(world.finish(first, .failed).actions.map(\.component) == ["db"])
    }

    // MARK: - Isolation and load

    private static func isolating(dependsOn: [String] = []) -> Component {
        Component(
            name: "web", unit: "web.service", dependsOn: dependsOn,
            checks: [Check(name: "unit", kind: .unit(UnitCheck()))],
            recovery: [Step(strategy: .circuitBreak(CircuitBreakStrategy()))],
            facts: ComponentFacts(isolate: IsolatePolicy(openFor: .seconds(30))))
    }

    @Test func `a trial waits for what the isolated unit needs`() throws {
        // Seed 274.
        var world = EngineHarness([.service("db"), Self.isolating(dependsOn: ["db"])])
        world.running("db.service", "a")
        world.running("web.service", "a")
        let isolate = try #require(world.killed("web.service", "a").actions.first)
        world.finish(isolate)
        world.advance(by: 20)
        let repair = try #require(world.killed("db.service", "a").actions.first)
        #expect(world.advance(by: 30).actions.isEmpty)
        world.running("db.service", "b")
        world.finish(repair)
        #expect(world.advance(by: 15).actions.map(\.order) == [.tryIsolated])
    }

    @Test func `a trial waits until the unit has been seen`() {
        // Seed 203.
        let cause = IncidentCause(check: "unit", category: .transient, reason: .crashed, message: "")
        let at = WallTime(microseconds: 1_700_000_000_000_000)
        let incident = SavedIncident(
            id: 1, state: .open, cause: cause, severity: .high, failedAt: at, detectedAt: at, rootCause: nil)
        var world = EngineHarness(
            [Self.isolating()],
            restored: RestoredState(components: [
                "web": SavedComponent(incident: incident, facts: SavedFacts(isolatedUntil: at))
            ]))
        #expect(world.effects.actions.isEmpty)
        #expect(world.observe("web.service", Self.down("a")).actions.map(\.order) == [.tryIsolated])
    }

    @Test func `an isolation that failed half-way leaves no unit behind that nobody can start`() throws {
        var world = EngineHarness([Self.isolating()])
        world.running("web.service", "a")
        let isolate = try #require(world.killed("web.service", "a").actions.first)
        let lift = try #require(world.finish(isolate, .timedOut).actions.first)
        #expect(lift.order == .endIsolation && lift.unit == "web.service")
        #expect(world.finish(lift, .failed).alerts.map(\.event).contains(.healingFailed))
        #expect(world.advance(by: 29).actions.isEmpty)
        let again = try #require(world.advance(by: 2).actions.first)
        #expect(again.order == .endIsolation)
        #expect(world.finish(again).actions.isEmpty)
        #expect(world.advance(by: 120).actions.allSatisfy { $0.order != .endIsolation })
    }
}
