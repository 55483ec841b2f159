import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// At which level of degradation the host is: what leads to one, how soon, and the way back.
@Suite struct DegradationTests {
    static let rate = [CheckReference(component: "api", check: "http")]

    /// `api`, looked at every 500 ms, which repairs nothing.
    static func api() -> Component {
        Component(
            name: "api", startupGrace: .zero, stable: .zero,
            checks: [
                Check(
                    name: "http", kind: .http(HTTPCheck(host: "127.0.0.1")), interval: .milliseconds(500),
                    timeout: .milliseconds(400), fall: 3, rise: 1, fastInterval: .milliseconds(500), jitter: 0)
            ], recovery: [.page])
    }

    static func policy(
        _ levels: [DegradationLevel: LevelPolicy], components: [Component] = [Self.api()],
        stepUpAfter: Duration = .seconds(10)
    ) -> PolicySnapshot {
        PolicySnapshot(
            components: components, degradation: DegradationPolicy(levels: levels, stepUpAfter: stepUpAfter))
    }

    // MARK: - What leads to a level

    @Test func `a component that is down leads to the level at once, and its incident's end leads back`() {
        var world = EngineHarness(
            policy: Self.policy(
                [.degraded: LevelPolicy(enter: LevelCondition(components: ["api"]), features: ["search": false])]))
        #expect(world.effects.notices == [DegradationNotice(level: .normal, features: [:])])
        world.advance(by: 5) { _ in .up }
        #expect(world.level == .normal)
        let before = world.seconds
        world.advance(by: 3) { _ in .down }
        #expect(world.level == .degraded)
        let entered = world.effects.changes.first
        #expect(entered?.to == .degraded)
        #expect((entered?.at ?? 1e9) - before <= 1.6, "three failures, 500 ms apart")
        #expect(world.effects.notices.last == DegradationNotice(level: .degraded, features: ["search": false]))
        #expect(world.engine.degradation?.why == "api is down")
        let up = world.seconds
        world.advance(by: 30) { _ in .up }
        #expect(world.level == .normal)
        let left = world.effects.changes.last
        #expect(left?.to == .normal)
        #expect((10...11.1).contains((left?.at ?? 0) - up), "\(left?.at ?? 0) after \(up)")
        #expect(world.effects.notices.last == DegradationNotice(level: .normal, features: [:]))
        #expect(world.effects.changes.count == 2)
    }

    @Test func `the condition has to hold for its time without a break`() {
        let enter = LevelCondition(components: ["api"], for: .seconds(4))
        var world = EngineHarness(policy: Self.policy([.degraded: LevelPolicy(enter: enter)]))
        world.advance(by: 5) { _ in .up }
        world.advance(by: 4) { _ in .down }
        #expect(world.level == .normal, "down for 3 s")
        world.advance(by: 5) { _ in .up }
        world.advance(by: 4) { _ in .down }
        #expect(world.level == .normal, "again")
        let since = world.seconds
        world.advance(by: 2) { _ in .down }
        #expect(world.level == .degraded)
        #expect((world.effects.changes.last?.at ?? 0) - since <= 2)
    }

    @Test func `the share of what is down is weighted by criticality`() throws {
        func world() -> EngineHarness {
            let components = [
                Component.service("a", criticality: .critical, recovery: [.page]),
                .service("b", criticality: .important, recovery: [.page]),
                .service("c", criticality: .optional, recovery: [.page]),
            ]
            let levels: [DegradationLevel: LevelPolicy] = [
                .degraded: LevelPolicy(enter: LevelCondition(unhealthy: 0.4)),
                .emergency: LevelPolicy(enter: LevelCondition(unhealthy: 1)),
            ]
            var world = EngineHarness(policy: Self.policy(levels, components: components))
            for name in ["a", "b", "c"] { world.running("\(name).service", name) }
            world.advance(by: 5)
            return world
        }
        var light = world()
        light.killed("b.service", "b")
        #expect(light.level == .normal, "2 of 7")
        light.killed("c.service", "c")
        #expect(light.level == .degraded, "3 of 7")
        var heavy = world()
        heavy.killed("a.service", "a")
        #expect(heavy.level == .degraded, "4 of 7")
        #expect(heavy.engine.degradation?.why == "57 % of the weight of all components is down")
        // One that an operator stopped does not count.
        heavy.stopped("b.service", "b", byOther: true)
        #expect(heavy.level == .degraded)
        heavy.killed("c.service", "c")
        #expect(heavy.level == .emergency, "all that are to run, at once the deepest")
        #expect(heavy.effects.changes.map(\.to) == [.degraded, .emergency])
    }

