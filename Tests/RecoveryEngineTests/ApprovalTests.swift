import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// `mode: approve`: nothing is done that an operator has not agreed to.
@Suite struct ApprovalTests {
    static func component(
        _ recovery: [Step] = [.restart(.limited(2), backoff: Backoff(initial: .zero)), .page], mode: Mode = .approve
    ) -> Component {
        var component = Component.service("web", mode: mode, stable: .zero, recovery: recovery)
        component.approvalExpires = .seconds(600)
        return component
    }

    static func failed(_ component: Component = component()) -> EngineHarness {
        var world = EngineHarness([component])
        world.running("web.service", "0")
        world.killed("web.service", "0")
        return world
    }

    static func pending(_ world: EngineHarness) -> PendingApproval? {
        world.engine.componentStatuses(at: world.now).first?.approval
    }

    @Test func `a repair waits for an operator, who is told once`() throws {
        var world = Self.failed()
        world.advance(by: 599)
        #expect(world.effects.actions.isEmpty)
        #expect(world.effects.alerts.map(\.event) == [.approvalNeeded])
        let pending = try #require(Self.pending(world))
        #expect(world.effects.alerts[0].text.contains("`healctl approve \(pending.id)`"))
        #expect(world.state(of: "web") == "approval")
        #expect(pending.action == "RESTART")
        #expect(pending.approvedBy == nil)
    }

