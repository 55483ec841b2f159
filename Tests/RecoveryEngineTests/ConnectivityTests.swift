import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// While the machine reaches nothing, nobody is blamed for not answering.
@Suite struct ConnectivityTests {
    static func tcp(_ name: String, fall: Int, interval: Int = 5) -> Check {
        Check(
            name: name, kind: .tcp(TCPCheck(host: "192.0.2.1", port: 1)), interval: .seconds(interval), fall: fall,
            rise: 1)
    }

    static func policy(gate: [String] = ["a", "b"]) -> PolicySnapshot {
        var web = Component(
            name: "web", unit: "web.service", startupGrace: .zero,
            checks: [Self.tcp("tcp", fall: 2), Check(name: "unit", kind: .unit(UnitCheck()))],
            recovery: [.restart(.unlimited), .page])
        web.stable = .zero
        let uplink = Component(
            name: "uplink", checks: [Self.tcp("a", fall: 3), Self.tcp("b", fall: 3, interval: 20)], recovery: [.page])
        return PolicySnapshot(
            components: [web, uplink],
            guards: Guards(connectivity: gate.map { CheckReference(component: "uplink", check: $0) }))
    }

    static func world(_ policy: PolicySnapshot = policy()) -> EngineHarness {
        var world = EngineHarness(policy: policy)
        world.running("web.service", "0")
        world.advance(by: 60) { _ in .up }
        return world
    }

    @Test func `a lost network is nobody's failure, and is told once`() {
        var world = Self.world()
        let lost = world.advance(by: 600) { _ in .down }
        #expect(lost.actions.isEmpty)
        #expect(lost.alerts.filter { $0.component == nil }.map(\.event) == [.frozen])
        #expect(!lost.alerts.contains { $0.event == .unknownTooLong })
        #expect(world.engine.hostState.state == "disconnected")
        #expect(world.engine.componentStatuses(at: world.now).first { $0.name == "web" }?.verdict == .unknown)
        world.advance(by: 60) { _ in .up }
        #expect(world.engine.hostState.state == "running")
        #expect(world.state(of: "web") == "healthy")
    }

    @Test func `one that fails alone is repaired as soon as the gate has vouched for the network`() {
        var world = Self.world()
        let failed = world.advance(by: 12) { $0.component == "web" ? .down : .up }
        #expect(failed.actions.map(\.action) == ["RESTART"])
    }

    @Test func `as long as one check of the gate passes, the network is there`() {
        var world = Self.world()
        let failed = world.advance(by: 30) { $0.check.name == "b" ? .up : .down }
        #expect(failed.actions.map(\.action) == ["RESTART"])
        #expect(world.engine.hostState.state == "running")
    }

    @Test func `a gate that does not answer at all holds repairs back for a bounded time`() {
        var world = Self.world()
        let silent = world.advance(by: 10) { $0.component == "web" ? .down : nil }
        #expect(silent.actions.isEmpty)
        #expect(world.effects.notes.contains("waits to see whether the connectivity gate fails, too"))
        #expect(world.advance(by: 120) { $0.component == "web" ? .down : nil }.actions.count >= 1)
    }

    @Test func `a unit that dies meanwhile is started again, and its proof waits for the network`() throws {
        var world = Self.world()
        world.advance(by: 120) { _ in .down }
        let restart = try #require(world.killed("web.service", "0").actions.first)
        world.running("web.service", "1")
        world.finish(restart)
        #expect(world.advance(by: 600) { _ in .down }.actions.isEmpty)
        #expect(world.state(of: "web") == "verifying")
        world.advance(by: 60) { _ in .up }
        #expect(world.effects.resolutions.contains(.heald))
    }

    @Test func `a policy without the gate ends its reign`() {
        var world = Self.world()
        world.advance(by: 120) { _ in .down }
        world.send(.policyLoaded(Self.policy(gate: []), generation: 2))
        #expect(world.engine.hostState.state == "running")
        #expect(world.advance(by: 60) { _ in .down }.actions.count >= 1)
    }
}