    @Test func `a rate of errors leads to the level within its window, and out of it`() {
        let enter = LevelCondition(errorRate: ErrorRateCondition(checks: Self.rate, above: 0.3, within: .seconds(10)))
        var world = EngineHarness(policy: Self.policy([.minimal: LevelPolicy(enter: enter)]))
        world.advance(by: 20) { _ in .up }
        // One of two fails: never three in a row.
        var isBad = false
        let begin = world.seconds
        world.advance(by: 10) { _ in
            isBad.toggle()
            return isBad ? .down : .up
        }
        #expect(world.level == .minimal)
        #expect(world.effects.openings.isEmpty)
        // 7 of 20 results within the window have to be failures.
        #expect((world.effects.changes.first?.at ?? 1e9) - begin <= 8)
        #expect(world.engine.degradation?.why == "the error rate of api/http is above 30.0 %")
        world.advance(by: 30) { _ in .up }
        #expect(world.level == .normal)
    }

    @Test func `fewer than five results say nothing of a rate`() {
        let enter = LevelCondition(errorRate: ErrorRateCondition(checks: Self.rate, above: 0.3, within: .seconds(10)))
        var world = EngineHarness(policy: Self.policy([.minimal: LevelPolicy(enter: enter)]))
        var asked = 0
        world.advance(by: 10) { _ in
            asked += 1
            return asked <= 4 ? .down : nil
        }
        #expect(world.level == .normal)
    }

    @Test func `slow answers lead to the level by their 95th percentile`() {
        let enter = LevelCondition(
            p95: ResponseTimeCondition(checks: Self.rate, above: .milliseconds(200), within: .seconds(10)))
        var world = EngineHarness(policy: Self.policy([.degraded: LevelPolicy(enter: enter)]))
        func answer(_ milliseconds: Int, for seconds: Double) {
            let end = world.seconds + seconds
            while world.seconds < end {
                for request in world.advance(by: 0.5).probes {
                    let at = world.now.monotonic
                    world.send(
                        .probeFinished(
                            id: request.id, component: "api", check: "http",
                            CheckResult(
                                verdict: .up, startedAt: at, finishedAt: at + .milliseconds(milliseconds))))
                }
            }
        }
        answer(200, for: 15)
        #expect(world.level == .normal, "as long as allowed")
        let begin = world.seconds
        answer(201, for: 3)
        #expect(world.level == .degraded)
        #expect((world.effects.changes.first?.at ?? 1e9) - begin <= 2, "two of twenty are more than five percent")
        answer(50, for: 25)
        #expect(world.level == .normal)
    }

    // MARK: - The way

    private static let stairs: [DegradationLevel: LevelPolicy] = [
        .degraded: LevelPolicy(features: ["a": false]), .minimal: LevelPolicy(features: ["b": false]),
        .emergency: LevelPolicy(enter: LevelCondition(components: ["api"]), features: ["a": true]),
    ]

    @Test func `the way back is one level at a time, each after stepUpAfter`() {
        var world = EngineHarness(policy: Self.policy(Self.stairs, stepUpAfter: .seconds(4)))
        world.advance(by: 5) { _ in .up }
        world.advance(by: 2) { _ in .down }
        #expect(world.level == .emergency)
        #expect(world.effects.notices.last?.features == ["a": true, "b": false], "deeper levels keep and change")
        world.advance(by: 30) { _ in .up }
        let changes = world.effects.changes
        #expect(changes.map(\.to) == [.emergency, .minimal, .degraded, .normal])
        for (one, next) in zip(changes.dropFirst(), changes.dropFirst(2)) {
            #expect((4...4.6).contains(next.at - one.at), "\(next.at - one.at)")
        }
        #expect(world.engine.degradation?.why == nil)
    }

    @Test func `a level that the policy does not have is passed over`() {
        var levels = Self.stairs
        levels[.minimal] = nil
        var world = EngineHarness(policy: Self.policy(levels, stepUpAfter: .seconds(1)))
        world.advance(by: 5) { _ in .up }
        world.advance(by: 2) { _ in .down }
        world.advance(by: 30) { _ in .up }
        #expect(world.effects.changes.map(\.to) == [.emergency, .degraded, .normal])
    }

