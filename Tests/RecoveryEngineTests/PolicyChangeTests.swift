import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@Suite struct PolicyChangeTests {
    @Test func `a component that leaves the policy has its incident ended and its intent closed`() throws {
        var world = EngineHarness([.service("web"), .service("api")])
        world.running("web.service", "a")
        world.running("api.service", "a")
        let request = try #require(world.killed("web.service", "a").actions.first)
        let change = world.send(.policyLoaded(PolicySnapshot(components: [.service("api")]), generation: 2))
        #expect(change.resolutions == [.withdrawn])
        #expect(change.contains(.forgetComponent("web")))
        #expect(change.contains(.watchUnits(["api.service"])))
        let end = world.finish(request)
        #expect(end.records == [.actionFinished(id: request.id, ActionOutcome(.succeeded, detail: ""))])
    }

    @Test func `a component that comes back waits for the action that began before it left`() throws {
        var world = EngineHarness([.service("web"), .service("api")])
        world.running("web.service", "a")
        let request = try #require(world.killed("web.service", "a").actions.first)
        world.send(.policyLoaded(PolicySnapshot(components: [.service("api")]), generation: 2))
        world.send(.policyLoaded(PolicySnapshot(components: [.service("web"), .service("api")]), generation: 3))
        world.running("web.service", "b")
        #expect(world.killed("web.service", "b").actions.isEmpty)
        #expect(world.finish(request).actions.map(\.component) == ["web"])
    }

    @Test func `people who were told of an incident are told when it is withdrawn`() {
        var world = EngineHarness([.service("web", recovery: [.page])])
        world.running("web.service", "a")
        world.killed("web.service", "a")
        var stopped = world
        let left = world.send(.policyLoaded(PolicySnapshot(components: [.service("api")]), generation: 2))
        #expect(left.alerts.map(\.event) == [.resolved])
        let stop = stopped.observe(
            "web.service", UnitObservation(activeState: .inactive, invocationID: "a", stoppedByOther: true))
        #expect(stop.alerts.map(\.event) == [.resolved])
    }

    @Test func `a reload that changes nothing forgets nothing`() throws {
        let components = [Component.service("web", recovery: [.restart(.limited(2)), .page])]
        var world = EngineHarness(components)
        world.running("web.service", "a")
        let request = try #require(world.killed("web.service", "a").actions.first)
        let reload = world.send(.policyLoaded(PolicySnapshot(components: components), generation: 2))
        #expect(reload.actions.isEmpty && reload.resolutions.isEmpty)
        world.finish(request, .failed)
        #expect(world.advance(by: 2).actions.map(\.attempt) == [2])
        #expect(world.effects.actions.map(\.policyGeneration) == [1, 2])
    }

    @Test func `a check that stays keeps what it knows`() {
        var component = Component.endpoint("api", recovery: [.page])
        var world = EngineHarness([component])
        world.advance(by: 20) { _ in .up }
        component.checks[0].interval = .seconds(7)
        world.send(.policyLoaded(PolicySnapshot(components: [component]), generation: 2))
        #expect(world.state(of: "api") == "healthy")
        component.checks[0].kind = .tcp(TCPCheck(host: "127.0.0.1", port: 2))
        world.send(.policyLoaded(PolicySnapshot(components: [component]), generation: 3))
        #expect(world.state(of: "api") == "suspect")
        world.advance(by: 20) { _ in .up }
        #expect(world.state(of: "api") == "healthy")
    }

    @Test func `an incident of a component that is gone after a restart is ended`() throws {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let request = try #require(world.killed("web.service", "a").actions.first)
        var saved = RestoredState()
        for case .saveComponent(let name, let state) in world.effects { saved.components[name] = state }
        var next = EngineHarness([.service("api")], restored: saved)
        #expect(next.effects.resolutions == [.withdrawn])
        #expect(next.effects.contains(.reconcile(request)))
        next.finish(request, .interrupted)
        #expect(
            next.effects.records.last
                == .actionFinished(id: request.id, ActionOutcome(.interrupted, detail: "")))
    }

    @Test func `an empty policy does nothing at all`() {
        var world = EngineHarness([])
        world.killed("web.service", "a")
        world.send(.operatorAsked(.checkNow(component: "web")))
        world.send(.operatorAsked(.resume(component: "web", by: "root")))
        #expect(world.advance(by: 1_000).isEmpty)
        #expect(world.effects.actions.isEmpty && world.effects.probes.isEmpty)
    }
}

