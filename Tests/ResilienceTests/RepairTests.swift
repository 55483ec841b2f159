import Glibc
import Resilience
import ResilienceCore
import Synchronization
import Testing

@Suite struct RepairTests {
    private let clock = TestClock()

    private func settings(attempts: Int = 4, attemptTimeout: Duration? = nil) throws -> RetrySettings {
        try RetrySettings(
            attempts: attempts, wait: RetryWait(.constant, initial: .seconds(9), max: .seconds(9), jitter: .none),
            attemptTimeout: attemptTimeout)
    }

    @Test func `S3: after an automated recovery the call is tried again at once`() async throws {
        let isConnected = Mutex(false)
        let retry = Retry(
            try self.settings(), clock: self.clock,
            repair: { error in
                #expect(error.context.attempt == 1)
                isConnected.withLock { $0 = true }
                return true
            })
        let attempt = try await retry.call("read") { context in
            // Never worth a retry by itself.
            guard isConnected.withLock({ $0 }) else { throw Answered(httpStatus: 401) }
            return context.attempt
        }
        #expect(attempt == 2)
        #expect(self.clock.now.offset == .zero)
    }

    @Test func `a repair that did not help leaves everything as it is`() async throws {
        let asked = Count()
        let retry = Retry(
            try self.settings(), clock: self.clock,
            repair: { _ in
                asked.add()
                return false
            })
        #expect(await failure { try await retry.call { _ in throw Answered(httpStatus: 401) } }?.context.attempt == 1)
        #expect(self.clock.now.offset == .zero)
        #expect(await failure { try await retry.call { _ in throw Answered(httpStatus: 503) } }?.context.attempt == 4)
        #expect(self.clock.now.offset == .seconds(27))
        // Not after the last try, which no other follows.
        #expect(asked.value == 4)
    }

    @Test func `a repair that always says it helped does not make more tries than may be`() async throws {
        let budget = try RetryBudget(share: 0.1, reserve: 2, perSecond: 0, clock: self.clock)
        let free = Retry(try self.settings(), clock: self.clock, repair: { _ in true })
        #expect(await failure { try await free.call { _ in throw Down() } }?.context.attempt == 4)
        let held = Retry(try self.settings(attempts: 9), clock: self.clock, budget: budget, repair: { _ in true })
        let error = await failure { try await held.call { _ in throw Down() } }
        #expect(error?.code == .retryBudgetSpent)
        #expect(error?.context.attempt == 3)
    }

    @Test func `a repair that hangs has the time of a try and no more`() async throws {
        let clock = ManualClock()
        let gate = Gate()
        let retry = Retry(
            try self.settings(attempts: 2, attemptTimeout: .seconds(5)), clock: clock,
            repair: { _ in
                await gate.pass()
                return true
            })
        let task = Task { await failure { try await retry.call { _ in throw Answered(httpStatus: 401) } } }
        await gate.arrivals(1)
        await clock.sleeping(1)
        clock.advance(by: .seconds(5))
        #expect(await task.value?.code == .notWorthRetrying)
        #expect(await eventually { clock.sleepers == 0 })
        gate.open()
    }

    @Test func `a rejected or cancelled call is not repaired`() async throws {
        let breaker = CircuitBreaker("db", .fiveFailures, clock: self.clock)
        breaker.forceOpen()
        let asked = Count()
        let retry = Retry(try self.settings(), clock: self.clock, repair: { _ in asked.add() > 0 })
        _ = await failure { try await retry.call { _ in try await breaker.call { await Task.yield() } } }
        _ = await failure { try await retry.call { _ in throw CancellationError() } }
        #expect(asked.value == 0)
    }

    @Test(arguments: [(DegradationLevel.normal, 3), (.degraded, 2), (.minimal, 1), (.emergency, 1)])
    func `S3: retries go in step with degradation`(level: DegradationLevel, tries: Int) async throws {
        let retry = Retry(.database, clock: self.clock, level: { level })
        let error = await failure { try await retry.call { _ in throw Answered(httpStatus: 503) } }
        #expect(error?.context.attempt == tries)
        #expect(error?.code == .attemptsSpent)
    }
}

private func failure(_ call: () async throws -> Void) async -> CallError? {
    do {
        try await call()
        return nil
    } catch { return error as? CallError }
}