    @Test func `what is unknown leads nowhere, and for a time holds what was known`() {
        var world = EngineHarness(policy: Self.policy(Self.stairs))
        world.advance(by: 60) { _ in .unknown }
        #expect(world.level == .normal)
        world.advance(by: 5) { _ in .up }
        world.advance(by: 2) { _ in .down }
        #expect(world.level == .emergency)
        world.advance(by: 290) { _ in .unknown }
        #expect(world.level == .emergency)
        world.advance(by: 60) { _ in .unknown }
        #expect(world.level != .emergency)
    }

    @Test func `a failing connectivity gate is doubt and no part of what is down`() {
        var uplink = Self.api()
        uplink.name = "uplink"
        var policy = Self.policy(
            [.degraded: LevelPolicy(enter: LevelCondition(unhealthy: 0.3))], components: [Self.api(), uplink])
        policy.guards.connectivity = [CheckReference(component: "uplink", check: "http")]
        var world = EngineHarness(policy: policy)
        world.advance(by: 5) { _ in .up }
        world.advance(by: 60) { $0.component == "uplink" ? .down : .up }
        #expect(world.effects.openings.count == 1)
        #expect(world.level == .normal)
    }

    @Test(arguments: ["api", "uplink"])
    func `a lost network makes nobody that a level names be down but the gate itself`(name: String) {
        var uplink = Self.api()
        uplink.name = "uplink"
        uplink.checks[0].fall = 6
        var api = Self.api()
        api.checks[0].kind = .http(HTTPCheck(host: "192.0.2.1"))
        var policy = Self.policy(
            [.degraded: LevelPolicy(enter: LevelCondition(components: [name]))], components: [api, uplink])
        policy.guards.connectivity = [CheckReference(component: "uplink", check: "http")]
        var world = EngineHarness(policy: policy)
        world.advance(by: 5) { _ in .up }
        world.advance(by: 60) { _ in .down }
        #expect(world.engine.hostState.state == "disconnected")
        #expect(world.level == (name == "uplink" ? .degraded : .normal))
        #expect(world.effects.changes.count == (name == "uplink" ? 1 : 0))
    }

    @Test func `a policy without the gate is taken up while something is down`() {
        var uplink = Self.api()
        uplink.name = "uplink"
        var api = Self.api()
        api.checks[0].kind = .http(HTTPCheck(host: "192.0.2.1"))
        let level = [DegradationLevel.degraded: LevelPolicy(enter: LevelCondition(unhealthy: 0.3))]
        var policy = Self.policy(level, components: [api, uplink])
        policy.guards.connectivity = [CheckReference(component: "uplink", check: "http")]
        var world = EngineHarness(policy: policy)
        world.advance(by: 5) { _ in .up }
        world.advance(by: 10) { $0.component == "api" ? .down : .up }
        #expect(world.level == .degraded)
        world.send(.policyLoaded(Self.policy(level, components: [api]), generation: 2))
        #expect(world.advance(by: 5) { _ in .down }.changes.isEmpty)
        #expect(world.level == .degraded)
    }

    @Test func `a stall of the supervisor makes no level`() {
        let enter = LevelCondition(errorRate: ErrorRateCondition(checks: Self.rate, above: 0.3, within: .seconds(10)))
        var world = EngineHarness(policy: Self.policy([.degraded: LevelPolicy(enter: enter)]))
        var asked = 0
        world.advance(by: 2.2) { _ in
            asked += 1
            return asked.isMultiple(of: 2) ? .up : .down
        }
        world.send(.stalled(.seconds(5)))
        world.advance(by: 0.6) { _ in .down }
        #expect(world.level == .normal, "what was seen before counts no more")
    }

    // MARK: - DEGRADE

    private static func asking(_ level: DegradationLevel? = nil, attempts: Int = 1) -> Component {
        .service(
            "web",
            recovery: [
                Step(
                    strategy: .degrade(DegradeStrategy(level: level)), attempts: .limited(attempts),
                    backoff: Backoff(initial: .seconds(1), jitter: 0), verify: .seconds(3)), .page,
            ])
    }

    private static let plain: [DegradationLevel: LevelPolicy] = [
        .degraded: LevelPolicy(features: ["a": false]), .minimal: LevelPolicy(features: ["b": false]),
    ]

    private static func failing(_ component: Component, _ levels: [DegradationLevel: LevelPolicy]) -> EngineHarness {
        var world = EngineHarness(policy: Self.policy(levels, components: [component], stepUpAfter: .seconds(5)))
        world.running("web.service", "a")
        world.advance(by: 5)
        world.killed("web.service", "a")
        return world
    }

