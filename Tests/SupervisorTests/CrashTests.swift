import Logging
import Policy
import RecoveryEngine
import ResilienceCore
import Synchronization
import Testing

@testable import Supervisor

/// The loop with the engine that really decides, ended at any of its writes and sends as a crash would end it, and
/// started again with what had been written by then.
@Suite struct `After a crash` {
    /// One run of the supervisor: the loop and the world that it sees.
    private final class Run {
        let world: World
        let loop: DecisionLoop

        init(restored: RestoredState, clockAt seconds: Int64 = 0) {
            self.world = World()
            self.world.state.withLock { $0.restored = restored }
            self.world.clock.advance(by: .seconds(seconds))
            self.loop = DecisionLoop(
                engine: RecoveryEngine(seed: 1), ports: self.world.ports,
                options: SupervisorOptions(version: "1", processID: 7, startedAt: wall(seconds: 5_000)),
                mailbox: Mailbox(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let component = Component(
                name: "web", unit: "web.service", startupGrace: .seconds(1),
                checks: [Check(name: "unit", kind: .unit(UnitCheck()))])
            self.loop.begin(
                policy: PolicySnapshot(components: [component]), warnings: [], restored: restored)
            _ = self.loop.turn()
        }

        func observe(_ observation: UnitObservation) {
            self.loop.mailbox.put(.event(.unitObserved(unit: "web.service", observation)))
            _ = self.loop.turn()
        }

        var saved: RestoredState { self.world.state.withLock { $0.restored } }
        var acted: [Int64] {
            self.world.trace.compactMap { if case .acted(let id) = $0 { id } else { nil } }
        }
        var reconciled: [Int64] {
            self.world.trace.compactMap { if case .reconciled(let id) = $0 { id } else { nil } }
        }
        var bodies: [AuditRecord.Body] { self.world.batches.flatMap { $0.records.map(\.body) } }

        func takeNext() async {
            let mailbox = self.loop.mailbox
            await withCheckedContinuation { continuation in
                let started = LoopThread.start(name: "test-wait") {
                    mailbox.wait(until: SystemClock().now().monotonic + .seconds(10))
                    continuation.resume()
                }
                if !started { continuation.resume() }
            }
            _ = self.loop.turn()
        }
    }

    private let up = UnitObservation(activeState: .active, subState: "running", invocationID: "a1", mainPID: 10)
    private let dead = UnitObservation(
        activeState: .failed, subState: "failed", invocationID: "a1", result: "signal",
        exit: ProcessExit(kind: .killed, status: 9, at: wall(seconds: 5_000)))
    private let upAgain = UnitObservation(activeState: .active, subState: "running", invocationID: "b2", mainPID: 11)

    /// What is on the disk when the crash comes between the commit of the intent and anything after it.
    private func crashedWhileActing() -> (saved: RestoredState, action: Int64?) {
        let run = Run(restored: RestoredState())
        run.observe(self.up)
        run.observe(self.dead)
        #expect(run.acted.count == 1)
        return (run.saved, run.acted.first)
    }

    @Test func `before the commit nothing is known of the action, and it is decided anew`() {
        let run = Run(restored: RestoredState())
        run.observe(self.up)
        let before = run.saved
        run.observe(self.dead)
        let next = Run(restored: before)
        next.observe(self.dead)
        #expect(next.reconciled == [])
        #expect(next.acted.count == 1)
    }

    @Test func `after the commit the world is asked what became of the action, and it is not done again`() {
        let (saved, action) = self.crashedWhileActing()
        let next = Run(restored: saved)
        #expect(next.reconciled == [action].compactMap { $0 })
        next.observe(self.dead)
        next.observe(self.dead)
        #expect(next.acted == [])
    }

    @Test func `an action that had happened gets its outcome, and the incident goes on to its proof`() async {
        let (saved, action) = self.crashedWhileActing()
        let next = Run(restored: saved)
        next.world.finish(action ?? 0, ActionOutcome(.succeeded, detail: "started as invocation b2"))
        await next.takeNext()
        next.observe(self.upAgain)
        next.world.clock.advance(by: .seconds(2))
        _ = next.loop.turn()
        #expect(next.acted == [])
        #expect(
            next.bodies.contains(
                .actionFinished(
                    id: action ?? 0, ActionOutcome(.succeeded, detail: "started as invocation b2"))))
        #expect(next.bodies.contains { if case .incidentResolved = $0 { true } else { false } })
        #expect(next.saved.components["web"]?.incident == nil)
    }

    @Test func `an action that had not happened is recorded as interrupted and tried anew under a new number`() async {
        let (saved, action) = self.crashedWhileActing()
        let next = Run(restored: saved)
        next.observe(self.dead)
        next.world.finish(action ?? 0, ActionOutcome(.interrupted, detail: "the invocation is still the same"))
        await next.takeNext()
        // The backoff after an attempt that did not help.
        for _ in 0..<60 where next.acted.isEmpty {
            next.world.clock.advance(by: .milliseconds(500))
            _ = next.loop.turn()
        }
        #expect(next.acted.count == 1)
        #expect(next.acted.first != action)
        #expect(
            next.bodies.contains(
                .actionFinished(
                    id: action ?? 0, ActionOutcome(.interrupted, detail: "the invocation is still the same"))))
    }

    @Test func `crash after crash, the same action is asked about and still not done twice`() {
        let (first, action) = self.crashedWhileActing()
        var saved = first
        for round in 1...5 {
            let next = Run(restored: saved, clockAt: Int64(round))
            #expect(next.reconciled == [action].compactMap { $0 })
            #expect(next.acted == [])
            saved = next.saved
        }
    }
}
