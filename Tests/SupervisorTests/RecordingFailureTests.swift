import Policy
import RecoveryEngine
import ResilienceCore
import Synchronization
import Testing

@testable import Supervisor

@Suite struct `When it cannot be recorded` {
    private func failing() -> LoopHarness {
        let harness = LoopHarness()
        harness.engine.answers { event, _ in
            switch event {
            case unitFailed: [intent(1), .probe(probe(5)), alert(), .act(request(1)), .reconcile(request(2))]
            case .actionFinished(1, _): [note("refused")]
            case .unitsUnknown(let why): [note(why)]
            default: []
            }
        }
        harness.world.commits(fail: DiskFull())
        return harness
    }

    @Test func `no action of the batch runs, the engine hears why, and watching goes on`() {
        let harness = self.failing()
        harness.take(unitFailed)
        #expect(!harness.world.trace.contains(.acted(1)))
        #expect(harness.world.trace.contains(.probed(5)))
        #expect(harness.world.trace.contains(.reconciled(2)))
        #expect(
            harness.engine.events.suffix(2) == [
                .recordingFailed(why: "the disk is full"),
                .actionFinished(
                    id: 1,
                    ActionOutcome(.refused, detail: "its intent could not be recorded: the disk is full")),
            ])
    }

    @Test func `alerts are sent from memory at once, and not once more when the trail is back`() {
        let harness = self.failing()
        harness.take(unitFailed)
        #expect(harness.world.trace.contains(.sentUnrecorded("help")))
        harness.world.commits(fail: nil)
        harness.world.clock.advance(by: .seconds(1))
        _ = harness.loop.turn()
        #expect(harness.world.batches.last?.records.isEmpty == false)
        #expect(harness.world.batches.last?.alerts.isEmpty == true)
        #expect(!harness.world.trace.contains(.alertsWoken))
    }

    @Test func `what waited goes in first, in order, in one durable batch, before the engine hears of it`() {
        let harness = self.failing()
        harness.take(unitFailed)
        harness.take(.unitsUnknown(why: "later"))
        let before = harness.world.batches.count
        harness.world.commits(fail: nil)
        harness.world.clock.advance(by: .seconds(1))
        _ = harness.loop.turn()
        #expect(harness.world.batches.count == before + 1)
        let batch = harness.world.batches.last
        #expect(batch?.isDurable == true)
        #expect(
            batch?.records.map(\.body) == [
                .actionIntended(id: 1, action: "RESTART", attempt: 1, step: 0, unit: "web.service", why: "down"),
                .note("refused"), .note("later"),
            ])
        #expect(harness.engine.events.last == .recordingFailed(why: nil))
    }

    @Test func `the trail is tried again after 1 s, 2 s, 4 s and so on up to 30 s, and not for every event`() {
        let harness = self.failing()
        harness.take(unitFailed)
        var tries: [Int] = []
        for second in 1...200 {
            harness.world.clearTrace()
            harness.world.clock.advance(by: .seconds(1))
            harness.take(.unitsUnknown(why: "\(second)"))
            if harness.world.trace.contains(.commitFailed) { tries.append(second) }
        }
        #expect(tries == [1, 3, 7, 15, 31, 61, 91, 121, 151, 181])
        // The engine was told once.
        let told = harness.engine.events.filter { if case .recordingFailed = $0 { true } else { false } }
        #expect(told.count == 1)
    }

    @Test func `actions asked for meanwhile are refused without touching the disk`() {
        let harness = self.failing()
        harness.take(.unitsUnknown(why: "first"))
        harness.world.clearTrace()
        harness.take(unitFailed)
        #expect(!harness.world.trace.contains(.commitFailed))
        #expect(!harness.world.trace.contains(.acted(1)))
        #expect(harness.engine.events.contains { if case .actionFinished(1, _) = $0 { true } else { false } })
    }

    @Test func `a trail that fails the word of being alive is known before anything must be decided`() {
        let harness = LoopHarness()
        harness.world.commits(fail: DiskFull())
        harness.world.clock.advance(by: Heartbeat.aliveEvery)
        _ = harness.loop.turn()
        #expect(harness.engine.events.last == .recordingFailed(why: "the disk is full"))
    }

    @Test func `what waits is bounded, the newest records and each component's last state stay, the loss is said`() {
        var waiting = WaitingRecords()
        for number in 0..<(WaitingRecords.recordsMost + 1) {
            var batch = AuditBatch()
            batch.records = [AuditRecord(at: wall(seconds: 1), .note("\(number)"))]
            batch.components = [(name: "web", state: SavedComponent(stoppedByOperator: number.isMultiple(of: 2)))]
            waiting.keep(batch)
        }
        let batch = waiting.asBatch(at: wall(seconds: 2))
        let dropped = 1 + WaitingRecords.recordsMost / 10
        #expect(batch.records.count == WaitingRecords.recordsMost + 1 - dropped + 1)
        #expect(batch.records.first?.body == .note("\(dropped)"))
        #expect(
            batch.records.last?.body
                == .note("\(dropped) records were dropped while the audit trail could not be written"))
        #expect(batch.components.map(\.state) == [SavedComponent(stoppedByOperator: true)])
    }
}
