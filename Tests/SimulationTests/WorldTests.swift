import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Simulation

/// The made-up world keeps the promises that the real one is known for.
@Suite struct WorldTests {
    private func at(_ seconds: Int64) -> MonotonicInstant { MonotonicInstant(nanoseconds: seconds * 1_000_000_000) }

    @Test func `happenings come by time, and in their order at one time`() {
        var queue = EventQueue<Int>()
        for (item, second) in [(1, 5), (2, 3), (3, 5), (4, 1), (5, 3), (6, 5)] {
            queue.add(item, at: at(Int64(second)))
        }
        var order: [Int] = []
        while let next = queue.next() { order.append(next.item) }
        #expect(order == [4, 2, 5, 1, 3, 6])
    }

    @Test func `a reboot begins the monotonic clock anew and leaves the wall clock alone`() {
        var clock = VirtualClock()
        clock.advance(to: at(100))
        let before = clock.moment
        clock.reboot()
        #expect(clock.moment.wall == before.wall)
        #expect(clock.moment.monotonic < before.monotonic)
        #expect(clock.trueTime(of: clock.moment.monotonic) == at(100))
        clock.moveWall(by: .seconds(-3_600))
        #expect(clock.moment.wall < before.wall)
    }

    @Test func `a loss of power takes what was not flushed, and only that`() {
        var store = SimulatedStore()
        func note(_ text: String) -> Effect { .record(.of(.note(text))) }
        func write(_ text: String, isDurable: Bool) -> Bool {
            store.commit(SimulatedStore.Batch(effects: [note(text)], isDurable: isDurable))
        }
        let written = [
            write("a", isDurable: false), write("b", isDurable: true), write("c", isDurable: false),
            write("d", isDurable: false),
        ]
        #expect(written == [true, true, true, true])
        let lost = store.losePower(keeping: 1)
        #expect(lost == [note("d")])
        #expect(store.allRecords.count == 3)
        store.isFull = true
        let isWrittenWhenFull = write("e", isDurable: true)
        #expect(!isWrittenWhenFull)
        #expect(store.allRecords.count == 3)
    }

    private func world(
        _ disturbances: [(Duration, Disturbance)], own: Duration? = nil,
        checks: [Check] = [Check(name: "unit", kind: .unit(UnitCheck()))]
    ) -> SimulatedWorld {
        let policy = PolicySnapshot(components: [Component(name: "db", unit: "db.service", checks: checks)])
        let unit = Scenario.UnitNature(
            name: "db.service", startup: .notify, bootTime: .seconds(1), stopTime: .zero, ownRestart: own)
        return SimulatedWorld(
            scenario: Scenario(
                seed: 7, theme: .single, policies: [policy], units: [unit],
                disturbances: disturbances.map { (at: $0.0, what: $0.1) }, calmAt: .seconds(30), end: .seconds(300)),
            trace: Trace(.all))
    }

    @Test func `a killed service is restarted once and is well again`() {
        let world = self.world([(.seconds(1), .die(unit: "db.service", .killed(signal: 9)))])
        world.run()
        #expect(world.referee.violations.isEmpty)
        #expect(world.trace.lines.count { $0.contains("action    1 RESTART") } == 1)
        #expect(world.units["db.service"]?.activeState == .active)
        let healers = world.store.allRecords.compactMap { record in
            if case .incidentResolved(_, let healer) = record.body { healer } else { nil }
        }
        #expect(healers == [.heald])
    }

    @Test func `a program whose heartbeats stop is restarted, and one whose heartbeats resume in time is not`() {
        let beat = Check(name: "beat", kind: .heartbeat(HeartbeatCheck(every: .seconds(5))))
        let short = self.world([(.seconds(1), .trouble(component: "db", .silent, for: .seconds(1)))], checks: [beat])
        short.run()
        #expect(short.referee.violations.isEmpty)
        #expect(!short.trace.lines.contains { $0.contains("action    1 RESTART") })
        let long = self.world([(.seconds(1), .ail(unit: "db.service", .silent))], checks: [beat])
        long.run()
        #expect(long.referee.violations.isEmpty)
        #expect(long.trace.lines.count { $0.contains("action    1 RESTART") } == 1)
    }

    @Test func `a service with Restart= of its own is left to systemd`() {
        let world = self.world([(.seconds(1), .die(unit: "db.service", .killed(signal: 9)))], own: .milliseconds(100))
        world.run()
        #expect(world.referee.violations.isEmpty)
        #expect(world.units["db.service"]?.restarts == 1)
        #expect(!world.trace.lines.contains { $0.contains("action    1 RESTART") })
    }

    @Test func `a service that is broken for good is given up with an alert`() {
        let world = self.world([(.seconds(1), .breakUnit(unit: "db.service", forGood: true))])
        world.run()
        #expect(world.referee.violations.isEmpty)
        #expect(world.store.allRecords.contains { if case .incidentExhausted = $0.body { true } else { false } })
        #expect(world.trace.lines.contains { $0.contains("alert healing_failed db") })
    }

    @Test(arguments: CrashPoint.allCases)
    func `a supervisor that dies in the middle of a repair does it once`(point: CrashPoint) {
        let world = self.world([
            (.seconds(1), .crashSupervisor(point, downFor: .seconds(2))),
            (.seconds(2), .die(unit: "db.service", .killed(signal: 9))),
        ])
        world.run()
        #expect(world.referee.violations.isEmpty)
        #expect(world.trace.lines.contains { $0.hasSuffix("heald     dies") })
        #expect(world.units["db.service"]?.activeState == .active)
    }
}
