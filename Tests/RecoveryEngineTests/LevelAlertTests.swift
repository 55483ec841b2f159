import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// What people are told of levels of degradation.
@Suite struct LevelAlertTests {
    private static let levels: [DegradationLevel: LevelPolicy] = [
        .degraded: LevelPolicy(enter: LevelCondition(components: ["api"])),
        .minimal: LevelPolicy(enter: LevelCondition(components: ["api"], for: .seconds(20))),
        .emergency: LevelPolicy(enter: LevelCondition(components: ["api"], for: .seconds(40))),
    ]

    private static func world(_ policy: PolicySnapshot? = nil) -> EngineHarness {
        var world = EngineHarness(policy: policy ?? DegradationTests.policy(Self.levels))
        world.advance(by: 5) { _ in .up }
        return world
    }

    /// Of levels only.
    private static func told(_ world: EngineHarness) -> [String] {
        world.effects.alerts.filter { $0.event == .degraded || $0.resolves != nil }
            .map { "\($0.event.rawValue) \($0.severity.rawValue)" }
    }

    @Test func `each deeper level is told once, and the end to all who heard of the deepest`() {
        var world = Self.world()
        world.advance(by: 3) { _ in .down }
        let first = world.effects.alerts.filter { $0.event == .degraded }
        #expect(first.map(\.text) == ["The host is at the degradation level DEGRADED: api is down."])
        #expect(first.map(\.component) == [nil])
        #expect(first.map(\.incident) == [nil])
        world.advance(by: 60) { _ in .down }
        #expect(Self.told(world) == ["degraded MEDIUM", "degraded HIGH", "degraded CRITICAL"])
        #expect(world.effects.alerts.last?.text.hasSuffix("before that it was at MINIMAL.") == true)
        world.advance(by: 600) { _ in .down }
        #expect(Self.told(world).count == 3, "as long as it lasts")
        world.advance(by: 60) { _ in .up }
        #expect(world.level == .normal)
        #expect(Self.told(world).count == 3, "not yet")
        world.advance(by: 320) { _ in .up }
        #expect(Self.told(world).last == "resolved CRITICAL")
        let last = world.effects.alerts.last
        #expect(last?.resolves == .degraded)
        #expect(last?.text == "The host has been at NORMAL again for 5m.")
        world.advance(by: 3_600) { _ in .up }
        #expect(Self.told(world).count == 4)
        #expect(world.saved.host?.degradation == nil, "nothing is left of it")
    }

    @Test func `a level that comes and goes is one message, and so is its end`() {
        var world = Self.world()
        for _ in 0..<20 {
            world.advance(by: 4) { _ in .down }
            #expect(world.level == .degraded)
            world.advance(by: 60) { _ in .up }
            #expect(world.level == .normal)
        }
        #expect(Self.told(world) == ["degraded MEDIUM"])
        world.advance(by: 320) { _ in .up }
        #expect(Self.told(world) == ["degraded MEDIUM", "resolved MEDIUM"])
        world.advance(by: 4) { _ in .down }
        #expect(Self.told(world).count == 3, "and the next is news again")
    }

    @Test func `a level that was left for long is news when it comes again, without an end between`() {
        let levels: [DegradationLevel: LevelPolicy] = [
            .degraded: LevelPolicy(enter: LevelCondition(components: ["api"])),
            .minimal: LevelPolicy(enter: LevelCondition(components: ["db"])),
        ]
        let db = Component.service("db", recovery: [.page])
        var world = Self.world(DegradationTests.policy(levels, components: [DegradationTests.api(), db]))
        for seconds in [30, 400] as [Double] {
            world.killed("db.service", "1")
            world.advance(by: 5) { _ in .down }
            #expect(world.level == .minimal)
            world.running("db.service", "2")
            world.advance(by: seconds) { _ in .down }
            #expect(world.level == .degraded)
        }
        #expect(Self.told(world) == ["degraded HIGH"], "after 30 s it is the same")
        world.killed("db.service", "2")
        #expect(Self.told(world) == ["degraded HIGH", "degraded HIGH"])
    }

    @Test func `heald that was started anew says nothing twice, and owes the end`() throws {
        var world = Self.world()
        world.advance(by: 3) { _ in .down }
        let saved = world.saved
        #expect(saved.host?.degradation?.told == ToldLevel(level: .degraded, deepest: .degraded))
        var next = EngineHarness(
            policy: DegradationTests.policy(Self.levels),
            restored: RestoredState(components: saved.components, host: try #require(saved.host)), at: world.instant)
        next.advance(by: 10) { _ in .down }
        #expect(next.level == .degraded)
        #expect(Self.told(next) == [])
        next.advance(by: 700) { _ in .up }
        #expect(Self.told(next) == ["resolved MEDIUM"])
    }

    @Test func `a policy that has no levels any more owes the end, too`() {
        var world = Self.world()
        world.advance(by: 3) { _ in .down }
        world.send(.policyLoaded(PolicySnapshot(components: [DegradationTests.api()]), generation: 2))
        #expect(Self.told(world).count == 1)
        world.advance(by: 320) { _ in .up }
        #expect(Self.told(world).last == "resolved MEDIUM")
    }
}
