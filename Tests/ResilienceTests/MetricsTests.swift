import CoreMetrics
import MetricsTestKit
import Resilience
import ResilienceCore
import Testing

@Suite struct MetricsTests {
    private let clock = TestClock()
    private let factory = TestMetrics()

    @Test func `S2: retries, openings and error categories are counted by caller`() async throws {
        let metrics = try CallMetrics(factory: self.factory)
        let breaker = CircuitBreaker("api", .fiveFailures, clock: self.clock, onChange: metrics.changed)
        let settings = try RetrySettings(
            attempts: 3, wait: RetryWait(.constant, initial: .seconds(1), max: .seconds(1), jitter: .none))
        let pipeline = try Pipeline(
            "api", clock: self.clock, stages: [.retry(Retry(settings, clock: self.clock)), .breaker(breaker)],
            metrics: metrics)
        for status in [503, 503] { _ = try? await pipeline.call("read") { _ in throw Answered(httpStatus: status) } }
        _ = try? await pipeline.call("read") { _ in }
        let seen = try #require(metrics.statistics(of: "api"))
        #expect(seen.calls == 3)
        #expect(seen.successes == 0)
        #expect(seen.retries == 4)
        #expect(seen.openings == 1)
        // The second call met a breaker that its second try had opened.
        #expect(seen.failures == [.attemptsSpent: 1, .notWorthRetrying: 2])
        #expect(seen.categories == [.transient: 3])
        #expect(try self.factory.expectCounter("resilience_retries_total", [("name", "api")]).totalValue == 4)
        #expect(try self.factory.expectCounter("resilience_breaker_openings_total", [("name", "api")]).totalValue == 1)
        #expect(
            try self.factory.expectCounter(
                "resilience_calls_total", [("name", "api"), ("outcome", "attempts_spent")]
            ).totalValue == 1)
        #expect(
            try self.factory.expectCounter(
                "resilience_errors_total", [("name", "api"), ("category", "TRANSIENT")]
            ).totalValue == 3)
    }

    @Test func `S1: P95 and success rate go by the last calls, in bounded memory`() throws {
        let metrics = try CallMetrics(factory: self.factory, window: 100)
        for _ in 0..<1_000 { metrics.succeeded("db", took: .seconds(9)) }
        for number in 1...100 {
            if number % 4 == 0 {
                metrics.failed("db", try self.rejected(), took: .milliseconds(number))
            } else {
                metrics.succeeded("db", took: .milliseconds(number))
            }
        }
        let seen = try #require(metrics.statistics(of: "db"))
        #expect(seen.calls == 1_100)
        #expect(seen.recentSuccessShare == 0.75)
        #expect(seen.p50 == .milliseconds(50))
        #expect(seen.p95 == .milliseconds(95))
        #expect(seen.p99 == .milliseconds(99))
        metrics.publish()
        let gauge = try self.factory.expectGauge(
            "resilience_call_duration_quantile_seconds", [("name", "db"), ("quantile", "0.95")])
        #expect(gauge.lastValue == 0.095)
        #expect(try self.factory.expectTimer("resilience_call_duration", [("name", "db")]).values.count == 1_100)
    }

    private func rejected() throws -> CallError {
        let bulkhead = try Bulkhead(concurrency: 1)
        do throws(CallError) {
            return try bulkhead.call { () throws(CallError) -> CallError in try bulkhead.call { throw Down() } }
        } catch { return error }
    }

    @Test func `names beyond the bound count as other`() throws {
        let metrics = try CallMetrics(factory: self.factory, namesMax: 2)
        for name in ["a", "b", "c", "d", "a"] { metrics.succeeded(name, took: .zero) }
        #expect(metrics.names == ["a", "b", "other"])
        #expect(metrics.statistics(of: "other")?.calls == 2)
        #expect(metrics.statistics(of: "c") == nil)
    }

    @Test func `S1: the last changes of state are kept, oldest first, and no more than the window`() throws {
        let metrics = try CallMetrics(factory: self.factory, window: 3)
        let breaker = CircuitBreaker("db", .fiveFailures, clock: self.clock, onChange: metrics.changed)
        for _ in 0..<2 {
            breaker.forceOpen()
            breaker.forceClose()
        }
        #expect(metrics.recentChanges.map(\.transition.to) == [.forcedClosed, .forcedOpen, .forcedClosed])
        #expect(metrics.statistics(of: "db") == nil)
    }
}

