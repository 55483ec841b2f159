import Policy
import RecoveryEngine
import ResilienceCore
import Synchronization
import Testing

@testable import Supervisor

@Suite struct `The loop and time` {
    @Test func `the engine's deadline is served when it has come, not before, and after the events that wait`() {
        let harness = LoopHarness()
        let due = harness.world.clock.now().monotonic + .seconds(3)
        harness.engine.wants(deadline: due)
        #expect(harness.loop.turn() == due)
        harness.world.clock.advance(by: .milliseconds(2_999))
        _ = harness.loop.turn()
        #expect(!harness.engine.events.contains(.deadline))
        harness.world.clock.advance(by: .milliseconds(1))
        harness.take(unitFailed)
        #expect(harness.engine.events.suffix(2) == [unitFailed, .deadline])
    }

    @Test func `deadlines that follow each other closely share a turn`() {
        let harness = LoopHarness()
        let start = harness.world.clock.now().monotonic
        harness.engine.wants(deadline: start)
        _ = harness.loop.turn()
        harness.engine.wants(deadline: start + .milliseconds(1))
        #expect(harness.loop.turn() == start + .milliseconds(10))
        harness.world.clock.advance(by: .milliseconds(9))
        _ = harness.loop.turn()
        #expect(harness.engine.events.filter { $0 == .deadline }.count == 1)
        harness.world.clock.advance(by: .milliseconds(1))
        _ = harness.loop.turn()
        #expect(harness.engine.events.filter { $0 == .deadline }.count == 2)
    }

    @Test(arguments: [(1_000, nil), (1_001, 1_001)] as [(Int, Int?)])
    func `being late by more than a second is told before anything else`(late: Int, told: Int?) {
        let harness = LoopHarness()
        let next = harness.loop.turn()
        let asked = next - harness.world.clock.now().monotonic
        harness.world.clock.advance(by: asked + .milliseconds(late))
        harness.take(unitFailed)
        let expected = (told.map { [.stalled(.milliseconds($0))] } ?? []) + [unitFailed]
        #expect(harness.engine.events.suffix(expected.count) == expected)
        if told == nil {
            #expect(!harness.engine.events.contains { if case .stalled = $0 { true } else { false } })
        }
    }

    @Test func `how late is too late is the policy's to say`() {
        let harness = LoopHarness(begins: false)
        let policy = PolicySnapshot(guards: Guards(overloadLag: .seconds(5)))
        harness.loop.begin(policy: policy, warnings: [], restored: RestoredState())
        for (late, isTold) in [(4_999, false), (5_001, true)] {
            let next = harness.loop.turn()
            let asked = next - harness.world.clock.now().monotonic
            harness.world.clock.advance(by: asked + .milliseconds(late))
            harness.take(unitFailed)
            #expect(harness.engine.events.contains(.stalled(.milliseconds(late))) == isTold)
        }
    }

    @Test func `a turn that was held up itself is told in the next`() {
        let harness = LoopHarness()
        harness.engine.answers { [world = harness.world] event, _ in
            if event == unitFailed { world.clock.advance(by: .seconds(4)) }
            return []
        }
        harness.take(unitFailed)
        harness.take(.unitsUnknown(why: "next"))
        #expect(harness.engine.events.suffix(2) == [.stalled(.seconds(4)), .unitsUnknown(why: "next")])
    }

    @Test func `a machine that slept is told like a stall, once`() {
        let harness = LoopHarness()
        harness.world.clock.suspendMachine(for: .seconds(3_600))
        harness.take(unitFailed)
        harness.take(unitFailed)
        #expect(harness.engine.events.suffix(3) == [.stalled(.seconds(3_600)), unitFailed, unitFailed])
    }

    @Test func `the watchdog hears only from turns of the loop, at half its interval`() {
        let world = World()
        world.state.withLock { $0.watchdog = .seconds(20) }
        let harness = LoopHarness(world: world, begins: false)
        harness.loop.begin(policy: PolicySnapshot(), warnings: [], restored: RestoredState())
        let beats = { world.trace.filter { $0 == .notified("WATCHDOG=1") }.count }
        let next = harness.loop.turn()
        #expect(beats() == 1)
        #expect(next <= world.clock.now().monotonic + .seconds(10))
        world.clock.advance(by: .seconds(9))
        _ = harness.loop.turn()
        #expect(beats() == 1)
        world.clock.advance(by: .seconds(1))
        _ = harness.loop.turn()
        #expect(beats() == 2)
        // The loop is not run for a minute: silence.
        world.clock.advance(by: .seconds(60))
        #expect(beats() == 2)
        _ = harness.loop.turn()
        #expect(beats() == 3)
    }

    @Test func `the trail hears every 10 s that the supervisor is alive`() {
        let harness = LoopHarness()
        for _ in 0..<30 {
            harness.world.clock.advance(by: .seconds(1))
            _ = harness.loop.turn()
        }
        #expect(harness.world.trace.filter { $0 == .alive }.count == 3)
    }

    @Test func `the status line follows what was recorded, at most once a second`() {
        let harness = LoopHarness()
        harness.engine.answers { _, _ in [note()] }
        harness.engine.state.withLock {
            $0.components = [
                snapshot("db", .up),
                snapshot("web", .down),
            ]
        }
        let lines = {
            harness.world.trace.compactMap { if case .notified(let text) = $0 { text } else { nil } }
        }
        harness.take(unitFailed)
        harness.take(unitFailed)
        #expect(lines() == [])
        harness.world.clock.advance(by: .seconds(1))
        _ = harness.loop.turn()
        harness.take(unitFailed)
        #expect(lines() == ["STATUS=2 components; 1 down (web)"])
    }

    @Test func `a loop with nothing to do asks for no turn before the next word of being alive`() {
        let harness = LoopHarness()
        harness.world.clock.advance(by: .seconds(1))
        _ = harness.loop.turn()
        #expect(harness.loop.turn() == harness.world.clock.now().monotonic + .seconds(9))
    }
}

@Suite struct `The mailbox` {
    @Test func `what was put in comes out in order, so many at a time`() {
        let mailbox = Mailbox()
        for number in 0..<5 { mailbox.put(.event(.unitsUnknown(why: "\(number)"))) }
        let first = mailbox.take(most: 3).events
        let second = mailbox.take(most: 3).events
        #expect(first == (0..<3).map { .unitsUnknown(why: "\($0)") })
        #expect(second == (3..<5).map { .unitsUnknown(why: "\($0)") })
    }

    @Test func `a flood of observations keeps the newest of each unit and loses nothing else`() {
        let mailbox = Mailbox(capacity: 2)
        let observed = { (unit: String, pid: Int32) in
            Event.unitObserved(unit: unit, UnitObservation(activeState: .active, mainPID: pid))
        }
        let outcome = Event.actionFinished(id: 1, ActionOutcome(.succeeded, detail: ""))
        for event in [
            observed("a", 1), observed("b", 1), observed("a", 2), outcome, observed("b", 2), observed("a", 3),
        ] {
            mailbox.put(.event(event))
        }
        #expect(
            mailbox.take(most: 10).events
                == [observed("a", 1), observed("b", 1), outcome, observed("a", 3), observed("b", 2)])
        #expect(mailbox.isEmpty)
    }

    @Test func `a closed mailbox takes nothing and hands out what it held`() {
        let mailbox = Mailbox()
        #expect(mailbox.put(.event(.deadline)))
        #expect(mailbox.close().events == [.deadline])
        #expect(!mailbox.put(.event(.deadline)))
    }
}

extension [Message] {
    var events: [Event] {
        self.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }
}
