import CoreMetrics
import Resilience
import ResilienceCore
import Testing

@Suite struct PipelineTests {
    private func wait(_ initial: Duration = .seconds(1)) throws -> RetryWait {
        try RetryWait(.constant, initial: initial, max: initial, jitter: .none)
    }

    @Test func `S5: a breaker inside a retry counts every try, and ends the tries when it opens`() async throws {
        let clock = TestClock()
        let breaker = CircuitBreaker("orders-db", .fiveFailures, clock: clock)
        let pipeline = try Pipeline(
            "orders-db", clock: clock,
            stages: [
                .retry(Retry(try RetrySettings(attempts: 9, wait: self.wait()), clock: clock)), .breaker(breaker),
            ])
        let calls = Count()
        do throws(CallError) {
            try await pipeline.call("read-orders") { _ in
                calls.add()
                throw Answered(httpStatus: 503)
            }
            Issue.record("did not fail")
        } catch {
            #expect(error.code == .notWorthRetrying)
            #expect((error.cause as? CallError)?.code == .circuitOpen)
            #expect(error.retryAfter == .seconds(59))
            #expect(
                error.context
                    == CallContext(
                        operation: "read-orders", component: "orders-db", attempt: 6, elapsed: .seconds(5)))
        }
        #expect(calls.value == 5)
    }

    @Test func `S2: the same pipeline takes sync calls by the same name`() throws {
        let clock = TestClock()
        let breaker = CircuitBreaker("api", .fiveFailures, clock: clock)
        let pipeline = try Pipeline(
            "api", clock: clock,
            stages: [
                .retry(Retry(.remoteAPI, clock: clock, seed: 1)),
                .rateLimiter(try RateLimiter(perSecond: 100, burst: 10, clock: clock)),
                .bulkhead(try Bulkhead(concurrency: 4)), .breaker(breaker),
                .timeout(try Timeout(.seconds(5), clock: clock)),
                .hedge(try Hedge(after: .seconds(1), clock: clock)),
            ])
        let value = try pipeline.call("read") { context in
            if context.attempt < 3 { throw Answered(httpStatus: 503) }
            return context
        }
        #expect(value.attempt == 3)
        #expect(value.limit == .seconds(5))
        #expect(value.component == "api")
    }

    @Test func `a breaker counts the timeouts of the tries around it, also where the call ignores cancellation`()
        async throws
    {
        let clock = ManualClock()
        let breaker = CircuitBreaker("api", .fiveFailures, clock: clock)
        let bulkhead = try Bulkhead(concurrency: 1)
        let settings = try RetrySettings(attempts: 1, wait: self.wait(), attemptTimeout: .seconds(30))
        let pipeline = try Pipeline(
            "api", clock: clock,
            stages: [.retry(Retry(settings, clock: clock)), .bulkhead(bulkhead), .breaker(breaker)])
        let gate = Gate()
        for count in 1...5 {
            let task = Task { () async -> CallError.Code? in
                do throws(CallError) {
                    try await pipeline.call("read") { _ in await gate.pass() }
                    return nil
                } catch { return (error.cause as? CallError)?.code }
            }
            await gate.arrivals(count)
            await clock.sleeping(2)
            clock.advance(by: .seconds(30))
            #expect(await task.value == .timedOut)
            #expect(await eventually { bulkhead.running == 0 })
        }
        #expect(await eventually { breaker.state.kind == .open })
        gate.open()
    }

    @Test func `a caller that is cancelled counts for nothing at the breaker`() async throws {
        let clock = ManualClock()
        let breaker = CircuitBreaker(
            "api", try BreakerSettings(rule: .consecutive(failures: 1), openFor: .seconds(1)), clock: clock)
        let pipeline = try Pipeline(
            "api", clock: clock, stages: [.breaker(breaker), .timeout(try Timeout(.seconds(5), clock: clock))])
        let gate = Gate()
        let task = Task { try await pipeline.call("read") { _ in await gate.pass() } }
        await gate.arrivals(1)
        task.cancel()
        await #expect(throws: CallError.self) { try await task.value }
        #expect(breaker.state == .closed)
        gate.open()
    }

    @Test func `a timeout inside a breaker counts, and the whole may have one of its own`() async throws {
        let clock = ManualClock()
        let breaker = CircuitBreaker(
            "api", try BreakerSettings(rule: .consecutive(failures: 1), openFor: .seconds(9)), clock: clock)
        let pipeline = try Pipeline(
            "api", clock: clock,
            stages: [
                .timeout(try Timeout(.seconds(8), clock: clock)), .breaker(breaker),
                .timeout(try Timeout(.seconds(5), clock: clock)),
            ])
        let task = Task { [clock] in try await pipeline.call("read") { _ in try await clock.sleep(for: .seconds(60)) } }
        await clock.sleeping(3)
        clock.advance(by: .seconds(5))
        await #expect(throws: CallError.self) { try await task.value }
        #expect(breaker.state.kind == .open)
        #expect(await eventually { clock.sleepers == 0 })
    }

    @Test func `pipelines that contradict themselves are refused`() throws {
        let clock = TestClock()
        let breaker = CircuitBreaker("api", .fiveFailures, clock: clock)
        let timeout = try Timeout(.seconds(1), clock: clock)
        #expect(throws: SettingsError.self) { try Pipeline("api", clock: clock, stages: []) }
        #expect(throws: SettingsError.self) {
            try Pipeline("api", clock: clock, stages: [.breaker(breaker), .breaker(breaker)])
        }
        #expect(throws: SettingsError.self) {
            try Pipeline("api", clock: clock, stages: [.timeout(timeout), .timeout(timeout), .timeout(timeout)])
        }
    }

    @Test func `S2: an error says what, why and how to fix, and never what the error below says`() async throws {
        struct Secret: Error, CustomStringConvertible { var description: String { "https://user:hunter2@db" } }
        let pipeline = try Pipeline(
            "orders-db", clock: TestClock(), stages: [.bulkhead(try Bulkhead(concurrency: 1))])
        do throws(CallError) {
            try await pipeline.call("read-orders") { _ in throw Secret() }
        } catch {
            #expect(
                error.description
                    == "\"read-orders\" of orders-db failed at the first try, after 0 s. "
                    + "Why: It was made once and failed. The error below is of type Secret. Fix: See the error below.")
        }
    }

    @Test func `no error text is empty, whatever the code`() throws {
        let limiter = try RateLimiter("api", perSecond: 1, clock: TestClock())
        try limiter.call {}
        do throws(CallError) {
            try limiter.call("read") {}
        } catch {
            #expect(
                error.description
                    == "\"read\" of api was not made at the first try, after 0 s. "
                    + "Why: More calls were made than the rate allows. "
                    + "Fix: Call less often, or raise the rate. It may be tried again in 1 s.")
        }
    }
}
