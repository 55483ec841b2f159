import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// Who is active, who takes over, and that it happens once an incident.
@Suite struct FailoverTests {
    private static let endpoint = Endpoint(
        kind: .symlink(path: "/etc/proxy", targets: ["db-1.service": "one", "db-2.service": "two"]))

    private static func component(
        _ recovery: [Step] = [Step(strategy: .failover(FailoverStrategy())), .page],
        standbys: [String] = ["db-2.service"],
        failback: Failback = .manual
    ) -> Component {
        Component(
            name: "db", unit: "db-1.service", stable: .seconds(2),
            checks: [Check(name: "unit", kind: .unit(UnitCheck()))],
            recovery: recovery, rearm: .seconds(60),
            facts: ComponentFacts(
                failover: FailoverPolicy(standbys: standbys, failback: failback, endpoint: Self.endpoint)))
    }

    /// The own unit runs, the standbys do not.
    private static func world(_ component: Component = component()) -> EngineHarness {
        var world = EngineHarness([component])
        for standby in component.facts.failover?.standbys ?? [] { world.stopped(standby) }
        world.running("db-1.service", "a")
        world.advance(by: 5)
        return world
    }

    private static func order(_ request: ActionRequest?) -> FailoverOrder? {
        if case .failOver(let order) = request?.order { order } else { nil }
    }

    private static func unit(_ world: EngineHarness) -> String? {
        world.engine.componentStatuses(at: world.now).first?.unit
    }

    @Test func `the standby takes the place of what died, and what is seen of it counts from then on`() throws {
        var world = Self.world()
        let request = try #require(world.killed("db-1.service", "a").actions.first)
        #expect(request.unit == "db-1.service" && request.rivals == ["db-2.service"])
        #expect(Self.order(request) == FailoverOrder(from: "db-1.service", to: "db-2.service", endpoint: Self.endpoint))
        world.running("db-2.service", "b")
        world.finish(request)
        #expect(Self.unit(world) == "db-2.service")
        #expect(world.advance(by: 5).resolutions == [.heald])
        // The one that was left is not missed, and its standby is.
        #expect(world.killed("db-1.service", "a").openings.isEmpty)
        #expect(world.killed("db-2.service", "b").openings.count == 1)
    }

    @Test func `while systemd reads its files again the standby is waited for, not passed over`() {
        var world = Self.world()
        world.send(.unitsUnknown(why: "systemd is reloading its units"))
        #expect(world.killed("db-1.service", "a").actions.isEmpty)
        let word = world.stopped("db-2.service")
        #expect(Self.order(word.actions.first)?.to == "db-2.service")
        #expect(world.effects.skips.isEmpty)
    }

    @Test func `checks of the component's unit look at the one that is active`() throws {
        var component = Self.component()
        component.checks += [
            Check(name: "own", kind: .resources(ResourcesCheck(unit: "db-1.service", tasks: 9))),
            Check(name: "log", kind: .journal(JournalCheck(unit: "db-1.service", pattern: try Pattern("x")))),
            Check(name: "other", kind: .journal(JournalCheck(unit: "proxy.service", pattern: try Pattern("x")))),
        ]
        var world = EngineHarness([component])
        world.stopped("db-2.service")
        world.running("db-1.service", "a")
        func watched(_ world: inout EngineHarness) -> Set<String> {
            var units: Set<String> = []
            world.advance(by: 15) { request in
                switch request.check.kind {
                case .resources(let resources): units.insert("own \(resources.unit)")
                case .journal(let journal): units.insert("\(request.check.name) \(journal.unit)")
                default: break
                }
                return .up
            }
            return units
        }
        #expect(watched(&world) == ["own db-1.service", "log db-1.service", "other proxy.service"])
        let request = try #require(world.killed("db-1.service", "a").actions.first)
        world.running("db-2.service", "b")
        world.finish(request)
        #expect(watched(&world) == ["own db-2.service", "log db-2.service", "other proxy.service"])
    }

    @Test func `nobody fails over to a unit that has just failed itself`() throws {
        var world = Self.world(
            Self.component([Step(strategy: .failover(FailoverStrategy()), attempts: .limited(3)), .page]))
        let first = try #require(world.killed("db-1.service", "a").actions.first)
        world.running("db-2.service", "b")
        world.finish(first)
        world.advance(by: 5)
        let effects = world.killed("db-2.service", "b") + world.advance(by: 5)
        #expect(effects.actions.isEmpty)
        #expect(effects.skips.first?.contains("db-1.service failed") == true, "\(effects.skips)")
        #expect(effects.alerts.map(\.event) == [.healingFailed])
    }

