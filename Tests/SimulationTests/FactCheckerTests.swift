import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Simulation

/// Each checker of standbys, releases, caches and the like catches what it is for, and is silent where all is well.
@Suite struct FactCheckerTests {
    private static let release = ReleasePolicy(
        current: "/srv/web/current", releases: "/srv/web/releases", goodAfter: .seconds(10))
    private static let cache = CachePolicy(paths: ["/var/cache/web"])
    private static let failOver = ActionOrder.failOver(FailoverOrder(from: "web.service", to: "web@2.service"))
    private static let putBack = ActionOrder.failOver(
        FailoverOrder(from: "web@2.service", to: "web.service", isPutBack: true))

    private static var web: Component {
        var component = Component.named(
            "web",
            recovery: [
                Step(strategy: .failover(FailoverStrategy())), Step(strategy: .scale(ScaleStrategy(.down))),
                Step(strategy: .alert(AlertStrategy())),
            ])
        component.facts = ComponentFacts(
            cache: Self.cache, release: Self.release, failover: FailoverPolicy(standbys: ["web@2.service"]),
            scale: ScalePolicy(
                kind: .instances(template: "web-pool@.service", min: 1, max: 3, step: 2), cooldown: .seconds(30)),
            isolate: IsolatePolicy(openFor: .seconds(30)))
        return component
    }

    private static func bench(_ checker: any Checker) -> CheckerBench { CheckerBench(checker, [Self.web]) }

    private static func request(
        _ id: Int64, _ action: String, _ order: ActionOrder, _ strategy: Strategy? = .failover(FailoverStrategy())
    ) -> ActionRequest {
        ActionRequest(
            id: id, incident: 1, component: "web", action: action, unit: "web.service", attempt: 1,
            timeout: .seconds(30), expectedInvocationID: "a", policyGeneration: 1, strategy: strategy, order: order)
    }

    private static func intended(_ id: Int64, _ action: String) -> Effect {
        .record(.intended(id, action: action))
    }

    @Test func `a member that is started while another runs`() {
        var bench = Self.bench(NeverTwoActive())
        bench.tell(.processBegan(unit: "web.service", by: .systemd, askedAt: bench.now))
        bench.tell(.processEnded(unit: "web.service", by: .us))
        bench.tell(.processBegan(unit: "web@2.service", by: .us, askedAt: bench.now))
        // Somebody else's start, ours being on its way already.
        bench.tell(.processEnded(unit: "web@2.service", by: nil))
        let askedAt = bench.now
        bench.wait(.seconds(1))
        bench.tell(.processBegan(unit: "web@2.service", by: .person, askedAt: bench.now))
        bench.wait(.seconds(1))
        bench.tell(.processBegan(unit: "web.service", by: .us, askedAt: askedAt))
        #expect(bench.objections.isEmpty)
        bench.tell(.processEnded(unit: "web.service", by: nil))
        bench.tell(.processBegan(unit: "web.service", by: .us, askedAt: bench.now))
        #expect(bench.objections.count == 1)
    }

    @Test func `a unit beside the standby that had taken over and left the policy`() {
        var bench = Self.bench(NeverTwoActive())
        bench.tell(.processBegan(unit: "left.service", by: .us, askedAt: bench.now))
        var facts = SavedFacts()
        facts.abandoned = "left.service"
        bench.decide(.saveComponent("web", SavedComponent(facts: facts)))
        bench.tell(.processBegan(unit: "web.service", by: .person, askedAt: bench.now))
        bench.tell(.processEnded(unit: "web.service", by: .us))
        #expect(bench.objections.isEmpty)
        bench.tell(.processBegan(unit: "web.service", by: .us, askedAt: bench.now))
        #expect(bench.objections.count == 1)
    }

    @Test func `a second failover in one incident`() {
        var bench = Self.bench(OneFailoverPerIncident())
        bench.decide(.act(Self.request(1, "FAILOVER", Self.failOver)))
        bench.tell(.told(.actionFinished(id: 1, ActionOutcome(.failed, detail: ""))))
        bench.decide(.act(Self.request(2, "FAILOVER", Self.failOver)))
        bench.tell(.told(.actionFinished(id: 2, ActionOutcome(.succeeded, detail: ""))))
        bench.decide(.act(Self.request(3, "FAILOVER", Self.putBack, nil)))
        #expect(bench.objections.isEmpty)
        bench.decide(.act(Self.request(4, "FAILOVER", Self.failOver)))
        #expect(bench.objections.count == 1)
    }

