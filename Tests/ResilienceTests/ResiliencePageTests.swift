import CoreMetrics
import Foundation
import Resilience
import ResilienceCore
import Testing

/// What Docs/resilience.md says of this package's tests and shows as code.
@Suite struct ResiliencePageTests {
    private static func sources(_ directory: String) throws -> String {
        let url = ResiliencePage.root.appending(path: directory)
        let files = try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)
        return try files.filter { $0.pathExtension == "swift" }.map { try String(contentsOf: $0, encoding: .utf8) }
            .joined()
    }

    @Test func `every wish has its tests, and every test named after one is listed`() throws {
        let sources = try ["ResilienceTests", "ResilienceCoreTests", "ControlAPITests"]
            .map { try Self.sources("Tests/\($0)") }.joined()
        let listed = try ResiliencePage.section("wishes").matches(of: /`(S[1-5]: [^`]+)`/).map { String($0.1) }
        let there = sources.matches(of: /func `(S[1-5]: [^`]+)`/).map { String($0.1) }
        #expect(listed.sorted() == there.sorted())
    }

    @Test func `the examples are compiled`() throws {
        let own = try String(contentsOf: URL(filePath: #filePath), encoding: .utf8)
        func words(_ text: some StringProtocol) -> String {
            text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
        let examples = try ResiliencePage.text().matches(of: /(?s)```swift\n(.*?)```/).map { words($0.1) }
        #expect(examples.count == 4)
        for example in examples { #expect(words(own).contains(example), "\(example)") }
    }
}

// MARK: The examples

private struct Database {
    func order(_ number: Int, within limit: Duration?) async throws -> Int { number }
}

private func callWithEverything(_ database: Database) async throws -> Int {
    let errors = try ErrorAggregator(clock: ContinuousClock())
    let metrics = try CallMetrics(factory: MetricsSystem.factory)
    let orders = try PipelineBuilder("orders-db", clock: ContinuousClock(), metrics: metrics, errors: errors)
        .retry(.database)
        .bulkhead(concurrency: 16, queue: 64)
        .breaker(.fiveFailures)
        .timeout(.seconds(5))
        .build()

    let order = try await orders.call("read-order") { context in
        try await database.order(7, within: context.limit)
    }
    return order
}

private func breakerOfEverything() throws -> CircuitBreaker<ContinuousClock> {
    let breaker = CircuitBreaker(
        "search",
        try BreakerSettings(
            rule: .timeWindow(length: .seconds(30), minimum: 20, failureShare: 0.5),
            slow: SlowCalls(longerThan: .seconds(2), share: 0.8),
            openFor: .seconds(10), openGrowth: 2, openMax: .seconds(120),
            halfOpen: .ramp(percents: [10, 25, 50, 100], calls: 20)),
        clock: ContinuousClock())
    return breaker
}

private struct Session {
    func renew() async -> Bool { true }
}

private func retryWithRepair(
    _ session: Session, _ budget: RetryBudget<ContinuousClock>, _ features: DegradationClient<ContinuousClock>
) -> Retry<ContinuousClock> {
    let token = Retry(
        .remoteAPI, clock: ContinuousClock(), budget: budget, level: { features.level },
        repair: { error in
            guard error.category == .authentication else { return false }
            return await session.renew()
        })
    return token
}

private func degradedPage(_ recommendations: () async -> String) async throws -> String {
    var page = ""
    let features = try DegradationClient(clock: ContinuousClock(), defaults: ["telemetry": false])
    if features.isOn("recommendations") {
        page.append(await recommendations())
    }
    return page
}

@Suite struct ExampleTests {
    @Test func `the examples do what they are there for`() async throws {
        #expect(try await callWithEverything(Database()) == 7)
        #expect(try await breakerOfEverything().call { 7 } == 7)
        #expect(try await degradedPage { "you may also like" } == "you may also like")
        let features = try DegradationClient(path: "/nonexistent", clock: ContinuousClock())
        let retry = retryWithRepair(Session(), try RetryBudget(clock: ContinuousClock()), features)
        let attempt = try await retry.call("read") { context in
            guard context.attempt == 2 else { throw Answered(httpStatus: 401) }
            return context.attempt
        }
        #expect(attempt == 2)
    }
}