    /// systemd's `Restart=` starts the own unit and it dies, so many times.
    private static func restartInVain(_ world: inout EngineHarness, _ times: UInt32, job: UnitJob? = nil) -> [Effect] {
        var effects: [Effect] = []
        for restarts in 0...times {
            effects += world.observe(
                "db-1.service",
                UnitObservation(
                    activeState: .activating, subState: "auto-restart", invocationID: "r\(restarts)",
                    result: "exit-code", exit: ProcessExit(kind: .exited, status: 1, at: world.now.wall),
                    job: job, restarts: restarts))
            effects += world.advance(by: 0.1)
        }
        return effects
    }

    @Test func `a unit that systemd restarts in vain is failed over, past the steps that leave it to systemd`() throws {
        var world = Self.world(Self.component([.restart(), Step(strategy: .failover(FailoverStrategy())), .page]))
        #expect(Self.restartInVain(&world, 4).actions.isEmpty)
        let starting = UnitJob(id: 7, type: "restart", isOurs: false)
        #expect(Self.restartInVain(&world, 5, job: starting).actions.isEmpty)
        let effects = Self.restartInVain(&world, 5)
        #expect(effects.skips == ["RESTART: systemd restarts the unit again and again, in vain"])
        let request = try #require(effects.actions.first)
        #expect(request.action == "FAILOVER" && request.expectedInvocationID == "r5")
        world.running("db-2.service", "b")
        world.finish(request)
        #expect(world.advance(by: 5).resolutions == [.heald])
    }

    @Test func `without a standby that can take over, people hear of a unit that systemd restarts in vain`() {
        var world = Self.world(
            Self.component([.restart(), Step(strategy: .failover(FailoverStrategy())), .page], standbys: []))
        let effects = Self.restartInVain(&world, 5)
        #expect(effects.actions.isEmpty)
        #expect(effects.alerts.map(\.event) == [.healingFailed])
    }

    @Test func `long after, the own unit is a standby like any other`() throws {
        var world = Self.world()
        let first = try #require(world.killed("db-1.service", "a").actions.first)
        world.running("db-2.service", "b")
        world.finish(first)
        world.advance(by: 70)
        let second = try #require(world.killed("db-2.service", "b").actions.first)
        #expect(Self.order(second)?.to == "db-1.service")
    }

    @Test(arguments: ["masked", "not-found"])
    func `a standby that cannot run is passed over, with the reason on record`(loadState: String) {
        var world = Self.world(Self.component(standbys: ["db-2.service", "db-3.service"]))
        for standby in ["db-2.service", "db-3.service"] {
            world.observe(
                standby, UnitObservation(loadState: loadState, activeState: .inactive, subState: "dead"))
        }
        let effects = world.killed("db-1.service", "a")
        #expect(effects.actions.isEmpty)
        #expect(effects.skips.first?.contains("db-2.service is \(loadState); db-3.service is \(loadState)") == true)
    }

