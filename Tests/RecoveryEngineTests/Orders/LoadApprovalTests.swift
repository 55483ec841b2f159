import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// `scale.on` under `mode: approve`.
@Suite struct LoadApprovalTests {
    private static func pool(kind: ScalePolicy.Kind? = nil, cooldown: Duration = .seconds(60)) -> Component {
        var pool = LoadScalingTests.pool(mode: .approve, kind: kind, cooldown: cooldown)
        pool.approvalExpires = .seconds(300)
        return pool
    }

    @discardableResult
    private static func measure(_ world: inout EngineHarness, _ latency: Double, for duration: Double) -> [Effect] {
        LoadScalingTests.measure(&world, latency, for: duration)
    }

    /// The load has asked for more, and an operator was asked.
    private static func asked(_ component: Component = Self.pool()) -> EngineHarness {
        var world = LoadScalingTests.world(component)
        Self.measure(&world, 0.6, for: 15)
        return world
    }

    /// An operator agrees, and the measure that this asks for comes in.
    private static func approve(_ world: inout EngineHarness, _ id: Int64, then latency: Double) -> [Effect] {
        let effects = world.send(.operatorAsked(.approve(id: id, by: "alice", reason: "go")))
        let probe = effects.probes.first
        world.instant = world.instant + .nanoseconds(Int64(latency * 1e9))
        return effects
            + world.send(
                .probeFinished(
                    id: probe?.id ?? 0, component: "web", check: "http",
                    CheckResult(
                        verdict: .up, failure: nil,
                        startedAt: world.instant + .nanoseconds(-Int64(latency * 1e9)), finishedAt: world.instant)))
    }

    private static func pending(_ world: EngineHarness) -> PendingApproval? { ApprovalTests.pending(world) }

    private static func decisions(_ world: EngineHarness) -> [String] {
        world.effects.records.compactMap {
            guard case .approvalDecided(_, let decision, let by, let why) = $0 else { return nil }
            return [decision.rawValue, by, why].compactMap(\.self).joined(separator: " ")
        }
    }

    @Test func `an operator is asked once, and told why`() throws {
        var world = Self.asked()
        let pending = try #require(Self.pending(world))
        #expect(pending.action == "SCALE_UP")
        #expect(world.effects.actions.isEmpty)
        Self.measure(&world, 0.6, for: 200)
        #expect(world.effects.actions.isEmpty)
        #expect(world.effects.openings.isEmpty)
        #expect(world.effects.alerts.map(\.event) == [.approvalNeeded])
        let alert = try #require(world.effects.alerts.first)
        #expect(alert.text.contains("SCALE_UP of web waits for approval: `healctl approve \(pending.id)`"))
        #expect(alert.text.hasSuffix("load: http is above 500 ms for 10 s, 600 ms at last"))
        #expect(alert.incident == nil)
        #expect(world.state(of: "web") == "healthy")
        let detail = world.engine.componentStatuses(at: world.now).first?.detail
        #expect(detail?.hasPrefix("SCALE_UP waits for approval: healctl approve \(pending.id)") == true)
    }

