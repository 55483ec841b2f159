import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Supervisor

@Suite struct `The figures of the loop` {
    private static func record(_ body: AuditRecord.Body, incident: Int64 = 3) -> Effect {
        .record(AuditRecord(at: wall(seconds: 60), component: "web", incident: incident, body))
    }

    private static let opened = Self.record(
        .incidentOpened(
            IncidentOpening(
                cause: IncidentCause(check: "port", category: .transient, reason: .timeout, message: "slow"),
                severity: .high, failedAt: wall(seconds: 50), detectedAt: wall(seconds: 51), previous: nil,
                rootCause: nil)))

    @Test func `an incident, its repairs and its end are counted by their names`() {
        let harness = LoopHarness()
        harness.engine.answers { event, _ in
            switch event {
            case unitFailed:
                [
                    Self.opened,
                    Self.record(
                        .actionIntended(id: 1, action: "RESTART", attempt: 2, step: 0, unit: nil, why: "down")),
                    .act(request(1)), alert(),
                ]
            case .actionFinished(let id, let outcome):
                [
                    Self.record(.actionFinished(id: id, outcome)),
                    Self.record(.verification(action: id, succeeded: true, detail: "up")),
                    Self.record(.incidentResolved(at: wall(seconds: 54), by: .heald)),
                    Self.record(.breakerChanged(from: "closed", to: "open", why: "too often")),
                    Self.record(.breakerChanged(from: "open", to: "half-open", why: "time")),
                ]
            default: []
            }
        }
        harness.take(unitFailed)
        harness.take(.actionFinished(id: 1, ActionOutcome(.succeeded, detail: "")))
        let tally = harness.loop.tally
        #expect(tally.opened.counts == [["web", "TRANSIENT", "timeout"]: 1])
        #expect(tally.retries.counts == [["web", "RESTART"]: 1])
        #expect(tally.actions.counts == [["web", "RESTART", "succeeded"]: 1])
        #expect(tally.actionTimes["RESTART"]?.count == 1)
        #expect(tally.verified.counts == [["web", "true"]: 1])
        #expect(tally.resolved.counts == [["web", "heald"]: 1])
        #expect(tally.recoveries["web"]?.count == 1 && tally.recoveries["web"]?.total == .seconds(4))
        #expect(tally.breakerOpenings.counts == [["web"]: 1])
        #expect(tally.alerts.counts == [["healing-failed", "high"]: 1] || tally.alerts.counts.count == 1)
        harness.world.finish(1, ActionOutcome(.succeeded, detail: ""))
    }

    @Test func `results of checks are counted by verdict and by time`() {
        var tally = LoopTally()
        for (verdict, milliseconds) in [(Verdict.up, 1), (.up, 5), (.down, 6), (.unknown, 60_000)] {
            tally.took(
                CheckResult(
                    verdict: verdict, startedAt: at(seconds: 1),
                    finishedAt: at(seconds: 1) + .milliseconds(milliseconds)),
                of: "web", check: "port")
        }
        let check = tally.checks[.init(component: "web", check: "port")]
        #expect(check?.verdicts == SIMD4(2, 0, 1, 1))
        #expect(check?.times.counts == SIMD8(2, 1, 0, 0, 0, 0, 0, 1))
        tally.keep([])
        #expect(tally.checks.isEmpty)
    }

    @Test func `what names there are is bounded`() {
        var count = LabelledCount()
        for number in 0..<(LabelledCount.labelsMost + 50) { count.add("component-\(number)", "x") }
        #expect(count.counts.count == LabelledCount.labelsMost + 1)
        #expect(count.counts[["other", "other"]] == 50)
    }

    @Test func `they are asked of the loop, and say how it is`() async {
        let world = World()
        let engine = ScriptedEngine()
        engine.state.withLock { $0.components = [snapshot("web", .down)] }
        let harness = LoopHarness(world: world, engine: engine)
        world.commits(fail: DiskFull())
        engine.answers { event, _ in event == unitFailed ? [note()] : [] }
        harness.take(unitFailed)
        let figures = harness.loop.figures()
        #expect(figures.components.map(\.name) == ["web"])
        #expect(!figures.isRecording && figures.recordsWaiting == 1)
        #expect(figures.policyGeneration == 1 && figures.tally.policiesLoaded == 0)
        #expect(figures.tally.turns.count >= 2)
    }
}
