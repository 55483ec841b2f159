import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@Suite struct GuardTests {
    static func fleet(_ count: Int) -> [Component] {
        (0..<count).map { .service("c\($0)", recovery: [.restart(.unlimited, backoff: Backoff(initial: .zero))]) }
    }

    @Test func `no more actions than the budget in any window`() throws {
        let guards = Guards(maxActions: .init(count: 2, per: .seconds(600)))
        let breaker = BreakerPolicy(failures: 1_000)
        let ladder = [Step.restart(.unlimited, backoff: Backoff(initial: .zero))]
        var world = EngineHarness([.service("web", recovery: ladder, breaker: breaker)], guards: guards)
        world.running("web.service", "0")
        var acted: [Double] = []
        for round in 1...4 {
            var requests = world.killed("web.service", "\(round - 1)").actions
            if requests.isEmpty { requests = world.advance(by: 700).actions }
            acted.append(world.seconds)
            world.running("web.service", "\(round)")
            world.finish(try #require(requests.first))
            world.seconds += 1
        }
        #expect(acted[1] - acted[0] < 10)
        #expect(acted[2] - acted[0] >= 600)
        #expect(world.effects.notes.contains { $0.hasPrefix("the action budget (maxActions) is spent") })
    }

    @Test func `no more actions at once than maxConcurrent, and the most critical first`() throws {
        var components = Self.fleet(20)
        components[7].criticality = .critical
        var world = EngineHarness(components, guards: Guards(maxConcurrent: 2, maxUnhealthy: 1))
        for index in 0..<20 { world.running("c\(index).service", "a") }
        var requests: [ActionRequest] = []
        for index in 0..<8 { requests += world.killed("c\(index).service", "a").actions }
        #expect(requests.map(\.component) == ["c0", "c1"])
        world.running("c0.service", "b")
        let next = world.finish(try #require(requests.first)).actions
        #expect(next.map(\.component) == ["c7"])
    }

    @Test func `above maxUnhealthy automation freezes with one alert and thaws by itself`() throws {
        let guards = Guards(maxConcurrent: 1, maxUnhealthy: 0.4, stormCooldown: .zero)
        var world = EngineHarness(Self.fleet(10), guards: guards)
        for index in 0..<10 { world.running("c\(index).service", "a") }
        let first = try #require(world.killed("c0.service", "a").actions.first)
        for index in 1..<8 { world.killed("c\(index).service", "a") }
        #expect(world.effects.alerts.filter { $0.event == .frozen }.count == 1)
        world.running("c0.service", "b")
        #expect(world.finish(first).actions.isEmpty)
        #expect(world.engine.hostState.state == "frozen")
        var thawed: [ActionRequest] = []
        for index in 1..<4 { thawed += world.running("c\(index).service", "b").actions }
        #expect(thawed.map(\.component) == ["c4"])
        #expect(world.engine.hostState.state == "running")
    }

    @Test func `fewer than five components never freeze`() {
        var world = EngineHarness(Self.fleet(4), guards: Guards(maxConcurrent: 9))
        for index in 0..<4 { world.running("c\(index).service", "a") }
        for index in 0..<4 { #expect(world.killed("c\(index).service", "a").actions.count == 1) }
    }

    @Test func `repairs that do not hold open the breaker, which outlives the supervisor`() throws {
        let breaker = BreakerPolicy(failures: 2, window: .seconds(60), openFor: .seconds(60))
        let ladder = [Step.restart(.unlimited, backoff: Backoff(initial: .zero))]
        let component = Component.service("web", recovery: ladder, breaker: breaker)
        var world = EngineHarness([component])
        world.running("web.service", "0")
        var request = try #require(world.killed("web.service", "0").actions.first)
        for round in 1...2 {
            world.running("web.service", "\(round)")
            world.finish(request)
            guard let next = world.killed("web.service", "\(round)").actions.first else { break }
            request = next
        }
        #expect(world.state(of: "web") == "isolated")
        #expect(world.effects.alerts.map(\.event) == [.tooFrequent])
        var saved = RestoredState()
        for case .saveComponent(let name, let state) in world.effects { saved.components[name] = state }
        for case .saveHost(let host) in world.effects { saved.host = host }

        var next = EngineHarness([component], restored: saved)
        next.seconds = world.seconds + 1
        next = {
            var fresh = EngineHarness([component], restored: saved)
            fresh.seconds = next.seconds
            return fresh
        }()
        #expect(next.killed("web.service", "2").actions.isEmpty)
        #expect(next.state(of: "web") == "isolated")
        #expect(next.advance(by: 65).actions.count == 1)
    }

    @Test func `nothing disruptive is done while the audit trail cannot be written`() {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        world.send(.recordingFailed(why: "disk full"))
        #expect(world.killed("web.service", "a").actions.isEmpty)
        #expect(world.send(.recordingFailed(why: nil)).actions.count == 1)
    }

    @Test func `a pause holds actions and ends by itself`() {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        world.send(.operatorAsked(.pause(component: nil, for: .seconds(60), by: "root", reason: "upgrade")))
        #expect(world.killed("web.service", "a").actions.isEmpty)
        #expect(world.advance(by: 59).actions.isEmpty)
        #expect(world.advance(by: 2).actions.count == 1)
    }
}
