import Policy
import RecoveryEngine
import ResilienceCore
import Synchronization
import Testing

@testable import Supervisor

@Suite struct `Beginning, reloading and ending` {
    private func snapshot(_ names: String...) -> PolicySnapshot {
        PolicySnapshot(components: names.map { Component(name: $0, checks: [probe(1).check]) })
    }

    @Test func `the engine gets the policy first, then what earlier runs left`() {
        let world = World()
        let harness = LoopHarness(world: world, begins: false)
        let restored = RestoredState(components: ["web": SavedComponent(stoppedByOperator: true)])
        let policy = self.snapshot("web")
        harness.loop.begin(policy: policy, warnings: [], restored: restored)
        harness.take(unitFailed)
        #expect(harness.engine.events == [.policyLoaded(policy, generation: 1), .started(restored), unitFailed])
        #expect(world.batches.first?.records.map(\.body) == [.supervisorStarted(version: "1", processID: 7)])
    }

    @Test func `a good policy is swapped whole and gets the next generation`() {
        let harness = LoopHarness()
        let policy = self.snapshot("db")
        let report = harness.loop.reload(.loaded(policy, warnings: []), by: "root")
        #expect(report == ReloadReport(applied: true, generation: 2, errors: []))
        _ = harness.loop.turn()
        #expect(harness.engine.events.last == .policyLoaded(policy, generation: 2))
        #expect(harness.world.trace.contains(.channels([])))
    }

