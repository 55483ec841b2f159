import Glibc
import MetricsTestKit
import Resilience
import ResilienceCore
import Testing

private struct System: ErrnoError { var errnoCode: Int32 }
private struct Database: SQLiteError { var sqliteCode: Int32 }

@Suite struct PipelineBuilderTests {
    private let clock = TestClock()

    @Test func `S5: the retryable operation in its wrapper form and in its builder form does the same`() async throws {
        let wrapped = CircuitBreaker("orders-db", .fiveFailures, clock: self.clock)
        let retry = Retry(.database, clock: self.clock, seed: 1)
        let built = try PipelineBuilder("orders-db", clock: self.clock)
            .retry(.database, seed: 1).breaker(.fiveFailures).build()
        var began = self.clock.now
        let first = await #expect(throws: CallError.self) {
            try await retry.call("read") { _ in
                try await wrapped.call("read") { () async throws in throw Answered(httpStatus: 503) }
            }
        }
        let tookFirst = began.duration(to: self.clock.now)
        began = self.clock.now
        let second = await #expect(throws: CallError.self) {
            try await built.call("read") { _ in throw Answered(httpStatus: 503) }
        }
        #expect(first?.code == .attemptsSpent)
        #expect(second?.code == .attemptsSpent)
        #expect(second?.context.attempt == 3)
        #expect(began.duration(to: self.clock.now) == tookFirst)
        // The breaker is inside: after two more tries it has seen five fail.
        let third = await #expect(throws: CallError.self) {
            try await built.call("read") { _ in throw Answered(httpStatus: 503) }
        }
        #expect((third?.cause as? CallError)?.code == .circuitOpen)
        #expect(third?.context.attempt == 3)
    }

    @Test func `each pipeline built has a state of its own, and its openings are counted`() async throws {
        let factory = TestMetrics()
        let metrics = try CallMetrics(factory: factory)
        let clock = ManualClock()
        let errors = try ErrorAggregator(clock: clock)
        let builder = PipelineBuilder("api", clock: clock, metrics: metrics, errors: errors)
            .bulkhead(concurrency: 4, queue: 4).rateLimiter(perSecond: 100, burst: 100)
            .breaker(try BreakerSettings(rule: .consecutive(failures: 1), openFor: .seconds(60)))
            .timeout(.seconds(5)).hedge(after: .seconds(1))
        let (left, right) = (try builder.build(), try builder.build())
        _ = try? await left.call("read") { _ in throw Down() }
        await #expect(throws: CallError.self) { try await left.call("read") { _ in } }
        #expect(try await right.call("read") { _ in 7 } == 7)
        #expect(metrics.statistics(of: "api")?.openings == 1)
        #expect(errors.report().count == 2)
    }

    @Test func `what a part cannot be is said when it is built`() {
        let builder = PipelineBuilder("api", clock: self.clock)
        #expect(throws: SettingsError.self) { try builder.build() }
        #expect(throws: SettingsError.self) { try builder.timeout(.zero).build() }
        #expect(throws: SettingsError.self) { try builder.bulkhead(concurrency: 0).build() }
        #expect(throws: SettingsError.self) { try builder.rateLimiter(perSecond: .nan).build() }
        #expect(throws: SettingsError.self) { try builder.hedge(after: .seconds(1), copies: 1).build() }
        #expect(throws: SettingsError.self) { try builder.breaker(.fiveFailures).breaker(.fiveFailures).build() }
    }

    @Test func `a level given to the builder reaches its retry`() async throws {
        let pipeline = try PipelineBuilder("api", clock: self.clock, level: { .minimal }).retry(.database).build()
        let error = await #expect(throws: CallError.self) {
            try await pipeline.call("read") { _ in throw Answered(httpStatus: 503) }
        }
        #expect(error?.context.attempt == 1)
    }

    @Test func `S5: open breaker, network and database are told apart, each with its code and context`() async throws {
        let pipeline = try PipelineBuilder("orders-db", clock: self.clock)
            .breaker(try BreakerSettings(rule: .consecutive(failures: 2), openFor: .seconds(60))).build()
        func failure(_ error: any Error) async throws -> CallError {
            try #require(
                await #expect(throws: CallError.self) {
                    try await pipeline.call("read-orders") { _ in throw error }
                })
        }
        let network = try await failure(System(errnoCode: ECONNREFUSED))
        let database = try await failure(Database(sqliteCode: 2 << 8 | 10))
        let open = try await failure(Down())
        #expect([network.code, database.code, open.code] == [.failed, .failed, .circuitOpen])
        #expect([network.reason, database.reason] == [.connection, .serverError])
        #expect((network.root as? System)?.errnoCode == ECONNREFUSED)
        #expect((database.root as? Database)?.sqliteCode == 522)
        for error in [network, database, open] {
            #expect(error.context == CallContext(operation: "read-orders", component: "orders-db"))
        }
    }

    @Test func `S1: the context of a call is kept with its error`() async throws {
        let errors = try ErrorAggregator(clock: self.clock)
        let pipeline = try PipelineBuilder("orders-db", clock: self.clock, errors: errors)
            .retry(.database, seed: 1).build()
        let error = await #expect(throws: CallError.self) {
            try await pipeline.call("read-orders") { _ in throw Answered(httpStatus: 503) }
        }
        let context = try #require(error?.context)
        #expect(context.operation == "read-orders")
        #expect(context.component == "orders-db")
        #expect(context.attempt == 3)
        #expect(context.elapsed == self.clock.now.offset)
        #expect(errors.report().map(\.example) == [context])
    }
}
