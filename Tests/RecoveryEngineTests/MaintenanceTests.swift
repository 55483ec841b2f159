import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// While people work on a component as announced, it is watched and not repaired.
@Suite struct MaintenanceTests {
    /// The harness begins at 2023-11-14 22:30:00 UTC.
    static func policy(
        _ calendar: String, names: [String] = ["web"], tags: [String] = [], mode: Mode = .auto
    ) throws -> PolicySnapshot {
        var web = Component.service("web", mode: mode)
        web.tags = ["nightly"]
        return PolicySnapshot(
            components: [web, .service("db")],
            maintenance: [
                MaintenanceWindow(
                    name: "upgrades", components: names, tags: tags,
                    calendar: try #require(CalendarExpression(calendar)), duration: .seconds(600))
            ])
    }

    static func world(_ policy: PolicySnapshot, offset: Int64 = 0) -> EngineHarness {
        var world = EngineHarness(policy: policy, localOffset: offset)
        world.running("web.service", "0")
        world.running("db.service", "0")
        return world
    }

    @Test func `in its window a component is not repaired, and after it it is`() throws {
        var world = Self.world(try Self.policy("*-*-* 22:25 UTC"))
        #expect(world.now.wall == WallTime(microseconds: 1_700_001_000_000_000))
        #expect(world.killed("web.service", "0").actions.isEmpty)
        #expect(world.state(of: "web") == "paused")
        #expect(world.effects.notes == ["maintenance window upgrades: nothing is repaired for another 5m"])
        #expect(world.advance(by: 299).actions.isEmpty)
        #expect(world.effects.alerts.isEmpty)
        #expect(world.advance(by: 2).actions.map(\.component) == ["web"])
    }

    @Test func `others, and other times, are not concerned`() throws {
        var world = Self.world(try Self.policy("*-*-* 22:25 UTC"))
        #expect(world.killed("db.service", "0").actions.count == 1)
        var later = Self.world(try Self.policy("*-*-* 22:31 UTC"))
        #expect(later.killed("web.service", "0").actions.count == 1)
    }

    @Test func `a repair that waits when a window opens waits until it closes`() throws {
        let policy = try Self.policy("*-*-* 22:31 UTC")
        var world = Self.world(policy)
        world.send(.operatorAsked(.pause(component: "web", for: .seconds(90), by: "root", reason: "work")))
        world.killed("web.service", "0")
        #expect(world.advance(by: 650).actions.isEmpty)
        #expect(world.advance(by: 15).actions.count == 1)
    }

    @Test func `a window finds components by their tags, and without any it concerns nobody`() throws {
        var tagged = Self.world(try Self.policy("*-*-* 22:25 UTC", names: [], tags: ["nightly"]))
        #expect(tagged.killed("web.service", "0").actions.isEmpty)
        #expect(tagged.killed("db.service", "0").actions.count == 1)
        var empty = Self.world(try Self.policy("*-*-* 22:25 UTC", names: []))
        #expect(empty.killed("web.service", "0").actions.count == 1)
    }

    @Test func `a window goes by the machine's own time`() throws {
        var east = Self.world(try Self.policy("*-*-* 23:25"), offset: 3_600)
        #expect(east.killed("web.service", "0").actions.isEmpty)
        var utc = Self.world(try Self.policy("*-*-* 23:25"))
        #expect(utc.killed("web.service", "0").actions.count == 1)
    }

    @Test func `a reload that takes the window away ends it`() throws {
        var world = Self.world(try Self.policy("*-*-* 22:25 UTC"))
        world.killed("web.service", "0")
        var policy = try Self.policy("*-*-* 22:25 UTC")
        policy.maintenance = []
        #expect(world.send(.policyLoaded(policy, generation: 2)).actions.count == 1)
    }
}
