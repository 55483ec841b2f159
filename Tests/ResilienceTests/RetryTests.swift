import Resilience
import ResilienceCore
import Synchronization
import Testing

private struct Failed: Error { var reason: FailureReason }

private let classifier = ClosureClassifier { ($0 as? Failed).map { Classification($0.reason) } }

@Suite struct RetryTests {
    private let clock = ManualClock()

    /// Makes a call that always fails, and moves the clock on by each wait once somebody waits for it.
    private func failure(
        _ settings: RetrySettings, _ error: any Error = Failed(reason: .timeout),
        budget: RetryBudget<ManualClock>? = nil, seed: UInt64 = 1
    ) async -> CallError? {
        let (waits, continuation) = AsyncStream.makeStream(of: Duration.self)
        let retry = Retry(
            settings, clock: self.clock, classifier: classifier.or(StandardClassifier()), budget: budget, seed: seed,
            onRetry: { continuation.yield($0.wait) })
        let task = Task { () async -> CallError? in
            defer { continuation.finish() }
            do throws(CallError) {
                try await retry.call("read") { _ in throw error }
                return nil
            } catch { return error }
        }
        for await wait in waits {
            let deadline = self.clock.now.advanced(by: wait)
            #expect(await eventually { self.clock.deadlines == [deadline] })
            self.clock.advance(by: wait)
        }
        #expect(self.clock.sleepers == 0)
        return await task.value
    }

    private func settings(
        attempts: Int = 10, _ shape: WaitShape = .exponential(factor: 2), deadline: Duration? = nil,
        retryAfterMax: Duration = .seconds(60)
    ) throws -> RetrySettings {
        try RetrySettings(
            attempts: attempts, wait: RetryWait(shape, initial: .seconds(1), max: .seconds(30), jitter: .none),
            deadline: deadline, retryAfterMax: retryAfterMax)
    }

    @Test(arguments: [FailureReason.authError, .invalidRequest, .notFound])
    func `S2: what asks for a person or another request fails at once`(reason: FailureReason) async {
        let error = await self.failure(.remoteAPI, Failed(reason: reason))
        #expect(error?.code == .notWorthRetrying)
        #expect(error?.reason == reason)
        #expect(error?.context.attempt == 1)
    }

    @Test(arguments: [401, 400, 404, 403, 422]) func `S2: statuses that would fail again are never retried`(
        status: Int
    ) async {
        #expect(await self.failure(.remoteAPI, Answered(httpStatus: status))?.context.attempt == 1)
    }

    @Test(arguments: [429, 500, 502, 503]) func `S2: statuses that may go away are retried`(status: Int) async {
        #expect(await self.failure(.remoteAPI, Answered(httpStatus: status))?.context.attempt == 4)
    }

    @Test(arguments: [FailureReason.timeout, .rateLimit, .connection, .serverError])
    func `S2: three retries from 100 ms doubled`(reason: FailureReason) async throws {
        let error = try #require(await self.failure(.remoteAPI, Failed(reason: reason)))
        #expect(error.code == .attemptsSpent)
        #expect(error.context.attempt == 4)
        #expect(error.context.operation == "read")
        #expect(error.root is Failed)
        #expect(error.context.elapsed >= .milliseconds(525) && error.context.elapsed <= .milliseconds(875))
    }

    @Test func `S2: the defaults are 10 s at most between tries and 30 s a try, and a breaker of 5 failures for 60 s`()
    {
        #expect(RetrySettings.remoteAPI.wait.max == .seconds(10))
        #expect(RetrySettings.remoteAPI.attemptTimeout == .seconds(30))
        #expect(BreakerSettings.fiveFailures.rule == .consecutive(failures: 5))
        #expect(BreakerSettings.fiveFailures.openFor == .seconds(60))
    }

    @Test func `S5: three attempts from 1 s doubled with a jitter of 25 percent`() async throws {
        let error = try #require(await self.failure(.database))
        #expect(error.context.attempt == 3)
        #expect(error.context.elapsed >= .milliseconds(2_250) && error.context.elapsed <= .milliseconds(3_750))
        #expect(RetrySettings.database.wait.max == .seconds(30))
        #expect(RetrySettings.database.wait.jitter == .share(0.25))
    }

    @Test func `S2: a sync call is tried again by the same name`() throws {
        let clock = TestClock()
        let retry = Retry(.remoteAPI, clock: clock, seed: 1)
        let value = try retry.call("read") { (context: CallContext) throws -> Int in
            if context.attempt < 3 { throw Answered(httpStatus: 503) }
            #expect(context.limit == .seconds(30))
            return context.attempt
        }
        #expect(value == 3)
        #expect(clock.now.offset >= .milliseconds(225) && clock.now.offset <= .milliseconds(375))
    }