    @Test func `a standby that runs alone while the own unit is taken for the active one`() {
        var bench = Self.bench(WhatRunsIsWatched())
        bench.tell(.processBegan(unit: "web@2.service", by: .person, askedAt: bench.now))
        bench.tell(.told(.deadline))
        bench.wait(.seconds(29))
        bench.tell(.told(.deadline))
        #expect(bench.objections.isEmpty)
        bench.wait(.seconds(2))
        bench.tell(.told(.deadline))
        #expect(bench.objections.count == 1)
    }

    @Test func `a unit that a failover stopped and nobody started again`() {
        var bench = Self.bench(FencedIsNotForgotten())
        bench.tell(.processBegan(unit: "web.service", by: .systemd, askedAt: bench.now))
        bench.open()
        bench.record(.incidentExhausted(rearmAt: WallTime(microseconds: 1)))
        bench.tell(
            .stepTaken(Self.request(1, "FAILOVER", Self.failOver), .stop("web.service", expecting: "a")))
        bench.tell(.processEnded(unit: "web.service", by: .us))
        #expect(bench.objections.isEmpty)
        bench.record(.incidentExhausted(rearmAt: WallTime(microseconds: 1)))
        #expect(bench.objections.count == 1)
    }

    @Test func `a rollback to what was not good for long enough, or was shown to be bad`() {
        var bench = Self.bench(RollbacksAreSound())
        func back(_ id: Int64, _ from: String, _ to: String) -> Effect {
            .act(
                Self.request(
                    id, "ROLLBACK", .switchRelease(ReleaseSwitch(policy: Self.release, from: from, to: to)),
                    .rollback(RollbackStrategy())))
        }
        bench.running()
        bench.wait(.seconds(12))
        bench.running()
        bench.tell(.releaseInstalled(link: Self.release.current, release: "r2"))
        bench.decide(back(1, "r2", "r1"))
        #expect(bench.objections.isEmpty)
        bench.decide(back(2, "r2", "r0"))
        #expect(bench.objections.count == 1)
        bench.record(.verification(action: 1, succeeded: true, detail: ""))
        bench.wait(.seconds(12))
        bench.running()
        bench.decide(back(3, "r1", "r2"))
        #expect(bench.objections.count == 1)
        bench.record(.verification(action: 3, succeeded: true, detail: ""))
        bench.decide(back(4, "r2", "r1"))
        #expect(bench.objections.count == 2)
    }

    @Test func `what is taken back twice, or was never done`() {
        var bench = Self.bench(UndoFollowsStep())
        bench.decide(.act(Self.request(1, "FAILOVER", Self.failOver)))
        bench.decide(.act(Self.request(2, "FAILOVER", Self.putBack, nil)))
        #expect(bench.objections.isEmpty)
        bench.decide(.act(Self.request(3, "FAILOVER", Self.putBack, nil)))
        #expect(bench.objections.count == 1)
        bench.decide(.act(Self.request(4, "CIRCUIT_BREAK", .isolate, nil)))
        #expect(bench.objections.count == 2)
    }

    @Test func `a cache emptied under a unit that runs, or that was not stopped for it`() {
        var bench = Self.bench(CacheIsEmptiedWhileDown())
        let request = Self.request(1, "CLEAR_CACHE", .clearCache(Self.cache), .clearCache(ClearCacheStrategy()))
        bench.tell(.cacheEmptied(request, isDown: true))
        #expect(bench.objections.count == 1)
        bench.tell(.stepTaken(request, .stop("web.service", expecting: "a")))
        bench.tell(.cacheEmptied(request, isDown: true))
        #expect(bench.objections.count == 1)
        bench.tell(.cacheEmptied(request, isDown: false))
        #expect(bench.objections.count == 2)
    }

    @Test func `a unit that was stopped for its cache and left so`() {
        var bench = Self.bench(StoppedForCacheIsStarted())
        for (id, isStarted) in [(Int64(1), true), (2, false)] {
            let request = Self.request(id, "CLEAR_CACHE", .clearCache(Self.cache), .clearCache(ClearCacheStrategy()))
            bench.tell(.processBegan(unit: "web.service", by: .systemd, askedAt: bench.now))
            bench.tell(.stepTaken(request, .stop("web.service", expecting: "a")))
            bench.tell(.processEnded(unit: "web.service", by: .us))
            if isStarted { bench.tell(.processBegan(unit: "web.service", by: .us, askedAt: bench.now)) }
            bench.tell(.told(.actionFinished(id: id, ActionOutcome(.interrupted, detail: ""))))
            #expect(bench.objections.count == (isStarted ? 0 : 1))
        }
    }