@Suite struct StepTests {
    @Test func `a step may ask for degraded, and others are skipped for it`() {
        let gentle = Step(
            strategy: .alert(AlertStrategy(channels: ["slow"])), when: Condition(verdicts: [.degraded]))
        var world = EngineHarness([.endpoint("api", recovery: [gentle, .page])])
        world.advance(by: 20) { _ in .up }
        let effects = world.advance(by: 20) { _ in .degraded }
        #expect(effects.alerts.first?.channels == ["slow"])
        #expect(effects.skips == ["ALERT: it is not for a component that is degraded"])
    }

    @Test func `a cooldown lies between a step and the next, skipped steps or not`() throws {
        var first = Step.restart(.limited(1))
        first.cooldown = .seconds(60)
        let never = Step.restart(when: Condition(reasons: [.oom]))
        var world = EngineHarness([.service("web", recovery: [first, never, .page])])
        world.running("web.service", "a")
        world.finish(try #require(world.killed("web.service", "a").actions.first), .failed)
        #expect(world.advance(by: 59).alerts.isEmpty)
        #expect(world.advance(by: 2).alerts.count == 1)
    }

    @Test func `after a repair that held the backoff decays`() throws {
        let patient = Step.restart(
            .limited(5), backoff: Backoff(initial: .seconds(20), factor: 2, max: .seconds(40), jitter: 0))
        for (quiet, wait) in [(41.0, 0.0), (10.0, 10.0)] {
            var world = EngineHarness([.service("web", recovery: [patient])])
            world.running("web.service", "a")
            world.finish(try #require(world.killed("web.service", "a").actions.first))
            world.running("web.service", "b")
            world.advance(by: 2 + quiet)
            var again = world.killed("web.service", "b").actions
            if wait > 0 {
                #expect(again.isEmpty)
                #expect(world.advance(by: wait - 0.5).actions.isEmpty)
                again = world.advance(by: 1).actions
            }
            #expect(again.map(\.attempt) == [2])
        }
    }

    @Test func `a used-up ladder stays so until rearm, whoever repaired it in between`() throws {
        var world = EngineHarness([.service("web", recovery: [.restart(.limited(1)), .page])])
        world.running("web.service", "a")
        world.finish(try #require(world.killed("web.service", "a").actions.first), .failed)
        #expect(world.state(of: "web") == "exhausted")
        world.running("web.service", "b")
        world.advance(by: 60)
        #expect(world.killed("web.service", "b").actions.isEmpty)
        #expect(world.state(of: "web") == "exhausted")
        #expect(world.send(.operatorAsked(.resume(component: "web", by: "root"))).actions.count == 1)
    }

    @Test func `a server that asks for quiet gets it`() {
        var world = EngineHarness([.endpoint("api", recovery: [.page])])
        world.advance(by: 20) { _ in .up }
        let asked = world.advance(by: 6)
        guard let request = asked.probes.last else { return #expect(Bool(false), "no probe was due") }
        world.send(
            .probeFinished(
                id: request.id, component: "api", check: "tcp",
                CheckResult(
                    verdict: .down, failure: Failure(reason: .rateLimit, message: "429"), startedAt: world.instant,
                    finishedAt: world.instant, retryAfter: .seconds(90))))
        #expect(world.advance(by: 89).probes.isEmpty)
        #expect(world.advance(by: 2).probes.count == 1)
    }

    @Test func `m failures of n results are a second way down`() {
        var component = Component.endpoint("api", recovery: [.page])
        component.checks[0].window = FailureWindow(failures: 3, of: 6)
        component.checks[0].fall = 100
        var world = EngineHarness([component])
        world.advance(by: 20) { _ in .up }
        var turn = 0
        let effects = world.advance(by: 30) { _ in
            turn += 1
            return turn % 2 == 0 ? .down : .up
        }
        #expect(effects.openings.count == 1)
    }
}
