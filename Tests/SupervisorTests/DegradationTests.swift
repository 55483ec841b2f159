import RecoveryEngine
import ResilienceCore
import Testing

@testable import Supervisor

/// What services are told of degradation, and how often.
@Suite struct DegradationTests {
    private static let notice = DegradationNotice(level: .minimal, features: ["search": false])

    @Test func `a level is told after it was written down, and again every five seconds`() {
        let harness = LoopHarness()
        harness.engine.answers { event, now in
            guard case .deadline = event else { return [] }
            return [
                .publishDegradation(Self.notice),
                .record(AuditRecord(at: now.wall, .degradationChanged(from: .normal, to: .minimal, why: "db is down"))),
            ]
        }
        harness.take(.deadline)
        #expect(
            harness.world.trace.prefix(2) == [
                .committed(records: 1, components: 0, host: false, alerts: 0, durable: true), .published(Self.notice),
            ])
        harness.engine.answers { _, _ in [] }
        harness.world.clearTrace()
        harness.world.clock.advance(by: .milliseconds(4_999))
        let due = harness.take()
        #expect(!harness.world.trace.contains(.published(Self.notice)))
        #expect(due - harness.world.clock.now().monotonic <= .milliseconds(1), "it wakes up for it")
        harness.world.clock.advance(by: .milliseconds(1))
        harness.take()
        #expect(harness.world.trace.contains(.published(Self.notice)))
    }

    @Test func `once there is nothing to tell, nothing is told again`() {
        let harness = LoopHarness()
        harness.engine.answers { event, _ in
            if case .deadline = event { [.publishDegradation(Self.notice), .publishDegradation(nil)] } else { [] }
        }
        harness.take(.deadline)
        #expect(harness.world.trace == [.published(Self.notice), .published(nil)])
        harness.world.clearTrace()
        harness.world.clock.advance(by: .seconds(20))
        harness.take()
        #expect(!harness.world.trace.contains { if case .published = $0 { true } else { false } })
    }

    @Test func `the status shows the level, its units, and why it cannot be told`() {
        let harness = LoopHarness()
        #expect(harness.loop.status().degradation == nil)
        harness.engine.state.withLock {
            $0.degradation = DegradationSnapshot(
                level: .minimal, why: "db is down",
                units: [ShedUnitSnapshot(unit: "mail.service", level: .minimal, state: "stopped")])
        }
        harness.world.state.withLock { $0.publishingFails = "the disk is full" }
        #expect(
            harness.loop.status().degradation
                == DegradationStatus(
                    level: .minimal, why: "db is down",
                    units: [.init(unit: "mail.service", level: .minimal, state: "stopped")],
                    problem: "the disk is full"))
        #expect(harness.loop.statusLine().contains("MINIMAL: db is down"))
    }
}