    @Test func `a bad policy never reaches the engine, and status says so until a good one comes`() {
        let harness = LoopHarness()
        let before = harness.engine.events
        let report = harness.loop.reload(.refused(errors: ["a.json:1:1: bad", "b"]), by: "root")
        _ = harness.loop.turn()
        #expect(report == ReloadReport(applied: false, generation: 1, errors: ["a.json:1:1: bad", "b"]))
        #expect(harness.engine.events == before)
        #expect(harness.loop.status().policy.error == "a.json:1:1: bad (and 1 more)")
        #expect(
            harness.world.batches.last?.records.map(\.body)
                == [.policyRejected(firstError: "a.json:1:1: bad", errors: 2)])
        _ = harness.loop.reload(.loaded(self.snapshot("db"), warnings: []), by: "root")
        #expect(harness.loop.status().policy.error == nil)
    }

    @Test func `the pause switch pauses before the events of the same turn, and its end resumes`() {
        let harness = LoopHarness()
        harness.world.state.withLock { $0.isPaused = true }
        harness.take(unitFailed)
        harness.take(unitFailed)
        let pause = Event.operatorAsked(
            .pause(
                component: nil, for: .seconds(3_600), by: "the test's switch", reason: "the pause switch is on"))
        #expect(harness.engine.events.suffix(3) == [pause, unitFailed, unitFailed])
        harness.world.state.withLock { $0.isPaused = false }
        _ = harness.loop.turn()
        #expect(harness.engine.events.last == .operatorAsked(.resume(component: nil, by: "the test's switch")))
    }

    @Test func `a pause by the switch is renewed before it ends`() {
        let harness = LoopHarness()
        harness.world.state.withLock { $0.isPaused = true }
        var pauses: [Int] = []
        for minute in 0..<100 {
            let before = harness.engine.events.count
            _ = harness.loop.turn()
            let asked = harness.engine.events[before...].contains {
                if case .operatorAsked(.pause) = $0 { true } else { false }
            }
            if asked { pauses.append(minute) }
            harness.world.clock.advance(by: .seconds(60))
        }
        #expect(pauses == [0, 30, 60, 90])
    }

    @Test func `the end takes in what is in flight, begins nothing more, and is written down`() async {
        let harness = LoopHarness()
        harness.engine.answers { event, _ in
            switch event {
            case unitFailed: [intent(1), .act(request(1))]
            case .actionFinished: [note("ended"), .saveComponent("web", SavedComponent())]
            default: [intent(2), .act(request(2))]
            }
        }
        harness.take(unitFailed)
        harness.loop.end(reason: "SIGTERM")
        harness.take(.unitsUnknown(why: "too late"))
        #expect(!harness.loop.hasEnded)
        harness.world.finish(1, ActionOutcome(.succeeded, detail: ""))
        #expect(await harness.takeNext())
        #expect(harness.loop.hasEnded)
        #expect(!harness.world.trace.contains(.acted(2)))
        let last = harness.world.batches.suffix(2).map { $0.records.map(\.body) }
        #expect(last == [[.note("ended")], [.supervisorStopped(reason: "SIGTERM")]])
        #expect(harness.world.batches.last?.isDurable == true)
    }

    @Test func `a decision to act that comes too late leaves no trace, so that the next run decides anew`() async {
        let harness = LoopHarness()
        harness.engine.answers { event, _ in
            switch event {
            case unitFailed: [intent(1), .act(request(1))]
            case .actionFinished: [note("failed"), intent(2), .act(request(2))]
            default: []
            }
        }
        harness.take(unitFailed)
        harness.loop.end(reason: "SIGTERM")
        harness.world.finish(1, ActionOutcome(.failed, detail: ""))
        #expect(await harness.takeNext())
        #expect(!harness.world.trace.contains(.acted(2)))
        #expect(harness.world.batches.last?.records.map(\.body) == [.supervisorStopped(reason: "SIGTERM")])
        #expect(!harness.world.batches.contains { $0.records.contains { $0.body == .note("failed") } })
    }

    @Test func `the end does not wait long for an action that takes its time`() {
        let harness = LoopHarness()
        harness.engine.answers { event, _ in event == unitFailed ? [intent(1), .act(request(1))] : [] }
        harness.take(unitFailed)
        harness.loop.end(reason: "SIGTERM")
        _ = harness.loop.turn()
        harness.world.clock.advance(by: .milliseconds(1_999))
        _ = harness.loop.turn()
        #expect(!harness.loop.hasEnded)
        harness.world.clock.advance(by: .milliseconds(1))
        _ = harness.loop.turn()
        #expect(harness.loop.hasEnded)
        harness.world.finish(1, ActionOutcome(.succeeded, detail: ""))
    }

    @Test func `evidence is read only when the repair has had the processor for a while`() async {
        let harness = LoopHarness()
        harness.world.state.withLock { $0.evidence["web.service"] = "segfault" }
        let wanted = EvidenceRequest(incident: 3, component: "web", unit: "web.service", invocationID: "ab")
        harness.engine.answers { event, _ in event == unitFailed ? [.gatherEvidence(wanted)] : [] }
        harness.take(unitFailed)
        #expect(harness.loop.turn() <= harness.world.clock.now().monotonic + DelayedEvidence.delay)
        harness.world.clock.advance(by: DelayedEvidence.delay - .milliseconds(1))
        _ = harness.loop.turn()
        #expect(harness.loop.delayedEvidence.nextDue != nil)
        harness.world.clock.advance(by: .milliseconds(1))
        _ = harness.loop.turn()
        #expect(harness.loop.delayedEvidence.nextDue == nil)
        #expect(await harness.takeNext())
    }

    @Test func `evidence that arrives later is recorded with its incident`() async {
        let harness = LoopHarness()
        harness.world.state.withLock { $0.evidence["web.service"] = "segfault" }
        let wanted = EvidenceRequest(incident: 3, component: "web", unit: "web.service", invocationID: "ab")
        harness.engine.answers { event, _ in event == unitFailed ? [.gatherEvidence(wanted)] : [] }
        harness.take(unitFailed)
        harness.world.clock.advance(by: DelayedEvidence.delay)
        _ = harness.loop.turn()
        #expect(await harness.takeNext())
        let record = harness.world.batches.last?.records.first
        #expect(record?.body == .evidence(kind: .journal, text: "segfault"))
        #expect(record?.incident == 3)
        #expect(record?.component == "web")
        #expect(harness.world.batches.last?.isDurable == false)
    }
}
