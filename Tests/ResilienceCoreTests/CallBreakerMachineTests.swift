import Foundation
import ResilienceCore
import Testing

private func at(_ seconds: Double) -> MonotonicInstant { MonotonicInstant(nanoseconds: Int64(seconds * 1e9)) }

@Suite struct CallBreakerMachineTests {
    private func machine(
        _ rule: BreakerRule, slow: SlowCalls? = nil, growth: Double = 1, halfOpen: HalfOpenPlan = .trials(1)
    ) throws -> CallBreakerMachine {
        CallBreakerMachine(
            settings: try BreakerSettings(
                rule: rule, slow: slow, openFor: .seconds(10), openGrowth: growth, openMax: .seconds(40),
                halfOpen: halfOpen))
    }

    private func call(
        _ machine: inout CallBreakerMachine, _ outcome: CallBreakerMachine.Outcome, at began: Double, took: Double = 0
    ) -> Bool {
        guard let permit = machine.admit(at: { at(began) }) else { return false }
        machine.finish(permit, outcome) { at(began + took) }
        return true
    }

    @Test func `S1: a time window forgets what is older than its length`() throws {
        var machine = try self.machine(.timeWindow(length: .seconds(60), minimum: 4, failureShare: 0.5))
        for second in [0.0, 1, 2] { _ = self.call(&machine, .failure(.high), at: second) }
        _ = self.call(&machine, .failure(.high), at: 61)
        #expect(machine.state == .closed)
        for second in [62.0, 63] { _ = self.call(&machine, .success, at: second) }
        _ = self.call(&machine, .failure(.high), at: 64)
        #expect(machine.state == .open(until: at(74)))
        #expect(machine.lastChange?.cause == .failures)
    }

    @Test func `S1: slow calls open it although they succeed, and a slow trial opens it again`() throws {
        var machine = try self.machine(
            .countWindow(calls: 4, minimum: 4, failureShare: 1),
            slow: SlowCalls(longerThan: .seconds(2), share: 0.5))
        _ = self.call(&machine, .success, at: 0, took: 2)
        for second in [1.0, 2] { _ = self.call(&machine, .success, at: second, took: 2.5) }
        #expect(machine.state == .closed)
        _ = self.call(&machine, .success, at: 5)
        #expect(machine.lastChange?.cause == .slowCalls)
        _ = self.call(&machine, .success, at: 20, took: 3)
        #expect(machine.state == .open(until: at(33)))
    }

    @Test func `S3: the load comes back by steps`() throws {
        var machine = try self.machine(
            .consecutive(failures: 1), halfOpen: .ramp(percents: [10, 50, 100], calls: 2))
        _ = self.call(&machine, .failure(.high), at: 0)
        let passed = (0..<30).map { self.call(&machine, .success, at: 10 + Double($0)) }
        // The first, the eleventh; then every other; then each.
        #expect(passed.enumerated().filter { $0.element }.map(\.offset).prefix(6) == [0, 10, 12, 14, 15, 16])
        #expect(machine.state == .closed)
    }

    @Test func `S1: the open time adapts: it doubles while recoveries do not hold, and starts anew when one did`()
        throws
    {
        var machine = try self.machine(.consecutive(failures: 1), growth: 2)
        _ = self.call(&machine, .failure(.high), at: 0)
        #expect(machine.state == .open(until: at(10)))
        _ = self.call(&machine, .failure(.high), at: 10)
        #expect(machine.state == .open(until: at(30)))
        // Closed, but not for as long as it had been open.
        _ = self.call(&machine, .success, at: 30)
        _ = self.call(&machine, .failure(.high), at: 49)
        #expect(machine.state == .open(until: at(89)))
        _ = self.call(&machine, .failure(.high), at: 89)
        #expect(machine.state == .open(until: at(129)))
        _ = self.call(&machine, .success, at: 129)
        _ = self.call(&machine, .failure(.high), at: 169)
        #expect(machine.state == .open(until: at(179)))
    }