    @Test func `DEGRADE goes one deeper at each attempt, and lasts as long as its incident`() {
        var world = Self.failing(Self.asking(attempts: 3), Self.plain)
        #expect(world.level == .degraded)
        #expect(world.engine.degradation?.askedBy == ["web"])
        #expect(world.engine.degradation?.why == "DEGRADE of web")
        world.advance(by: 30)
        #expect(world.level == .minimal)
        #expect(world.effects.skips == ["DEGRADE: MINIMAL is the deepest level already"])
        world.advance(by: 100)
        #expect(world.level == .minimal)
        let before = world.seconds
        world.running("web.service", "b")
        world.advance(by: 30)
        #expect(world.effects.resolutions.count == 1)
        #expect(world.effects.changes.map(\.to) == [.degraded, .minimal, .degraded, .normal])
        #expect((world.effects.changes.last?.at ?? 0) - before <= 2 + 5 + 5 + 1, "stable, and two steps")
        #expect(world.effects.actions.isEmpty)
    }

    @Test func `DEGRADE to a level by name enters that one, and its success is proven by the checks`() throws {
        var component = Self.api()
        component.recovery = Self.asking(.minimal).recovery
        var world = EngineHarness(policy: Self.policy(Self.plain, components: [component], stepUpAfter: .seconds(5)))
        world.advance(by: 5) { _ in .up }
        world.advance(by: 1.6) { _ in .down }
        #expect(world.level == .minimal)
        world.advance(by: 3) { _ in .up }
        #expect(world.effects.resolutions == [.heald])
        #expect(
            world.effects.records.contains {
                if case .verification(_, true, _) = $0 { true } else { false }
            })
        world.advance(by: 20) { _ in .up }
        #expect(world.level == .normal)
    }

    @Test func `what DEGRADE asked for survives a restart of heald, and ends with the incident`() throws {
        let world = Self.failing(Self.asking(), Self.plain)
        let saved = world.saved
        let host = try #require(saved.host)
        #expect(host.degradation?.level == .degraded)
        var next = EngineHarness(
            policy: Self.policy(Self.plain, components: [Self.asking()], stepUpAfter: .seconds(5)),
            restored: RestoredState(components: saved.components, host: host), at: world.instant)
        #expect(next.level == .degraded)
        #expect(next.effects.notices.last?.level == .degraded)
        next.killed("web.service", "a")
        next.advance(by: 60)
        #expect(next.level == .degraded)
        next.running("web.service", "b")
        next.advance(by: 20)
        #expect(next.level == .normal)
    }

    @Test func `a component in mode observe asks for nothing`() {
        var component = Self.asking()
        component.mode = .observe
        let world = Self.failing(component, Self.plain)
        #expect(world.level == .normal)
    }

    // MARK: - Other policies

    @Test func `a policy without the level leaves it at once, and one without any tells nothing more`() throws {
        var world = EngineHarness(policy: Self.policy(Self.stairs))
        world.advance(by: 5) { _ in .up }
        world.advance(by: 2) { _ in .down }
        var fewer = Self.stairs
        fewer[.emergency] = nil
        world.send(.policyLoaded(Self.policy(fewer), generation: 2))
        #expect(world.level == .minimal)
        world.send(.policyLoaded(PolicySnapshot(components: [Self.api()]), generation: 3))
        #expect(world.engine.degradation == nil)
        #expect(world.effects.changes.map(\.to) == [.emergency, .minimal, .normal])
        let last = try #require(world.effects.publications.last)
        #expect(last == nil)
    }
}

extension EngineHarness {
    var level: DegradationLevel? { self.engine.degradation?.level }
}

extension [Effect] {
    /// What was published, in order.
    var publications: [DegradationNotice?] {
        self.compactMap { if case .publishDegradation(let notice) = $0 { .some(notice) } else { nil } }
    }
    var notices: [DegradationNotice] { self.publications.compactMap(\.self) }
    /// Changes of the level, by the harness' clock.
    var changes: [(at: Double, to: DegradationLevel)] {
        self.compactMap {
            guard case .record(let record) = $0, case .degradationChanged(_, let to, _) = record.body else {
                return nil
            }
            return (Double(record.at.microseconds - 1_700_000_000_000_000) / 1e6, to)
        }
    }
}
