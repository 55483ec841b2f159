import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// When a drill is refused. Each case spoils one thing in a world where nothing speaks against it.
@Suite struct DrillSafetyTests {
    static let tcp = Check(
        name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1, expect: "hello")), interval: .seconds(5))

    /// `web` is up and has been for long.
    static func world(
        _ components: [Component] = [.service("web")], guards: Guards = Guards(), groups: [String: GroupLimits] = [:],
        maintenance: [MaintenanceWindow] = []
    ) -> EngineHarness {
        var world = EngineHarness(
            policy: PolicySnapshot(
                components: components, guards: guards, groups: groups, maintenance: maintenance))
        for component in components {
            if let unit = component.unit { world.running(unit, "\(component.name)-1") }
        }
        world.advance(by: 60) { _ in .up }
        return world
    }

    static func obstacles(
        _ world: EngineHarness, _ fault: DrillFault = .kill, on name: String = "web"
    ) -> [DrillObstacle.Kind] {
        world.engine.drillVerdict(on: name, fault, at: world.now)?.obstacles.map(\.kind) ?? []
    }

    @Test func `nothing speaks against a drill of what is well, and a drill that is asked for begins`() throws {
        var world = Self.world()
        let verdict = try #require(world.engine.drillVerdict(on: "web", .kill, at: world.now))
        #expect(verdict.obstacles.isEmpty)
        #expect(verdict.noticedBy == ["unit"] && verdict.firstRepair == "RESTART" && verdict.unit == "web.service")
        #expect(verdict.mainPID == 42)
        #expect(world.engine.drillVerdict(on: "nobody", .kill, at: world.now) == nil)
        let begun = world.send(.operatorAsked(.drill(component: "web", .kill, by: "anna", reason: nil)))
        #expect(begun.actions.map(\.drill) == [.inject(.kill)])
    }

    @Test func `a drill that is refused does nothing at all`() {
        var world = Self.world()
        world.send(.operatorAsked(.pause(component: nil, for: .seconds(60), by: "root", reason: "x")))
        #expect(world.send(.operatorAsked(.drill(component: "web", .kill, by: "anna", reason: nil))).isEmpty)
        #expect(world.engine.drill == nil)
    }

    @Test func `all reasons are said at once`() {
        var world = Self.world([.service("web", mode: .observe)])
        world.send(.operatorAsked(.pause(component: "web", for: .seconds(60), by: "root", reason: "x")))
        world.killed("web.service", "web-1")
        let kinds = Set(Self.obstacles(world))
        #expect(kinds.isSuperset(of: [.mode, .paused, .openIncident, .notHealthy, .unitNotRunning]))
        let texts = world.engine.drillVerdict(on: "web", .kill, at: world.now)?.obstacles.map(\.text) ?? []
        #expect(texts.allSatisfy { !$0.isEmpty && !$0.hasSuffix(".") })
    }

    // MARK: - By the policy

    @Test func `what the policy says can speak against it`() {
        var protected = Component.service("web")
        protected.unit = "ssh.service"
        var unchecked = Component.service("web")
        unchecked.checks[0].enabled = false
        var file = Component.service("web")
        file.checks = [Check(name: "file", kind: .file(FileCheck(path: "/x")), interval: .seconds(5))]
        let cases: [(Component, DrillObstacle.Kind)] = [
            (.endpoint("web", recovery: [.restart()]), .noUnit),
            (protected, .protectedUnit),
            (unchecked, .noCheck),
            (file, .unnoticed),
            (.service("web", mode: .approve), .mode),
            (.service("web", mode: .observe), .mode),
            (.service("web", recovery: [.page]), .noRepair),
            (.service("web", recovery: [.page, .restart()]), .noRepair),
            (.service("web", recovery: [.restart(when: Condition(reasons: [.oom])), .page]), .noRepair),
            (.service("web", recovery: [.restart(.limited(0))]), .noRepair),
            (
                .service("web", recovery: [Step(strategy: .resetConnection(ResetConnectionStrategy())), .restart()]),
                .noRepair
            ),
        ]
        for (component, kind) in cases {
            #expect(Self.obstacles(Self.world([component])).contains(kind), "\(kind)")
        }
        let looksFirst = [Step(strategy: .healthCheck(HealthCheckStrategy())), .restart()]
        #expect(Self.obstacles(Self.world([.service("web", recovery: looksFirst)])).isEmpty)
    }

    @Test func `a hang is refused where only systemd and the kernel would be asked`() {
        #expect(Self.obstacles(Self.world(), .hang).contains(.unnoticed))
        var deaf = Component.service("web")
        deaf.checks.append(Check(name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(5)))
        #expect(Self.obstacles(Self.world([deaf]), .hang).contains(.unnoticed))
        var web = Component.service("web")
        web.checks.append(Self.tcp)
        let world = Self.world([web])
        #expect(Self.obstacles(world, .hang).isEmpty)
        #expect(world.engine.drillVerdict(on: "web", .hang, at: world.now)?.noticedBy == ["tcp"])
    }

    @Test(arguments: [(CompositeCheck.Rule.all, true), (.any, false), (.atLeast(2), true), (.atLeast(1), false)])
    func `a composite notices where enough of its members do`(rule: CompositeCheck.Rule, notices: Bool) {
        var web = Component.service("web")
        web.checks = [
            web.checks[0], Self.tcp, Check(name: "both", kind: .composite(CompositeCheck(rule, of: ["tcp", "unit"]))),
        ]
        #expect(Self.obstacles(Self.world([web]), .hang).contains(.unnoticed) == !notices)
    }

    // MARK: - By how it is

    @Test func `what is not well, or was not well just now, is not drilled`() throws {
        var world = Self.world()
        let request = try #require(world.killed("web.service", "web-1").actions.first)
        #expect(Self.obstacles(world).contains(.openIncident))
        world.running("web.service", "web-2")
        world.finish(request)
        #expect(Self.obstacles(world).contains(.openIncident))
        world.advance(by: 11)
        #expect(Self.obstacles(world).contains(.recentIncident))
        world.advance(by: 48)
        #expect(Self.obstacles(world).contains(.recentIncident))
        world.advance(by: 4)
        #expect(Self.obstacles(world).isEmpty)
    }

    @Test func `a check that fails speaks against it also where it decides nothing`() {
        var web = Component.service("web")
        web.checks = [
            web.checks[0], Self.tcp, Check(name: "any", kind: .composite(CompositeCheck(.any, of: ["tcp", "unit"]))),
        ]
        var world = Self.world([web])
        #expect(Self.obstacles(world).isEmpty)
        world.advance(by: 60) { _ in .down }
        #expect(world.state(of: "web") == "healthy")
        #expect(Self.obstacles(world) == [.notHealthy])
    }

    @Test func `a unit that has only just started is not drilled`() {
        var world = EngineHarness([.service("web")])
        #expect(Self.obstacles(world).contains(.blind))
        world.running("web.service", "a")
        world.advance(by: 9.9)
        #expect(Self.obstacles(world) == [.startupGrace])
        world.advance(by: 0.2)
        #expect(Self.obstacles(world).isEmpty)
    }

    @Test func `one that has come and gone is not drilled while one failure more would latch it`() throws {
        var world = Self.world([.service("web", breaker: BreakerPolicy(failures: 5, window: .seconds(1)))])
        for run in 1...2 {
            #expect(Self.obstacles(world).isEmpty)
            let request = try #require(world.killed("web.service", "web-\(run)").actions.first)
            world.running("web.service", "web-\(run + 1)")
            world.finish(request)
            world.advance(by: 11)
        }
        #expect(Self.obstacles(world) == [.latched])
        world.advance(by: 600)
        #expect(Self.obstacles(world).isEmpty)
    }

    @Test func `a clock that was set back does not make a start look new`() {
        var world = Self.world()
        world.wallOffset = .seconds(-86_400)
        #expect(Self.obstacles(world).isEmpty)
    }

    @Test func `a unit that systemd or an operator works on is not drilled`() {
        var world = Self.world()
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .active, subState: "running", invocationID: "web-1", mainPID: 42,
                job: UnitJob(id: 3, type: "reload", isOurs: false)))
        #expect(Self.obstacles(world).contains(.inFlight))
    }

    @Test func `one that is latched, or whose breaker is open, is not drilled`() throws {
        var world = Self.world([.service("web", breaker: BreakerPolicy(failures: 1))])
        let request = try #require(world.killed("web.service", "web-1").actions.first)
        world.finish(request, .failed)
        #expect(Self.obstacles(world).contains(.breaker))
        var flapping = Self.world(guards: Guards(flap: FlapPolicy(high: 0.01, low: 0)))
        #expect(Self.obstacles(flapping) == [.latched])
        flapping.killed("web.service", "web-1")
        #expect(Self.obstacles(flapping).contains(.latched))
    }

    // MARK: - By the host and those around

    @Test func `pauses, windows and what heald cannot see or write speak against it`() {
        var world = Self.world()
        world.send(.operatorAsked(.pause(component: "web", for: .seconds(60), by: "root", reason: "x")))
        #expect(Self.obstacles(world) == [.paused])
        var host = Self.world()
        host.send(.operatorAsked(.pause(component: nil, for: .seconds(60), by: "root", reason: "x")))
        #expect(Self.obstacles(host) == [.paused])
        var unwritten = Self.world()
        unwritten.send(.recordingFailed(why: "disk full"))
        #expect(Self.obstacles(unwritten) == [.unrecorded])
        var blind = Self.world()
        blind.send(.unitsUnknown(why: "no bus"))
        #expect(Self.obstacles(blind).contains(.blind))
    }

    @Test func `a connectivity gate that does not pass for certain speaks against it`() {
        let uplink = Component.endpoint("uplink", recovery: [.page])
        let guards = Guards(connectivity: [CheckReference(component: "uplink", check: "tcp")])
        var world = Self.world([.service("web"), uplink], guards: guards)
        #expect(Self.obstacles(world).isEmpty)
        world.advance(by: 30) { _ in .down }
        #expect(Self.obstacles(world).contains(.disconnected))
    }

    @Test func `half of the host's actions are kept for failures that nobody asked for`() throws {
        let guards = Guards(maxActions: .init(count: 4, per: .seconds(3_600)))
        var world = Self.world([.service("db"), .service("web")], guards: guards)
        for run in 1...3 {
            let request = try #require(world.killed("db.service", "db-\(run)").actions.first)
            world.running("db.service", "db-\(run + 1)")
            world.finish(request)
            world.advance(by: 120)
        }
        #expect(Self.obstacles(world) == [.budget])
    }

    @Test func `a group that could not do without it is not drilled`() {
        var first = Component.service("web")
        var second = Component.service("web2")
        (first.group, second.group) = ("edge", "edge")
        let limits = ["edge": GroupLimits(minHealthyInGroup: 1)]
        var world = Self.world([first, second], groups: limits)
        #expect(Self.obstacles(world).isEmpty)
        world.killed("web2.service", "web2-1")
        #expect(Self.obstacles(world).contains(.tooFewHealthy))
    }

    @Test func `a host or group that would freeze by it is not drilled`() {
        let five = ["a", "b", "c", "d", "web"].map { Component.service($0, recovery: [.restart()]) }
        var world = Self.world(five, guards: Guards(maxUnhealthy: 0.2))
        #expect(Self.obstacles(world).isEmpty)
        world.killed("a.service", "a-1")
        #expect(Self.obstacles(world).contains(.tooManyUnhealthy))
        world.killed("b.service", "b-1")
        #expect(Self.obstacles(world).contains(.frozen))
    }

    @Test func `those that need it, and what it needs, have to be well`() {
        var world = Self.world([
            .service("db"), .service("web", dependsOn: ["db"]), .service("www", dependsOn: ["web"]),
        ])
        world.killed("www.service", "www-1")
        #expect(Self.obstacles(world, on: "db").contains(.dependentUnhealthy))
        #expect(Self.obstacles(world).contains(.dependentUnhealthy))
        var other = Self.world([.service("db"), .service("web", dependsOn: ["db"])])
        other.killed("db.service", "db-1")
        #expect(Self.obstacles(other).contains(.dependencyUnhealthy))
    }

    @Test func `repairs that would have to wait for others speak against it`() {
        var world = Self.world([.service("db"), .service("web")], guards: Guards(maxConcurrent: 1))
        world.killed("db.service", "db-1")
        #expect(Self.obstacles(world).contains(.concurrency))
    }

    @Test func `there is one drill at a time`() {
        var world = Self.world([.service("db"), .service("web")])
        world.send(.operatorAsked(.drill(component: "db", .kill, by: "anna", reason: nil)))
        #expect(Self.obstacles(world) == [.drillUnderWay])
        #expect(world.send(.operatorAsked(.drill(component: "web", .kill, by: "anna", reason: nil))).isEmpty)
    }
}
