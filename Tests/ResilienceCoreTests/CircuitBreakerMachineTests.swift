import ResilienceCore
import Testing

private func at(_ seconds: Double) -> MonotonicInstant { MonotonicInstant(nanoseconds: Int64(seconds * 1e9)) }

@Suite struct CircuitBreakerMachineTests {
    var breaker = CircuitBreakerMachine(failuresMax: 3, window: .seconds(60), openFor: .seconds(30), trials: 2)

    @Test mutating func `opens at the limit and not one failure before`() {
        self.breaker.recordFailure(at: at(0))
        self.breaker.recordFailure(at: at(1))
        #expect(self.breaker.state == .closed)
        self.breaker.recordFailure(at: at(2))
        #expect(self.breaker.state == .open(until: at(32)))
    }

    @Test mutating func `a failure leaves the window exactly when the window has passed`() {
        self.breaker.recordFailure(at: at(0))
        self.breaker.recordFailure(at: at(1))
        var late = self.breaker
        self.breaker.recordFailure(at: at(59.999))
        #expect(self.breaker.state.name == "open")
        late.recordFailure(at: at(60))
        #expect(late.state == .closed)
    }

    @Test mutating func `passes nothing while open and a trial afterwards`() {
        for second in 0..<3 { self.breaker.recordFailure(at: at(Double(second))) }
        let early = self.breaker.allows(at: at(31.999))
        let due = self.breaker.allows(at: at(32))
        #expect(!early && due)
        #expect(self.breaker.state == .halfOpen(successes: 0))
    }

    @Test mutating func `half-open closes after enough successes and opens at one failure`() {
        for second in 0..<3 { self.breaker.recordFailure(at: at(Double(second))) }
        _ = self.breaker.allows(at: at(40))
        var failing = self.breaker
        self.breaker.recordSuccess(at: at(41))
        #expect(self.breaker.state == .halfOpen(successes: 1))
        self.breaker.recordSuccess(at: at(42))
        #expect(self.breaker.state == .closed)
        #expect(self.breaker.failures.isEmpty)
        failing.recordFailure(at: at(41))
        #expect(failing.state == .open(until: at(71)))
    }

    @Test mutating func `restoring an open breaker keeps it open for the rest of its time`() {
        self.breaker.restore(failures: [], openedAt: at(-10))
        #expect(self.breaker.openedAt == at(-10))
        let early = self.breaker.allows(at: at(19.999))
        let due = self.breaker.allows(at: at(20))
        #expect(!early && due)
    }

    @Test mutating func `a trial that is cut short by the end of the process does not close it`() {
        self.breaker.restore(failures: [], openedAt: at(-40))
        _ = self.breaker.allows(at: at(0))
        #expect(self.breaker.state == .halfOpen(successes: 0))
        var next = CircuitBreakerMachine(
            failuresMax: 3, window: .seconds(60), openFor: .seconds(30), trials: 1)
        next.restore(failures: self.breaker.failures, openedAt: self.breaker.openedAt)
        _ = next.allows(at: at(1))
        #expect(next.state == .halfOpen(successes: 0))
        next.recordSuccess(at: at(2))
        #expect(next.state == .closed)
        #expect(next.openedAt == nil)
    }

    @Test func `a random history agrees with a plain count of failures in the window`() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            var breaker = CircuitBreakerMachine(failuresMax: 4, window: .seconds(10), openFor: .seconds(5), trials: 1)
            var times: [Double] = []
            var now = 0.0
            while true {
                now += generator.unit() * 6
                times.append(now)
                breaker.recordFailure(at: at(now))
                let inWindow = times.count(where: { at(now) - at($0) < .seconds(10) })
                #expect((breaker.state != .closed) == (inWindow >= 4))
                if breaker.state != .closed || times.count > 50 { break }
            }
        }
    }
}
