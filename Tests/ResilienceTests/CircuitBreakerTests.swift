import Resilience
import ResilienceCore
import Testing

@Suite struct CircuitBreakerTests {
    private let clock = TestClock()

    private func breaker(_ rule: BreakerRule, trials: Int = 1) throws -> CircuitBreaker<TestClock> {
        CircuitBreaker(
            "db", try BreakerSettings(rule: rule, openFor: .seconds(60), halfOpen: .trials(trials)), clock: self.clock)
    }

    private func fail(_ breaker: CircuitBreaker<TestClock>) { _ = try? breaker.call { throw Down() } }

    @Test func `S1: a breaker goes from closed to open to half-open to closed`() async throws {
        let breaker = try self.breaker(.consecutive(failures: 2))
        self.fail(breaker)
        #expect(breaker.state == .closed)
        self.fail(breaker)
        self.clock.advance(by: .seconds(59))
        #expect(throws: CallError.self) { try breaker.call {} }
        self.clock.advance(by: .seconds(1))
        try await breaker.call {
            await Task.yield()
            #expect(breaker.state == .halfOpen(step: 0, inFlight: 1, successes: 0))
        }
        #expect(breaker.state == .closed)
    }

    @Test func `S2: an open breaker rejects without calling`() throws {
        let breaker = try self.breaker(.consecutive(failures: 1))
        self.fail(breaker)
        var called = false
        #expect(throws: CallError.self) { try breaker.call { called = true } }
        #expect(!called)
    }

    @Test func `S4: three severe errors within 60 s open it, and one trial passes in half-open`() throws {
        let breaker = try self.breaker(.severity(atLeast: .high, failures: 3, within: .seconds(60)))
        self.fail(breaker)
        self.clock.advance(by: .seconds(60))
        self.fail(breaker)
        self.fail(breaker)
        #expect(breaker.state == .closed)
        self.fail(breaker)
        self.clock.advance(by: .seconds(60))
        try breaker.call { () -> Void in
            #expect(throws: CallError.self) { try breaker.call {} }
            return
        }
        #expect(breaker.state == .closed)
    }

    @Test func `S4: one wrapper takes sync and async closures`() async throws {
        let breaker = try self.breaker(.consecutive(failures: 1))
        func sync() throws -> Int { try breaker.call { 1 } }
        #expect(try sync() == 1)
        #expect(
            try await breaker.call {
                await Task.yield(); return 2
            } == 2)
    }

    @Test func `the share of a count window opens it at the minimum, not before`() throws {
        let breaker = try self.breaker(.countWindow(calls: 4, minimum: 4, failureShare: 0.5))
        self.fail(breaker)
        self.fail(breaker)
        try breaker.call {}
        #expect(breaker.state == .closed)
        try breaker.call {}
        #expect(breaker.state != .closed)
    }

    @Test func `a cancelled trial gives its permit back and is not counted`() throws {
        let breaker = try self.breaker(.consecutive(failures: 1))
        self.fail(breaker)
        self.clock.advance(by: .seconds(60))
        _ = try? breaker.call { throw CancellationError() }
        #expect(breaker.state == .halfOpen(step: 0, inFlight: 0, successes: 0))
        try breaker.call {}
        #expect(breaker.state == .closed)
    }

    @Test func `a result from before a reset is not counted after it`() throws {
        let breaker = try self.breaker(.consecutive(failures: 1))
        _ = try? breaker.call {
            breaker.reset()
            throw Down()
        }
        #expect(breaker.state == .closed)
    }

    @Test(arguments: [Double.nan, 0, -1, 1.1]) func `a share that cannot be is refused`(share: Double) {
        #expect(throws: SettingsError.self) {
            try BreakerSettings(rule: .countWindow(calls: 4, minimum: 1, failureShare: share), openFor: .seconds(1))
        }
    }
}