    @Test func `one that does not come up well is put back before anything else, and is not tried again`() throws {
        var world = Self.world(
            Self.component([Step(strategy: .failover(FailoverStrategy()), verify: .seconds(5)), .page]))
        let request = try #require(world.killed("db-1.service", "a").actions.first)
        world.running("db-2.service", "b")
        world.finish(request)
        let undo = try #require(world.killed("db-2.service", "b").actions.first)
        #expect(undo.unit == "db-2.service")
        #expect(
            Self.order(undo)
                == FailoverOrder(from: "db-2.service", to: "db-1.service", endpoint: Self.endpoint, isPutBack: true))
        world.killed("db-1.service", "a")
        let after = world.finish(undo, .failed)
        #expect(Self.unit(world) == "db-1.service", "active again, though it does not start")
        #expect(after.alerts.map(\.event) == [.healingFailed])
        // The ladder begins anew after `rearm`: not with a second failover.
        let later = world.advance(by: 120)
        #expect(later.actions.isEmpty)
        #expect(world.effects.skips.contains { $0.contains("has taken over once in this incident") })
    }

    @Test func `what was to be put back is forgotten when an operator takes over`() throws {
        var world = Self.world(
            Self.component([Step(strategy: .failover(FailoverStrategy()), verify: .seconds(5)), .page]))
        let request = try #require(world.killed("db-1.service", "a").actions.first)
        world.running("db-2.service", "b")
        world.finish(request)
        world.send(.operatorAsked(.pause(component: "db", for: .seconds(60), by: "root", reason: "looking")))
        #expect(world.killed("db-2.service", "b").actions.isEmpty)
        world.stopped("db-2.service", "b", byOther: true)
        #expect(world.effects.resolutions == [.withdrawn])
        world.send(.operatorAsked(.resume(component: "db", by: "root")))
        world.running("db-2.service", "c")
        world.advance(by: 120)
        let later = world.killed("db-2.service", "c").actions
        #expect(later.compactMap(Self.order).allSatisfy { !$0.isPutBack })
    }

    @Test func `an operator's failover is followed`() {
        var world = Self.world()
        world.stopped("db-1.service", "a", byOther: true)
        #expect(world.state(of: "db") == "stopped")
        world.observe(
            "db-2.service",
            UnitObservation(
                activeState: .active, subState: "running", invocationID: "b", mainPID: 7, startedByOther: true,
                activeEnteredAt: world.now.wall))
        #expect(Self.unit(world) == "db-2.service")
        world.advance(by: 5)
        #expect(world.state(of: "db") == "healthy")
        #expect(world.effects.openings.isEmpty)
        // Clients have to find it, whether the operator has seen to that or not.
        #expect(world.effects.actions.map(\.order) == [.switchEndpoint(Self.endpoint, to: "db-2.service")])
    }

    @Test func `an operator who only stops the active one is left alone`() {
        var world = Self.world()
        world.stopped("db-1.service", "a", byOther: true)
        world.advance(by: 300)
        #expect(world.effects.actions.isEmpty)
    }

    @Test func `who is active outlives the supervisor`() throws {
        var world = Self.world()
        let request = try #require(world.killed("db-1.service", "a").actions.first)
        world.running("db-2.service", "b")
        world.finish(request)
        world.advance(by: 5)
        let saved = try #require(world.effects.saved["db"])
        var next = EngineHarness([Self.component()], restored: RestoredState(components: ["db": saved]))
        next.killed("db-1.service", "a")
        next.running("db-2.service", "b")
        next.advance(by: 15)
        #expect(Self.unit(next) == "db-2.service" && next.state(of: "db") == "healthy")
        #expect(next.effects.actions.isEmpty)
    }

    @Test func `the own unit takes its place again when the policy says so`() throws {
        var world = Self.world(Self.component(failback: .after(.seconds(30))))
        let request = try #require(world.killed("db-1.service", "a").actions.first)
        world.running("db-2.service", "b")
        world.finish(request)
        world.killed("db-1.service", "a")
        #expect(world.advance(by: 25).actions.isEmpty)
        let back = try #require(world.advance(by: 10).actions.first)
        #expect(Self.order(back)?.from == "db-2.service" && Self.order(back)?.to == "db-1.service")
        world.stopped("db-2.service", "b")
        world.running("db-1.service", "c")
        world.finish(back)
        world.advance(by: 15)
        #expect(Self.unit(world) == "db-1.service" && world.state(of: "db") == "healthy")
        #expect(world.effects.openings.count == 1)
    }

    @Test func `a unit that dies before the end of its own failback is heard of is asked after`() throws {
        var world = Self.world()
        let request = try #require(world.killed("db-1.service", "a").actions.first)
        world.running("db-2.service", "b")
        world.finish(request)
        world.advance(by: 5)
        let back = try #require(
            world.send(.operatorAsked(.failBack(component: "db", by: "root"))).actions.first)
        world.stopped("db-2.service", "b")
        world.running("db-1.service", "c")
        world.killed("db-1.service", "c")
        // All of that was told before, and systemd says nothing twice unless it is asked.
        let asked = world.finish(back).contains { if case .watchUnits = $0 { true } else { false } }
        #expect(asked)
        #expect(Self.order(world.killed("db-1.service", "c").actions.first)?.isPutBack == true)
    }

    @Test func `SWITCH_ENDPOINT takes only what runs`() throws {
        let step = Step(strategy: .switchEndpoint(SwitchEndpointStrategy()))
        var world = Self.world(Self.component([step, .page]))
        #expect(world.killed("db-1.service", "a").skips.first?.contains("db-2.service does not run") == true)
        var other = Self.world(Self.component([step, .page]))
        other.running("db-2.service", "b")
        let request = try #require(other.killed("db-1.service", "a").actions.first)
        #expect(request.order == .switchEndpoint(Self.endpoint, to: "db-2.service"))
        #expect(request.rivals == nil, "both may run")
        other.finish(request)
        #expect(Self.unit(other) == "db-2.service")
    }
}
