import Foundation
import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// Limits that components of one group have together.
@Suite struct GroupTests {
    static let ladder = [Step.restart(.unlimited, backoff: Backoff(initial: .zero))]
    static let patientBreaker = BreakerPolicy(failures: 1_000)

    /// `count` members `c0`, `c1`, … of the group `web` and one other, `other`.
    static func policy(_ count: Int, _ limits: GroupLimits, guards: Guards) -> PolicySnapshot {
        var components = (0..<count).map {
            Component.service("c\($0)", recovery: Self.ladder, breaker: Self.patientBreaker)
        }
        for index in components.indices { components[index].group = "web" }
        components.append(.service("other", recovery: Self.ladder, breaker: Self.patientBreaker))
        return PolicySnapshot(components: components, guards: guards, groups: ["web": limits])
    }

    static let open = Guards(maxActions: .init(count: 1_000), maxConcurrent: 100, maxUnhealthy: 1)

    static func world(_ count: Int, _ limits: GroupLimits) -> EngineHarness {
        var world = EngineHarness(policy: Self.policy(count, limits, guards: Self.open))
        for index in 0..<count { world.running("c\(index).service", "0") }
        world.running("other.service", "0")
        return world
    }

    /// Kills a member and lets its repair, if there is one, succeed.
    ///
    /// - Returns: how many actions were asked for.
    static func failOnce(_ name: String, _ round: Int, _ world: inout EngineHarness) -> Int {
        let requests = world.killed("\(name).service", "\(round)").actions
        for request in requests {
            world.running("\(name).service", "\(round + 1)")
            world.finish(request)
            world.advance(by: 5)
        }
        return requests.count
    }

    @Test func `a group's budget holds for its members together, and for nobody else`() {
        var world = Self.world(3, GroupLimits(maxActions: .init(count: 2, per: .seconds(600))))
        #expect(Self.failOnce("c0", 0, &world) == 1)
        #expect(Self.failOnce("c1", 0, &world) == 1)
        #expect(Self.failOnce("c2", 0, &world) == 0)
        #expect(Self.failOnce("other", 0, &world) == 1)
        #expect(
            world.effects.notes.contains { $0.hasPrefix("the action budget (maxActions) of the group web is spent") })
        #expect(world.advance(by: 580).actions.isEmpty)
        #expect(world.advance(by: 20).actions.map(\.component) == ["c2"])
    }

    @Test func `a group's budget outlives the supervisor and reloads that take it away for a while`() throws {
        let limits = GroupLimits(maxActions: .init(count: 2, per: .seconds(600)))
        var world = Self.world(3, limits)
        #expect(Self.failOnce("c0", 0, &world) == 1)
        #expect(Self.failOnce("c1", 0, &world) == 1)
        world.send(.policyLoaded(Self.policy(3, GroupLimits(), guards: Self.open), generation: 2))
        world.send(.policyLoaded(Self.policy(3, limits, guards: Self.open), generation: 3))
        #expect(Self.failOnce("c2", 0, &world) == 0)
        world.running("c2.service", "1")
        world.advance(by: 5)

        let text = try JSONEncoder().encode(try #require(world.saved.host))
        let restored = RestoredState(
            components: world.saved.components, host: try JSONDecoder().decode(SavedHost.self, from: text))
        var next = EngineHarness(
            policy: Self.policy(3, limits, guards: Self.open), restored: restored, at: world.instant + .seconds(1))
        for index in 0..<3 { next.running("c\(index).service", "1") }
        #expect(Self.failOnce("c2", 1, &next) == 0)
        #expect(next.advance(by: 600).actions.map(\.component) == ["c2"])
    }

    @Test func `what older versions saved has no groups`() throws {
        let text = #"{"nextIncident": 3, "nextAction": 4, "actions": [], "frozen": false}"#
        #expect(try JSONDecoder().decode(SavedHost.self, from: Data(text.utf8)).groups == [:])
    }

    @Test func `no more members are repaired at once than a group's maxConcurrent`() throws {
        var world = Self.world(3, GroupLimits(maxConcurrent: 1))
        let first = try #require(world.killed("c0.service", "0").actions.first)
        #expect(world.killed("c1.service", "0").actions.isEmpty)
        #expect(world.killed("other.service", "0").actions.count == 1)
        world.running("c0.service", "1")
        #expect(world.finish(first).actions.map(\.component) == ["c1"])
    }

    @Test func `a group freezes alone, with one alert, and thaws by itself`() {
        var world = Self.world(5, GroupLimits(maxConcurrent: 1, maxUnhealthy: 0.4))
        for index in 0..<4 { world.killed("c\(index).service", "0") }
        #expect(world.effects.alerts.map(\.event) == [.frozen])
        #expect(world.state(of: "c3") == "failing")
        #expect(world.engine.hostState.state == "running")
        #expect(world.killed("other.service", "0").actions.count == 1)
        let request = world.effects.actions[0]
        world.running("c0.service", "1")
        #expect(world.finish(request).actions.isEmpty)
        #expect(world.running("c1.service", "1").actions.map(\.component) == ["c2"])
    }

    @Test func `one that still serves is repaired only where enough others do`() throws {
        let onDegraded = Step.restart(.unlimited, when: Condition(verdicts: [.down, .degraded]))
        var members = ["a", "b"].map { name in
            Component(
                name: name, unit: "\(name).service", group: "web",
                checks: [
                    Check(
                        name: "http", kind: .http(HTTPCheck(host: "127.0.0.1")), interval: .seconds(5), fall: 1,
                        rise: 1)
                ], recovery: [onDegraded])
        }
        members[0].startupGrace = .zero
        members[1].startupGrace = .zero
        let policy = PolicySnapshot(components: members, groups: ["web": GroupLimits(minHealthyInGroup: 1)])
        var world = EngineHarness(policy: policy)
        world.running("a.service", "0")
        world.running("b.service", "0")
        world.advance(by: 20) { _ in .up }
        // Only `a` serves once `b` is down, so it has to stay, however slow; `b` itself has nothing to lose.
        #expect(world.advance(by: 6) { $0.component == "a" ? .up : .down }.actions.map(\.component) == ["b"])
        #expect(world.advance(by: 20) { $0.component == "a" ? .degraded : .down }.actions.isEmpty)
        #expect(world.effects.notes.contains { $0.contains("minHealthyInGroup") })
        let repair = try #require(world.effects.actions.first)
        world.finish(repair)
        #expect(world.advance(by: 20) { $0.component == "a" ? .degraded : .up }.actions.map(\.component) == ["a"])
    }

    @Test func `the host's minHealthyInGroup holds for groups that do not say otherwise`() {
        var guards = Self.open
        guards.minHealthyInGroup = 1
        var policy = Self.policy(1, GroupLimits(), guards: guards)
        policy.groups = [:]
        policy.components[0].recovery = [.restart(.unlimited, when: Condition(verdicts: [.down, .degraded]))]
        policy.components[0].checks = [
            Check(name: "http", kind: .http(HTTPCheck(host: "127.0.0.1")), interval: .seconds(5), fall: 1, rise: 1)
        ]
        var world = EngineHarness(policy: policy)
        world.running("c0.service", "0")
        #expect(world.advance(by: 60) { _ in .degraded }.actions.isEmpty)
        #expect(world.advance(by: 60) { _ in .down }.actions.count == 1)
    }
}
