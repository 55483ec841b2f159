import CoreMetrics
import Foundation
import Resilience
import ResilienceCore
import Testing

/// The examples of the articles in `Resilience.docc`: each stands below under the name of its article, word for word, and
/// runs.
@Suite struct ArticleTests {
    private let clock = ContinuousClock()
    private let search = Search()

    private static let catalogue = ResiliencePage.root.appending(path: "Sources/Resilience/Resilience.docc")

    private static func words(_ text: some StringProtocol) -> String {
        text.split(whereSeparator: \.isWhitespace).joined()
    }

    @Test func `every article has an example, which is compiled and run below, and is on the first page`() throws {
        let own = try String(contentsOf: URL(filePath: #filePath), encoding: .utf8)
        let files = try FileManager.default.contentsOfDirectory(at: Self.catalogue, includingPropertiesForKeys: nil)
        let names = files.map { $0.deletingPathExtension().lastPathComponent }.filter { $0 != "Resilience" }
        #expect(names.count == 12)
        let first = try String(contentsOf: Self.catalogue.appending(path: "Resilience.md"), encoding: .utf8)
        for name in names {
            #expect(first.contains("- <doc:\(name)>"))
            let article = try String(contentsOf: Self.catalogue.appending(path: name + ".md"), encoding: .utf8)
            let examples = article.matches(of: /(?s)```swift\n(.*?)```/).map { Self.words($0.1) }
            #expect(examples.count == 1, "\(name)")
            let parts = own.components(separatedBy: "// MARK: \(name)\n")
            let part = try #require(parts.count == 2 ? parts[1].components(separatedBy: "// MARK: ").first : nil)
            for example in examples { #expect(Self.words(part).contains(example), "\(name)") }
        }
    }

    // MARK: CircuitBreakers

    @Test func `the example of a circuit breaker`() async throws {
        var log: [String] = []
        search.isDown.add()
        let breaker = CircuitBreaker("search", .fiveFailures, clock: clock)
        for _ in 1...5 {
            do { _ = try await breaker.call("find") { try await search.find("swift") } } catch {
                log.append("\(error.code)")
            }
        }
        let isOpen = breaker.state.kind == .open
        #expect(isOpen)
        #expect(log == Array(repeating: "failed", count: 5))
    }

    // MARK: Retries

    @Test func `the example of a retry`() async throws {
        let budget = try RetryBudget(share: 0.1, clock: clock)
        let retry = Retry(.remoteAPI, clock: clock, budget: budget)
        let answer = try await retry.call("find") { context in
            try await search.find("swift", attempt: context.attempt)
        }
        #expect(answer == "swift")
    }

    // MARK: Timeouts

    @Test func `the example of a timeout`() async throws {
        let timeout = try Timeout(.seconds(2), clock: clock)
        let answer = try await timeout.call("find") { try await search.find("swift") }
        let quick = try Timeout(.seconds(2), clock: clock, starting: .here)
        let other = try await quick.call("find") { try await search.find("nio") }
        #expect(answer == "swift" && other == "nio")
    }

    // MARK: Bulkheads

    @Test func `the example of a bulkhead`() async throws {
        let bulkhead = try Bulkhead("search", concurrency: 8, queue: 32)
        let answer = try await bulkhead.call("find") { try await search.find("swift") }
        #expect(answer == "swift")
    }

    // MARK: RateLimits

    @Test func `the example of a rate limit`() async throws {
        let limiter = try RateLimiter("search", perSecond: 50, burst: 10, waitMax: .seconds(1), clock: clock)
        let answer = try await limiter.call("find") { try await search.find("swift") }
        #expect(answer == "swift")
    }

    // MARK: Fallbacks

    @Test func `the example of a fallback`() async throws {
        let cache = try AnswerCache<String, String, ContinuousClock>(capacity: 1_000, clock: clock)
        let fallback = try Fallback.cached(in: cache, for: "swift", notOlderThan: .seconds(600)).or(
            .value("nothing found"))
        let answer = try await fallback.call("find") { try await search.find("swift") }
        let isFresh = answer.source == .call
        #expect(isFresh)
        #expect(answer.value == "swift")
    }

    // MARK: Hedges

    @Test func `the example of a hedge`() async throws {
        let hedge = try Hedge(after: .milliseconds(50), copies: 2, clock: clock)
        let answer = try await hedge.call("find") { copy in try await search.find("swift", attempt: copy) }
        #expect(answer == "swift")
    }

    // MARK: PartialResults

    @Test func `the example of partial results`() async throws {
        let partial = await Partial.gather(["swift", "nio", "grdb"], concurrency: 2) { word in
            try await search.find(word)
        }
        let found = partial.succeeded.keys.sorted()
        let isComplete = partial.isComplete
        #expect(found == ["grdb", "nio", "swift"])
        #expect(isComplete)
    }

    // MARK: Pipelines

    @Test func `the example of a pipeline`() async throws {
        let pipeline = try PipelineBuilder("search", clock: clock)
            .retry(.remoteAPI)
            .bulkhead(concurrency: 8, queue: 32)
            .breaker(.fiveFailures)
            .timeout(.seconds(2))
            .build()
        let answer = try await pipeline.call("find") { context in
            try await search.find("swift", attempt: context.attempt)
        }
        #expect(answer == "swift")
    }

    // MARK: Classifiers

    @Test func `the example of a classifier`() throws {
        let classifier = ClosureClassifier { error in
            error is NoIndex ? Classification(.notFound) : nil
        }.or(StandardClassifier())
        let isWorthRetrying = classifier.classify(NoIndex())?.isWorthRetrying
        #expect(isWorthRetrying == false)
    }

    // MARK: MetricsAndErrors

    @Test func `the example of metrics and errors`() async throws {
        search.isDown.add()
        let metrics = try CallMetrics(factory: MetricsSystem.factory)
        let errors = try ErrorAggregator(clock: clock)
        let pipeline = try PipelineBuilder("search", clock: clock, metrics: metrics, errors: errors)
            .timeout(.seconds(2)).build()
        _ = try? await pipeline.call("find") { _ in try await search.find("no such thing") }
        let share = metrics.statistics(of: "search")?.recentSuccessShare
        let worst = errors.report().first
        #expect(share == 0)
        #expect(worst?.fingerprint.type == "Down")
    }

    // MARK: DegradationClients

    @Test func `the example of a degradation client`() async throws {
        let path = "/nonexistent/degradation.json"
        let features = try DegradationClient(path: path, clock: clock, defaults: ["telemetry": false])
        var page = [try await search.find("swift")]
        if features.isOn("recommendations") {
            page.append(try await search.find("more like this"))
        }
        #expect(page == ["swift", "more like this"])
        #expect(!features.isOn("telemetry"))
    }
}

// MARK: What the examples call

/// An index of words that finds what it is asked for, until it is down.
private struct Search {
    let isDown = Count()

    func find(_ word: String, attempt: Int = 1) async throws -> String {
        if self.isDown.value > 0 { throw Down() }
        return word
    }
}

/// There is nothing to search in.
private struct NoIndex: Error {}