    @Test func `trials that hang count as failed, so that they do not keep it half-open for ever`() throws {
        var machine = try self.machine(.consecutive(failures: 1))
        _ = self.call(&machine, .failure(.high), at: 0)
        let admitted = machine.admit { at(10) }
        let hanging = try #require(admitted)
        let early = machine.admit { at(69) }
        #expect(early == nil)
        #expect(machine.state == .halfOpen(step: 0, inFlight: 1, successes: 0))
        let late = machine.admit { at(70) }
        #expect(late == nil)
        #expect(machine.state == .open(until: at(80)))
        #expect(machine.lastChange?.cause == .trialHung)
        machine.finish(hanging, .success) { at(71) }
        #expect(machine.state == .open(until: at(80)))
    }

    @Test func `a closed breaker asks for no time where its rule needs none`() throws {
        var machine = try self.machine(.countWindow(calls: 4, minimum: 4, failureShare: 0.5))
        func never() -> MonotonicInstant {
            Issue.record("asked for the time")
            return at(0)
        }
        for _ in 0..<10 {
            let admitted = machine.admit(at: never)
            let permit = try #require(admitted)
            machine.finish(permit, .success, at: never)
        }
    }

    @Test func `S5: its state is a value that goes through JSON and over a restart`() throws {
        var machine = try self.machine(.consecutive(failures: 2), growth: 2)
        for second in [0.0, 1, 11] { _ = self.call(&machine, .failure(.high), at: second) }
        #expect(machine.state == .open(until: at(31)))
        let stored = try JSONEncoder().encode(machine.snapshot(at: at(20)))
        let snapshot = try JSONDecoder().decode(BreakerSnapshot.self, from: stored)
        #expect(snapshot.openLeft == .seconds(11))

        var next = try self.machine(.consecutive(failures: 2), growth: 2)
        next.restore(snapshot, downFor: .seconds(5), at: at(1_000))
        #expect(next.state == .open(until: at(1_006)))
        #expect(next.level == 1)
        _ = self.call(&next, .failure(.high), at: 1_006)
        #expect(next.state == .open(until: at(1_046)))
    }

    @Test func `failures in a row are counted on after a restart, and a trial under way is made again`() throws {
        var machine = try self.machine(.consecutive(failures: 3))
        for second in [0.0, 1] { _ = self.call(&machine, .failure(.high), at: second) }
        var next = try self.machine(.consecutive(failures: 3))
        next.restore(machine.snapshot(at: at(2)), downFor: .zero, at: at(50))
        #expect(next.state == .closed)
        _ = self.call(&next, .failure(.high), at: 51)
        #expect(next.state == .open(until: at(61)))
        _ = next.admit { at(61) }
        var third = try self.machine(.consecutive(failures: 3))
        third.restore(next.snapshot(at: at(62)), downFor: .zero, at: at(100))
        let trial = third.admit { at(100) }
        #expect(trial != nil)
    }

    @Test func `a snapshot that cannot be is brought into range`() throws {
        var machine = try self.machine(.consecutive(failures: 3), growth: 2)
        var snapshot = machine.snapshot(at: at(0))
        (snapshot.state, snapshot.openLeft, snapshot.level) = (.open, .seconds(1_000_000), .max)
        machine.restore(snapshot, downFor: .seconds(-5), at: at(0))
        #expect(machine.state == .open(until: at(40)))
        _ = self.call(&machine, .failure(.high), at: 40)
        #expect(machine.state == .open(until: at(80)))
        (snapshot.state, snapshot.level, snapshot.failuresInRow) = (.closed, -3, .max)
        machine.restore(snapshot, downFor: .zero, at: at(90))
        #expect(machine.state == .closed)
        _ = self.call(&machine, .failure(.high), at: 91)
        #expect(machine.state == .open(until: at(101)))
    }

    @Test func `settings go through JSON, and what is stored is checked like what is written by hand`() throws {
        let settings = try BreakerSettings(
            rule: .countWindow(calls: 10, minimum: 5, failureShare: 0.5),
            slow: SlowCalls(longerThan: .seconds(1), share: 0.5), openFor: .seconds(5), openGrowth: 2,
            openMax: .seconds(60), halfOpen: .ramp(percents: [10, 100], calls: 3))
        let stored = try JSONEncoder().encode(settings)
        #expect(try JSONDecoder().decode(BreakerSettings.self, from: stored) == settings)
        let broken = String(decoding: stored, as: UTF8.self).replacingOccurrences(
            of: "\"minimum\":5", with: "\"minimum\":50")
        #expect(throws: SettingsError.self) {
            try JSONDecoder().decode(BreakerSettings.self, from: Data(broken.utf8))
        }
    }
}
