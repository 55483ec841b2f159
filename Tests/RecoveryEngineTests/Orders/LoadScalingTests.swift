import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// `scale.on`.
@Suite struct LoadScalingTests {
    static func pool(mode: Mode = .auto, kind: ScalePolicy.Kind? = nil, cooldown: Duration = .seconds(60))
        -> Component
    {
        let http = Check(
            name: "http", kind: .http(HTTPCheck(host: "127.0.0.1")), interval: .seconds(1), timeout: .milliseconds(900),
            rise: 1, jitter: 0)
        return Component(
            name: "web", unit: "web.service", mode: mode, startupGrace: .seconds(1), checks: [http],
            facts: ComponentFacts(
                scale: ScalePolicy(
                    kind: kind ?? .instances(template: "pool@.service", min: 1, max: 3, step: 1), cooldown: cooldown,
                    on: LoadTrigger(check: "http", above: 0.5, below: 0.1, lasting: .seconds(10)))))
    }

    /// Its unit runs, and the first of three instances.
    static func world(_ component: Component, guards: Guards = Guards()) -> EngineHarness {
        var world = EngineHarness([component], guards: guards)
        world.running("web.service", "a")
        world.running("pool@1.service", "1")
        world.stopped("pool@2.service")
        world.stopped("pool@3.service")
        Self.measure(&world, 0.3, for: 5)
        return world
    }

    /// Lets time pass; each answer takes so long.
    @discardableResult
    static func measure(
        _ world: inout EngineHarness, _ latency: Double, for duration: Double, _ verdict: Verdict = .up
    ) -> [Effect] {
        let end = world.seconds + duration
        var new: [Effect] = []
        for _ in 0..<10_000 {
            guard let next = world.engine.nextDeadline, Double(next.nanoseconds) / 1e9 <= end else { break }
            world.instant = max(world.instant, next)
            var effects = world.send(.deadline)
            new += effects
            while let request = effects.probes.first, world.seconds < end {
                world.instant = world.instant + .nanoseconds(Int64(latency * 1e9))
                let failure = verdict == .up ? nil : Failure(reason: .connection, message: "refused")
                effects = world.send(
                    .probeFinished(
                        id: request.id, component: "web", check: "http",
                        CheckResult(
                            verdict: verdict, failure: failure,
                            startedAt: world.now.monotonic + .nanoseconds(-Int64(latency * 1e9)),
                            finishedAt: world.now.monotonic)))
                new += effects
            }
        }
        if world.seconds < end { world.seconds = end }
        return new
    }

    @Test func `more is started above the bound, for long enough, once until the cooldown is over`() throws {
        var world = Self.world(Self.pool())
        #expect(Self.measure(&world, 0.6, for: 9).actions.isEmpty)
        let effects = Self.measure(&world, 0.6, for: 4)
        let request = try #require(effects.actions.first)
        #expect(request.action == "SCALE_UP" && request.order == .start(["pool@2.service"]))
        // Intent before effect, with the reason, and nothing of it is an incident.
        let intents = effects.records.compactMap { body -> String? in
            guard case .actionIntended(_, "SCALE_UP", _, _, _, let why) = body else { return nil }
            return why
        }
        #expect(intents == ["load: http is above 500 ms for 10 s, 600 ms at last"])
        #expect(effects.openings.isEmpty)
        world.running("pool@2.service", "2")
        let finished = world.finish(request)
        #expect(finished.contains { if case .record(let record) = $0 { record.incident == nil } else { false } })
        #expect(Self.measure(&world, 0.6, for: 50).actions.isEmpty)
        #expect(Self.measure(&world, 0.6, for: 30).actions.map(\.order) == [.start(["pool@3.service"])])
        #expect(world.engine.componentStatuses(at: world.now).first?.detail?.contains("SCALE_UP") == true)
    }

    @Test func `less runs below the bound, never less than min, and max is told of once`() throws {
        var world = Self.world(Self.pool(cooldown: .zero))
        world.running("pool@2.service", "2")
        let request = try #require(Self.measure(&world, 0.05, for: 15).actions.first)
        #expect(request.action == "SCALE_DOWN" && request.order == .stop(["pool@2.service"]))
        world.stopped("pool@2.service")
        world.finish(request)
        #expect(Self.measure(&world, 0.05, for: 60).actions.isEmpty)
        for number in 2...3 { world.running("pool@\(number).service", "n\(number)") }
        let full = Self.measure(&world, 0.8, for: 60)
        #expect(full.actions.isEmpty)
        #expect(full.notes.count { $0.hasSuffix("all 3 instances run already") } == 1)
    }