    @Test func `too few instances, too many at once, and too soon`() {
        func stop(_ id: Int64, _ numbers: Int...) -> Effect {
            .act(
                Self.request(
                    id, "SCALE_DOWN", .stop(numbers.map { "web-pool@\($0).service" }), .scale(ScaleStrategy(.down))))
        }
        for (numbers, objections) in [([3, 2], 0), ([3, 2, 1], 1), ([], 1)] {
            var bench = Self.bench(InstancesStayInBounds())
            for number in 1...3 { bench.running("web-pool@\(number).service") }
            let units = numbers.map { "web-pool@\($0).service" }
            bench.decide(.act(Self.request(1, "SCALE_DOWN", .stop(units), .scale(ScaleStrategy(.down)))))
            #expect(bench.objections.count == objections)
        }
        var bench = Self.bench(InstancesStayInBounds())
        for number in 1...2 { bench.running("web-pool@\(number).service") }
        bench.decide(stop(1, 2, 1))
        #expect(bench.objections.count == 1)
        bench.decide(stop(2, 2))
        bench.tell(.told(.actionFinished(id: 2, ActionOutcome(.succeeded, detail: ""))))
        bench.wait(.seconds(29))
        bench.decide(stop(3, 2))
        #expect(bench.objections.count == 2)
    }

    @Test func `a barrier or a reduction that nobody owns any more`() {
        var bench = Self.bench(WhatWasLentComesBack())
        let load = ReducedLoad(units: ["batch.service"], properties: [], restoreAfter: .seconds(1), incident: 1)
        let facts = SavedFacts(isolatedUntil: WallTime(microseconds: 1), reducedLoads: [load])
        bench.decide(.saveComponent("web", SavedComponent(facts: facts)))
        bench.tell(.left(barred: ["web.service"], reduced: ["batch.service"]))
        #expect(bench.objections.isEmpty)
        bench.decide(.saveComponent("web", SavedComponent()))
        bench.tell(.left(barred: ["web.service"], reduced: []))
        bench.tell(.left(barred: [], reduced: ["batch.service"]))
        #expect(bench.objections.count == 2)
    }

    @Test func `what is done aside again at once, or while paused`() {
        var bench = Self.bench(AsidesAreCalm())
        func lift(_ id: Int64) -> Effect { .act(Self.request(id, "CIRCUIT_BREAK", .endIsolation, nil)) }
        bench.decide(lift(1))
        bench.tell(.told(.actionFinished(id: 1, ActionOutcome(.failed, detail: ""))))
        bench.wait(.seconds(30))
        bench.decide(lift(2))
        #expect(bench.objections.isEmpty)
        bench.wait(.seconds(5))
        bench.decide(lift(3))
        #expect(bench.objections.count == 1)
        bench.wait(.seconds(60))
        bench.tell(.told(.operatorAsked(.pause(component: "web", for: .seconds(60), by: "root", reason: ""))))
        bench.decide(lift(4))
        #expect(bench.objections.count == 2)
    }

    @Test func `a trial that comes too soon, and anything else before it`() {
        var bench = Self.bench(IsolationHolds())
        let facts = SavedFacts(isolatedUntil: WallTime(microseconds: 1))
        bench.decide(.saveComponent("web", SavedComponent(facts: facts)))
        bench.wait(.seconds(20))
        bench.decide(
            Self.intended(1, "CIRCUIT_BREAK"), .act(Self.request(1, "CIRCUIT_BREAK", .tryIsolated, nil)))
        #expect(bench.objections.count == 1)
        bench.decide(Self.intended(2, "FAILOVER"), .act(Self.request(2, "FAILOVER", Self.failOver)))
        #expect(bench.objections.count == 2)
        bench.tell(.processBegan(unit: "web.service", by: .us, askedAt: bench.now))
        #expect(bench.objections.count == 3)
        bench.wait(.seconds(10))
        bench.decide(
            Self.intended(3, "CIRCUIT_BREAK"), .act(Self.request(3, "CIRCUIT_BREAK", .tryIsolated, nil)))
        #expect(bench.objections.count == 3)
    }

    @Test func `a stop of ours that is taken for an operator's`() {
        var bench = Self.bench(OwnStopsAreKnown())
        bench.tell(.processEnded(unit: "web.service", by: .person))
        bench.record(.timeCounts(false, why: "stopped by an operator"))
        #expect(bench.objections.isEmpty)
        bench.tell(.processBegan(unit: "web.service", by: .person, askedAt: bench.now))
        bench.tell(.processEnded(unit: "web.service", by: .us))
        bench.record(.timeCounts(false, why: "stopped by an operator"))
        #expect(bench.objections.count == 1)
    }
}