@Suite struct ErrorAggregatorTests {
    private let clock = TestClock()

    private func aggregator(max: Int = 100) throws -> ErrorAggregator<TestClock> {
        try ErrorAggregator(window: .seconds(60), fingerprintsMax: max, clock: self.clock)
    }

    private func record(
        _ aggregator: ErrorAggregator<TestClock>, _ status: Int, _ operation: String = "read", times: Int = 1
    ) throws {
        let bulkhead = try Bulkhead("api", concurrency: 1)
        for _ in 0..<times {
            do throws(CallError) {
                try bulkhead.call(operation) { throw Answered(httpStatus: status) }
            } catch { aggregator.record(error) }
        }
    }

    @Test func `S1: errors that are the same are counted together`() throws {
        let aggregator = try self.aggregator()
        try self.record(aggregator, 503, times: 3)
        try self.record(aggregator, 502)
        try self.record(aggregator, 503, "write")
        let report = aggregator.report()
        #expect(report.map(\.count) == [3, 1, 1])
        #expect(report[0].fingerprint.description == "api · read · failed · Answered · HTTP 503")
        #expect(report[0].example.operation == "read")
    }

    @Test func `S1: a trend compares the last window with the one before`() throws {
        let aggregator = try self.aggregator()
        func trend() -> ErrorTrend? { aggregator.report().first?.trend }
        try self.record(aggregator, 503, times: 4)
        #expect(trend() == .new)
        self.clock.advance(by: .seconds(60))
        try self.record(aggregator, 503, times: 3)
        #expect(trend() == .steady)
        try self.record(aggregator, 503, times: 5)
        #expect(trend() == .rising)
        self.clock.advance(by: .seconds(60))
        try self.record(aggregator, 503, times: 2)
        #expect(trend() == .falling)
        self.clock.advance(by: .seconds(60))
        #expect(trend() == .gone)
    }

    @Test func `S1: an error that comes back again and again is a recurring pattern`() throws {
        let aggregator = try self.aggregator()
        for _ in 0..<3 {
            try self.record(aggregator, 503, times: 5)
            self.clock.advance(by: .seconds(600))
        }
        let pattern = try #require(aggregator.report().first)
        #expect(pattern.isRecurring)
        #expect(pattern.episodes == 3)
        #expect(pattern.recursEvery == .seconds(600))
        #expect(pattern.count == 15)
    }

    @Test func `what has not been seen for longest makes room`() throws {
        let aggregator = try self.aggregator(max: 10)
        for status in 400..<450 {
            try self.record(aggregator, status)
            self.clock.advance(by: .seconds(1))
        }
        let report = aggregator.report()
        #expect(report.count == 10)
        #expect(report.map(\.fingerprint.detail).sorted() == (440..<450).map { "HTTP \($0)" })
        #expect(aggregator.forgotten == 40)
    }

    @Test(arguments: [
        ("connection to 10.0.0.7:5432 refused", "connection to #.#.#.#:# refused"),
        ("order 4711 of \"Jane Doe\" is gone", "order # of # is gone"),
        ("request 7f3e-11aa failed", "request # failed"), ("no numbers here", "no numbers here"),
        ("an 'open quote", "an #"), ("", ""), ("service-7.service: died", "service-#.service: died"),
        ("request 550e8400-e29b-41d4-a716-446655440000 failed", "request # failed"),
        ("worker12 took 340ms at 0x7fff, twice", "worker# took #ms at #x#, twice"),
        ("10.0.0.7:5432 refused", "#.#.#.#:# refused"), ("-7 of a-b", "-# of a-b"), ("cafe- 12- x", "cafe- #- x"),
    ]) func `the shape of a message has nothing that changes`(message: String, shape: String) {
        #expect(ErrorFingerprint.shape(of: message) == shape)
    }

    @Test func `the shape of a long message is bounded`() {
        #expect(ErrorFingerprint.shape(of: String(repeating: "x", count: 1_000_000)).count == 120)
    }

    @Test func `a pipeline hands on every error that leaves it`() async throws {
        let aggregator = try self.aggregator()
        let pipeline = try Pipeline(
            "api", clock: self.clock, stages: [.bulkhead(try Bulkhead(concurrency: 1))], errors: aggregator)
        _ = try? await pipeline.call("read") { _ in throw Answered(httpStatus: 404) }
        let pattern = try #require(aggregator.report().first)
        #expect(pattern.reason == .notFound)
        #expect(pattern.fingerprint.component == "api")
    }
}