    @Test func `what is approved is measured at once, and done under its number by whose leave is on record`() throws {
        var world = Self.asked()
        let id = try #require(Self.pending(world)?.id)
        var unmeasured = world
        #expect(
            unmeasured.send(.operatorAsked(.approve(id: id, by: "alice", reason: "go"))).actions.isEmpty,
            "not by an old measure")
        let approved = Self.approve(&world, id, then: 0.6)
        #expect(approved.probes.count == 1)
        let request = try #require(approved.actions.first)
        #expect(request.id == id)
        #expect(request.order == .start(["pool@2.service"]))
        #expect(
            world.effects.records.contains {
                if case .actionIntended(id, "SCALE_UP", 1, _, _, let why) = $0 {
                    why.hasSuffix("; approved by alice")
                } else {
                    false
                }
            })
        #expect(Self.pending(world) == nil)
        world.running("pool@2.service", "2")
        world.finish(request)
        // One approval is for one change.
        Self.measure(&world, 0.6, for: 100)
        #expect(world.effects.actions.count == 1)
        #expect(Self.pending(world)?.id ?? 0 > id)
    }

    @Test func `what is denied is not asked again until the load has been gone`() throws {
        var world = Self.asked()
        world.send(.operatorAsked(.deny(id: try #require(Self.pending(world)?.id), by: "bob", reason: "no money")))
        #expect(Self.decisions(world) == ["denied bob no money"])
        Self.measure(&world, 0.6, for: 400)
        #expect(world.effects.alerts.count == 1)
        #expect(world.saved.components["web"]?.facts?.refusedScaling == "SCALE_UP")
        Self.measure(&world, 0.3, for: 5)
        Self.measure(&world, 0.6, for: 20)
        #expect(world.effects.alerts.count == 2)
        #expect(world.effects.actions.isEmpty)
    }

    @Test func `what nobody approves in time is over, and an answer that comes too late changes nothing`() throws {
        var world = Self.asked()
        let id = try #require(Self.pending(world)?.id)
        Self.measure(&world, 0.6, for: 300)
        #expect(Self.decisions(world) == ["expired nobody approved it within 5m"])
        world.send(.operatorAsked(.approve(id: id, by: "alice", reason: nil)))
        Self.measure(&world, 0.6, for: 60)
        #expect(world.effects.actions.isEmpty)
        #expect(world.effects.alerts.count == 1)
    }

    @Test func `a question without measures expires, too`() throws {
        var world = Self.asked()
        world.advance(by: 301)
        #expect(Self.decisions(world) == ["expired nobody approved it within 5m"])
    }

    @Test func `it is withdrawn when the load is gone, also where it was approved already`() throws {
        for isApproved in [false, true] {
            var world = Self.asked()
            if isApproved {
                _ = Self.approve(&world, try #require(Self.pending(world)?.id), then: 0.3)
            } else {
                Self.measure(&world, 0.3, for: 2)
            }
            #expect(Self.decisions(world).last == "withdrawn the load is gone")
            #expect(Self.pending(world) == nil)
            #expect(world.effects.actions.isEmpty)
        }
    }

    @Test func `a load that comes and goes asks once in a cooldown`() {
        var world = Self.asked()
        for _ in 0..<4 {
            Self.measure(&world, 0.3, for: 2)
            Self.measure(&world, 0.6, for: 11)
        }
        #expect(world.effects.alerts.count == 1)
        Self.measure(&world, 0.6, for: 20)
        #expect(world.effects.alerts.count == 2)
    }

    @Test func `it is withdrawn when something else is the matter`() throws {
        var failing = Self.asked()
        failing.killed("web.service", "a")
        LoadScalingTests.measure(&failing, 0.2, for: 20, .down)
        #expect(Self.decisions(failing).first == "withdrawn it fails, and its ladder has its turn")
        let record = failing.effects.compactMap { effect -> AuditRecord? in
            guard case .record(let record) = effect, case .approvalDecided = record.body else { return nil }
            return record
        }.first
        #expect(record?.incident == nil, "it belongs to no incident")

        var gone = Self.asked()
        gone.send(.policyLoaded(PolicySnapshot(), generation: 2))
        #expect(Self.decisions(gone) == ["withdrawn the component has left the policy"])

        var auto = Self.asked()
        var component = Self.pool()
        component.mode = .auto
        auto.send(.policyLoaded(PolicySnapshot(components: [component]), generation: 2))
        #expect(Self.decisions(auto) == ["withdrawn its mode is auto now"])

        var other = Self.asked()
        other.running("pool@2.service", "2")
        Self.measure(&other, 0.6, for: 2)
        #expect(Self.decisions(other) == ["withdrawn something else would be done now"])
    }

    @Test func `question and answer outlive heald, and what was approved waits for a measure of its own`() throws {
        var world = Self.asked()
        let id = try #require(Self.pending(world)?.id)
        world.send(.operatorAsked(.approve(id: id, by: "alice", reason: nil)))
        let saved = world.saved
        var next = EngineHarness(
            policy: PolicySnapshot(components: [Self.pool()]),
            restored: RestoredState(components: saved.components, host: try #require(saved.host)), at: world.instant)
        next.running("web.service", "a")
        next.running("pool@1.service", "1")
        for number in 2...3 { next.stopped("pool@\(number).service") }
        #expect(Self.pending(next)?.approvedBy == "alice")
        #expect(Self.measure(&next, 0.6, for: 8).actions.isEmpty)
        #expect(Self.measure(&next, 0.6, for: 8).actions.map(\.id) == [id])
    }

    @Test func `what is held back is not asked about`() {
        var world = LoadScalingTests.world(Self.pool())
        world.send(.operatorAsked(.pause(component: "web", for: .seconds(60), by: "root", reason: "load test")))
        Self.measure(&world, 0.6, for: 50)
        #expect(world.effects.alerts.isEmpty)
        Self.measure(&world, 0.6, for: 30)
        #expect(world.effects.alerts.map(\.event) == [.approvalNeeded])
    }
}