    @Test func `a measure between the bounds, or none, begins the time anew`() {
        var world = Self.world(Self.pool())
        for _ in 0..<5 {
            Self.measure(&world, 0.6, for: 8)
            Self.measure(&world, 0.3, for: 2)
        }
        Self.measure(&world, 0.6, for: 8)
        world.send(.stalled(.seconds(5)))
        Self.measure(&world, 0.6, for: 8)
        #expect(world.effects.actions.isEmpty)
    }

    @Test func `nothing is scaled for a component that fails`() {
        var world = Self.world(Self.pool())
        Self.measure(&world, 0.6, for: 9)
        let failing = Self.measure(&world, 0.85, for: 30, .down)
        #expect(!failing.actions.contains { $0.action.hasPrefix("SCALE") })
    }

    @Test func `in the mode observe it is told once, and nothing is done`() {
        var world = Self.world(Self.pool(mode: .observe))
        let effects = Self.measure(&world, 0.6, for: 60)
        #expect(effects.actions.isEmpty)
        #expect(effects.notes.count { $0.contains("nothing is done: its mode is observe") } == 1)
    }

    @Test func `a pause and a spent budget hold it back`() {
        var world = Self.world(Self.pool())
        world.send(.operatorAsked(.pause(component: "web", for: .seconds(100), by: "root", reason: "load test")))
        let paused = Self.measure(&world, 0.6, for: 90)
        #expect(paused.actions.isEmpty)
        // However long it lasts: it is told once.
        #expect(paused.notes.count { $0.contains("nothing is done: automation is paused") } == 1)
        #expect(Self.measure(&world, 0.6, for: 30).actions.count == 1)
        var poor = Self.world(
            Self.pool(cooldown: .zero), guards: Guards(maxActions: .init(count: 1, per: .seconds(600))))
        for round in 0..<3 {
            for request in Self.measure(&poor, 0.6, for: 60).actions {
                poor.running("pool@\(2 + round).service", "n")
                poor.finish(request)
            }
        }
        #expect(poor.effects.actions.count == 1)
    }

    @Test func `limits are raised once and taken back once`() throws {
        let properties = [UnitProperty(.cpuWeight, 500)]
        var world = Self.world(Self.pool(kind: .properties(properties), cooldown: .zero))
        let up = try #require(Self.measure(&world, 0.6, for: 15).actions.first)
        #expect(up.order == .limit(units: ["web.service"], properties))
        world.finish(up)
        #expect(Self.measure(&world, 0.6, for: 30).actions.isEmpty)
        let down = try #require(Self.measure(&world, 0.05, for: 15).actions.first)
        #expect(down.order == .unlimit(units: ["web.service"], properties))
        world.finish(down)
        #expect(Self.measure(&world, 0.05, for: 30).actions.isEmpty)
    }

    @Test func `limits that were taken back are not raised again within the cooldown`() throws {
        let properties = [UnitProperty(.cpuWeight, 500)]
        var world = Self.world(Self.pool(kind: .properties(properties), cooldown: .seconds(120)))
        world.finish(try #require(Self.measure(&world, 0.6, for: 15).actions.first))
        Self.measure(&world, 0.3, for: 130)
        world.finish(try #require(Self.measure(&world, 0.05, for: 15).actions.first))
        #expect(Self.measure(&world, 0.6, for: 110).actions.isEmpty)
        #expect(Self.measure(&world, 0.6, for: 30).actions.map(\.action) == ["SCALE_UP"])
    }

    @Test func `raised limits go when the component leaves the policy, or no longer raises them`() throws {
        // Seed 3452.
        let properties = [UnitProperty(.cpuWeight, 500)]
        let component = Self.pool(kind: .properties(properties))
        var changed = component
        changed.facts = ComponentFacts()
        for policy in [PolicySnapshot(), PolicySnapshot(components: [changed])] {
            var world = Self.world(component)
            let up = try #require(Self.measure(&world, 0.6, for: 15).actions.first)
            world.finish(up)
            let effects = world.send(.policyLoaded(policy, generation: 2))
            #expect(effects.actions.map(\.order) == [.unlimit(units: ["web.service"], properties)])
        }
    }

    @Test func `limits that were on their way when the component left are taken back`() throws {
        let properties = [UnitProperty(.cpuWeight, 500)]
        var world = Self.world(Self.pool(kind: .properties(properties)))
        let up = try #require(Self.measure(&world, 0.6, for: 15).actions.first)
        let left = world.send(.policyLoaded(PolicySnapshot(), generation: 2)).actions
        let late = world.finish(up).actions
        #expect((left + late).contains { $0.order == .unlimit(units: ["web.service"], properties) })
    }
}
