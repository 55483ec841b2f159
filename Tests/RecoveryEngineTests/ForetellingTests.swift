import Policy
import RecoveryEngine
import ResilienceCore
import Testing

/// A death told by the kernel, before systemd's own account of it.
@Suite struct ForetellingTests {
    private static func foretold(_ world: EngineHarness) -> UnitObservation {
        UnitObservation(
            activeState: .failed, subState: "failed", invocationID: "a", result: "signal",
            exit: ProcessExit(kind: .killed, status: 9, at: world.now.wall), inactiveEnteredAt: world.now.wall,
            isForetold: true)
    }

    private static func corrections(_ effects: [Effect]) -> [(cause: IncidentCause, failedAt: WallTime)] {
        effects.records.compactMap {
            if case .incidentCorrected(let cause, let failedAt) = $0 { (cause, failedAt) } else { nil }
        }
    }

    @Test func `it is acted on once, and systemd's time of the death replaces the kernel's`() throws {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let early = world.observe("web.service", Self.foretold(world))
        #expect(early.actions.map(\.action) == ["RESTART"])
        #expect(early.openings.count == 1)
        let exitedAt = world.now.wall + .microseconds(-300)
        world.seconds += 0.001
        let word = world.observe(
            "web.service",
            UnitObservation(
                activeState: .failed, subState: "failed", invocationID: "a", result: "signal",
                exit: ProcessExit(kind: .killed, status: 9, at: exitedAt), inactiveEnteredAt: exitedAt))
        #expect(word.actions.isEmpty && word.openings.isEmpty)
        #expect(Self.corrections(word).map(\.failedAt) == [exitedAt])
        #expect(Self.corrections(world.killed("web.service", "a")).isEmpty)
    }

    @Test func `a time after the detection does not make the detection a prophecy`() throws {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let opening = try #require(world.observe("web.service", Self.foretold(world)).openings.first)
        world.seconds += 0.001
        let corrections = Self.corrections(world.killed("web.service", "a"))
        #expect(corrections.allSatisfy { $0.failedAt <= opening.detectedAt })
    }

    @Test func `the reason that systemd knows replaces the one that was guessed`() throws {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        #expect(world.observe("web.service", Self.foretold(world)).openings.first?.cause.reason == .crashed)
        world.seconds += 0.001
        let word = world.killed("web.service", "a", result: "oom-kill")
        #expect(Self.corrections(word).map(\.cause.reason) == [.oom])
        let evidence = word.records.contains {
            if case .evidence(.exit, let text) = $0 { text.contains("oom-kill") } else { false }
        }
        #expect(evidence)
    }

    @Test func `where it was an operator's stop after all, nothing more is done`() throws {
        var world = EngineHarness([.service("web")])
        world.running("web.service", "a")
        let request = try #require(world.observe("web.service", Self.foretold(world)).actions.first)
        world.seconds += 0.001
        world.observe(
            "web.service",
            UnitObservation(
                activeState: .inactive, subState: "dead", invocationID: "a",
                exit: ProcessExit(kind: .killed, status: 9, at: world.now.wall), stoppedByOther: true))
        world.finish(request, .refused)
        #expect(world.advance(by: 60).actions.isEmpty)
        #expect(world.state(of: "web") == "stopped")
    }

    @Test func `an incident of another check is not corrected`() throws {
        var component = Component.service("web")
        component.checks.append(
            Check(name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(5), fall: 1))
        var world = EngineHarness([component])
        world.running("web.service", "a")
        world.advance(by: 30) { _ in .down }
        #expect(world.effects.openings.first?.cause.check == "tcp")
        world.observe("web.service", Self.foretold(world))
        world.seconds += 0.001
        #expect(Self.corrections(world.killed("web.service", "a")).isEmpty)
    }
}