    @Test func `an approved action is done at once, under the number that was approved, by whose leave is on record`()
        throws
    {
        var world = Self.failed()
        let id = try #require(Self.pending(world)?.id)
        let approved = world.send(.operatorAsked(.approve(id: id, by: "alice", reason: "go")))
        #expect(approved.actions.map(\.id) == [id])
        #expect(approved.records.first == .approvalDecided(id: id, .approved, by: "alice", why: "go"))
        #expect(
            approved.records.contains {
                if case .actionIntended(id, "RESTART", 1, 0, "web.service", let why) = $0 {
                    why.hasSuffix("; approved by alice")
                } else {
                    false
                }
            })
        #expect(Self.pending(world) == nil)
    }

    @Test func `one approval is for one action`() throws {
        var world = Self.failed()
        let first = try #require(Self.pending(world)?.id)
        let request = try #require(
            world.send(.operatorAsked(.approve(id: first, by: "alice", reason: nil))).actions.first)
        world.finish(request, .failed)
        let second = try #require(Self.pending(world))
        #expect(second.id > first)
        #expect(second.attempt == 2)
        #expect(world.send(.operatorAsked(.approve(id: first, by: "alice", reason: nil))).actions.isEmpty)
        #expect(world.effects.actions.count == 1)
    }

    @Test func `a denied step is skipped, and the ladder goes on`() throws {
        var world = Self.failed()
        let id = try #require(Self.pending(world)?.id)
        world.send(.operatorAsked(.deny(id: id, by: "bob", reason: "we are looking")))
        #expect(world.effects.actions.isEmpty)
        #expect(world.effects.records.contains(.approvalDecided(id: id, .denied, by: "bob", why: "we are looking")))
        #expect(world.effects.skips == ["RESTART: denied by bob: we are looking"])
        #expect(world.effects.alerts.map(\.event) == [.approvalNeeded, .healingFailed])
        #expect(world.state(of: "web") == "exhausted")
    }

    @Test func `what nobody approves in time is skipped, and an answer that comes too late changes nothing`() throws {
        var world = Self.failed()
        let id = try #require(Self.pending(world)?.id)
        world.advance(by: 600)
        #expect(world.effects.skips == ["RESTART: nobody approved it within 10m"])
        #expect(world.effects.alerts.map(\.event) == [.approvalNeeded, .healingFailed])
        #expect(world.send(.operatorAsked(.approve(id: id, by: "alice", reason: nil))).actions.isEmpty)
    }

    @Test func `an approval that could not be used in time expires, too`() throws {
        var world = Self.failed()
        let id = try #require(Self.pending(world)?.id)
        world.send(.operatorAsked(.pause(component: nil, for: .seconds(3_600), by: "root", reason: "work")))
        #expect(world.send(.operatorAsked(.approve(id: id, by: "alice", reason: nil))).actions.isEmpty)
        #expect(Self.pending(world)?.approvedBy == "alice")
        world.advance(by: 3_601)
        #expect(world.effects.actions.isEmpty)
        #expect(world.effects.skips == ["RESTART: approved by alice, but it could not begin in time"])
    }

    @Test func `it is asked about only when nothing else holds the step back`() {
        var world = EngineHarness([Self.component()])
        world.running("web.service", "0")
        world.send(.operatorAsked(.pause(component: nil, for: .seconds(60), by: "root", reason: "work")))
        world.killed("web.service", "0")
        #expect(world.effects.alerts.isEmpty)
        world.advance(by: 61)
        #expect(world.effects.alerts.map(\.event) == [.approvalNeeded])
    }

    @Test func `alerts and looks need no approval`() {
        var world = Self.failed(Self.component([Step(strategy: .healthCheck(HealthCheckStrategy())), .page]))
        world.advance(by: 60)
        #expect(Self.pending(world) == nil)
        #expect(world.effects.alerts.map(\.event) == [.healingFailed])
    }

    @Test
    func `what was approved is done, or nothing is: a question whose answer means something else now is asked anew`()
        throws
    {
        let restart = Step(strategy: .restart(RestartStrategy(dependents: true)))
        var world = EngineHarness([Self.component([restart, .page]), .service("app", dependsOn: ["web"])])
        world.running("web.service", "0")
        world.running("app.service", "0")
        world.killed("web.service", "0")
        let first = try #require(Self.web(world)?.id)
        // The dependent is no longer restarted by the way.
        world.send(.operatorAsked(.pause(component: "app", for: .seconds(60), by: "root", reason: "work")))
        #expect(world.send(.operatorAsked(.approve(id: first, by: "alice", reason: nil))).actions.isEmpty)
        let second = try #require(Self.web(world)?.id)
        #expect(second > first)
        #expect(
            world.send(.operatorAsked(.approve(id: second, by: "alice", reason: nil))).actions.map(\.id) == [second])
    }

    static func web(_ world: EngineHarness) -> PendingApproval? {
        world.engine.componentStatuses(at: world.now).first { $0.name == "web" }?.approval
    }

    @Test func `a question outlives the supervisor, and is not asked again`() throws {
        var world = Self.failed()
        let id = try #require(Self.pending(world)?.id)
        world.advance(by: 60)
        let restored = RestoredState(components: world.saved.components, host: world.saved.host ?? SavedHost())
        var next = EngineHarness(
            policy: PolicySnapshot(components: [Self.component()]), restored: restored,
            at: world.instant + .seconds(5))
        next.killed("web.service", "0")
        #expect(next.effects.alerts.isEmpty)
        #expect(Self.pending(next)?.id == id)
        var silent = next
        #expect(next.send(.operatorAsked(.approve(id: id, by: "alice", reason: nil))).actions.map(\.id) == [id])
        silent.advance(by: 600 - 65)
        #expect(silent.effects.skips.count == 1)
    }

    @Test(arguments: ["well", "stopped", "auto", "gone", "other step"])
    func `a question is withdrawn when it has no point any more`(why: String) throws {
        var world = Self.failed()
        let id = try #require(Self.pending(world)?.id)
        switch why {
        case "well": world.running("web.service", "1")
        case "stopped":
            world.observe(
                "web.service", UnitObservation(activeState: .inactive, invocationID: "0", stoppedByOther: true))
        case "auto": world.send(.policyLoaded(PolicySnapshot(components: [Self.component(mode: .auto)]), generation: 2))
        case "gone": world.send(.policyLoaded(PolicySnapshot(), generation: 2))
        default:
            let other = Self.component([Step(strategy: .exec(ExecStrategy(command: ["/usr/bin/hook"]))), .page])
            world.send(.policyLoaded(PolicySnapshot(components: [other]), generation: 2))
        }
        world.advance(by: 1)
        let withdrawn = world.effects.records.contains {
            if case .approvalDecided(id, .withdrawn, nil, _) = $0 { true } else { false }
        }
        #expect(withdrawn)
        #expect(world.effects.actions.count == (why == "auto" ? 1 : 0))
        #expect(world.send(.operatorAsked(.approve(id: id, by: "alice", reason: nil))).actions.isEmpty)
    }
}