    @Test func `Retry-After is kept to, up to its cap`() async throws {
        let asked = Answered(httpStatus: 429, retryAfter: .seconds(40))
        let kept = try #require(await self.failure(.database, asked))
        #expect(kept.context.elapsed == .seconds(80))
        let capped = try #require(await self.failure(self.settings(attempts: 2, retryAfterMax: .seconds(5)), asked))
        #expect(capped.context.elapsed == .seconds(5))
    }

    @Test func `Retry-After that passes the deadline ends the tries`() async throws {
        let error = try #require(
            await self.failure(
                self.settings(deadline: .seconds(30)), Answered(httpStatus: 503, retryAfter: .seconds(40))))
        #expect(error.code == .deadlinePassed)
        #expect(error.context.elapsed == .zero)
    }

    @Test func `no wait begins that would pass the deadline`() async throws {
        let error = try #require(await self.failure(self.settings(deadline: .seconds(4))))
        #expect(error.code == .deadlinePassed)
        #expect(error.context.elapsed == .seconds(3))
    }

    @Test func `linear and constant waits add up as they say`() async throws {
        #expect(await self.failure(try self.settings(attempts: 4, .linear))?.context.elapsed == .seconds(6))
        #expect(await self.failure(try self.settings(attempts: 4, .constant))?.context.elapsed == .seconds(3))
    }

    @Test func `a cancelled caller is not tried again`() async {
        let retry = Retry(.database, clock: self.clock, classifier: classifier)
        let calls = Count()
        let task = Task { () async -> CallError.Code? in
            do throws(CallError) {
                try await retry.call("read") { _ in
                    calls.add()
                    withUnsafeCurrentTask { $0?.cancel() }
                    throw Failed(reason: .timeout)
                }
                return nil
            } catch { return error.code }
        }
        #expect(await task.value == .cancelled)
        #expect(calls.value == 1)
    }

    @Test func `callbacks tell of each retry, not of the first try and not of the end`() async {
        let notices = Mutex<[RetryNotice]>([])
        let retry = Retry(.database, clock: TestClock(), classifier: classifier, seed: 1) { notice in
            notices.withLock { $0.append(notice) }
        }
        _ = try? await retry.call("read") { _ in throw Failed(reason: .connection) }
        let seen = notices.withLock { $0 }
        #expect(seen.map(\.context.attempt) == [1, 2])
        #expect(seen.allSatisfy { $0.wait > .zero && $0.error.root is Failed && $0.error.reason == .connection })
    }

    @Test func `an error that nobody knows is not retried`() async {
        #expect(await self.failure(.database, Down())?.code == .notWorthRetrying)
    }

    @Test func `the budget ends retries when everything fails, and lets them pass when little does`() async throws {
        let budget = try RetryBudget(share: 0.1, reserve: 2, perSecond: 0, clock: self.clock)
        let first = await self.failure(try self.settings(attempts: 10), budget: budget)
        #expect(first?.code == .retryBudgetSpent)
        #expect(first?.context.attempt == 3)
        // Earned by the calls since: ten calls, one retry.
        let retry = Retry(try self.settings(), clock: self.clock, budget: budget)
        for _ in 0..<9 { _ = try await retry.call { _ in } }
        let second = await self.failure(try self.settings(attempts: 10), budget: budget)
        #expect(second?.context.attempt == 2)
    }

    @Test func `a budget comes back by time for callers that call rarely`() async throws {
        let budget = try RetryBudget(share: 0.01, reserve: 1, perSecond: 0.1, clock: self.clock)
        #expect(await self.failure(try self.settings(), budget: budget)?.context.attempt == 2)
        self.clock.advance(by: .seconds(10))
        #expect(await self.failure(try self.settings(), budget: budget)?.context.attempt == 2)
    }

    @Test func `S3: a call that an open breaker rejected is tried again once the breaker lets trials pass`()
        async throws
    {
        let clock = TestClock()
        let breaker = CircuitBreaker("db", .fiveFailures, clock: clock)
        for _ in 0..<5 { _ = try? await breaker.call { throw Down() } }
        let retry = Retry(
            try self.settings(attempts: 2), clock: clock, classifier: StandardClassifier(waitsForBreaker: true))
        let value = try await retry.call { _ in
            try await breaker.call {
                await Task.yield()
                return 7
            }
        }
        #expect(value == 7)
        #expect(clock.now.offset == .seconds(60))
        #expect(breaker.state == .closed)
    }

    @Test func `S3: in a degraded service fewer tries are made`() async throws {
        #expect(await self.failure(RetrySettings.remoteAPI.limited(toAttempts: 2))?.context.attempt == 2)
        #expect(RetrySettings.remoteAPI.limited(toAttempts: 0).attempts == 1)
        #expect(RetrySettings.remoteAPI.limited(toAttempts: 99).attempts == 4)
    }
}
