import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// `"dependsOn": ["unit"]`: what systemd says that a unit requires.
@Suite struct RequirementTests {
    private static func reading(_ name: String, dependsOn: [String] = []) -> Component {
        var component = Component.service(name, dependsOn: dependsOn)
        component.needsWhatUnitRequires = true
        return component
    }

    private static func running(_ id: String, requires: [String]?) -> UnitObservation {
        UnitObservation(
            activeState: .active, subState: "running", invocationID: id, mainPID: 42,
            activeEnteredAt: WallTime(microseconds: 1_700_000_000_000_000), requires: requires)
    }

    private static func died(_ id: String, requires: [String]? = nil) -> UnitObservation {
        UnitObservation(
            activeState: .failed, subState: "failed", invocationID: id, result: "signal", requires: requires)
    }

    @Test func `a component waits for the one whose unit its own requires`() {
        var world = EngineHarness([.service("db"), Self.reading("web")])
        world.running("db.service", "d")
        world.observe("web.service", Self.running("w", requires: ["db.service", "sysinit.target"]))
        world.advance(by: 5)
        #expect(world.killed("db.service", "d").actions.map(\.component) == ["db"])
        let effects = world.observe("web.service", Self.died("w", requires: ["db.service"]))
        #expect(effects.actions.isEmpty)
        #expect(effects.openings.map(\.rootCause) == ["db"])
    }

    @Test func `what systemd stopped with the unit it is bound to waits for that one and is started again`() {
        var world = EngineHarness([.service("db"), .service("web")])
        world.running("db.service", "d")
        world.running("web.service", "w")
        world.advance(by: 5)
        let repair = world.killed("db.service", "d").actions
        let effects = world.observe(
            "web.service",
            UnitObservation(activeState: .inactive, subState: "dead", invocationID: "w", stoppedWith: "db.service"))
        #expect(effects.openings.map(\.rootCause) == ["db"])
        #expect(effects.openings.first?.cause.message.contains("db.service") == true)
        #expect(effects.actions.isEmpty)
        world.running("db.service", "e")
        for request in repair { world.finish(request) }
        #expect(world.advance(by: 10).actions.map(\.component) == ["web"])
    }

    @Test func `without "unit" what systemd says is not asked`() {
        var world = EngineHarness([.service("db"), .service("web")])
        world.running("db.service", "d")
        world.observe("web.service", Self.running("w", requires: ["db.service"]))
        world.advance(by: 5)
        world.killed("db.service", "d")
        let effects = world.observe("web.service", Self.died("w"))
        #expect(effects.openings.map(\.rootCause) == [nil])
    }

    @Test(arguments: [("db", nil), ("mq", "mq")])
    func `only what it is said to require now counts, and a word that says nothing changes nothing`(
        failing: String, root: String?
    ) {
        var world = EngineHarness([.service("db"), .service("mq"), Self.reading("web")])
        world.running("db.service", "d")
        world.running("mq.service", "m")
        world.observe("web.service", Self.running("w", requires: ["db.service"]))
        world.observe("web.service", Self.running("w", requires: ["mq.service"]))
        world.observe("web.service", Self.running("w", requires: nil))
        world.advance(by: 5)
        world.killed("\(failing).service", failing == "db" ? "d" : "m")
        #expect(world.observe("web.service", Self.died("w")).openings.map(\.rootCause) == [root])
    }

    @Test func `two that require each other are repaired all the same, and it is said which word was left out`() {
        var world = EngineHarness([Self.reading("a"), Self.reading("b")])
        world.observe("a.service", Self.running("1", requires: ["b.service"]))
        world.observe("b.service", Self.running("2", requires: ["a.service"]))
        world.advance(by: 5)
        #expect(world.effects.notes.contains { $0.hasPrefix("by systemd it needs a, which needs it in turn") })
        let first = world.observe("b.service", Self.died("2", requires: ["a.service"]))
        #expect(first.actions.map(\.component) == ["b"])
        #expect(world.observe("a.service", Self.died("1", requires: ["b.service"])).openings.map(\.rootCause) == ["b"])
    }

    @Test func `what the policy says wins over what systemd says the other way round`() {
        var world = EngineHarness([.service("a", dependsOn: ["b"]), Self.reading("b")])
        world.running("a.service", "1")
        world.observe("b.service", Self.running("2", requires: ["a.service", "b.service"]))
        world.advance(by: 5)
        world.killed("a.service", "1")
        #expect(world.observe("b.service", Self.died("2")).openings.map(\.rootCause) == [nil])
    }

    @Test func `a new policy keeps what systemd has said`() {
        var world = EngineHarness([.service("db"), Self.reading("web")])
        world.running("db.service", "d")
        world.observe("web.service", Self.running("w", requires: ["db.service"]))
        world.send(.policyLoaded(PolicySnapshot(components: [.service("db"), Self.reading("web")]), generation: 2))
        world.advance(by: 5)
        world.killed("db.service", "d")
        #expect(world.observe("web.service", Self.died("w")).openings.map(\.rootCause) == ["db"])
    }
}
