import Resilience
import ResilienceCore
import Testing

@Suite struct FallbackTests {
    private let clock = TestClock()

    @Test func `a value stands in, and the answer says so and why`() async throws {
        let answer = try await Fallback.value(7).call("read") {
            await Task.yield()
            throw Down()
        }
        #expect(answer.value == 7)
        #expect(answer.source == .standIn)
        #expect(answer.error?.root is Down)
        let own = try await Fallback.value(7).call { 1 }
        #expect(own.value == 1 && own.source == .call && own.error == nil)
    }

    @Test func `S5: cached data stands in when the service is down, and tells its age`() throws {
        let cache = try AnswerCache<String, Int, TestClock>(capacity: 10, clock: self.clock)
        let fallback = try Fallback.cached(in: cache, for: "orders", notOlderThan: .seconds(300))
        _ = try fallback.call { 42 }
        self.clock.advance(by: .seconds(300))
        let answer = try fallback.call { throw Down() }
        #expect(answer.value == 42)
        #expect(answer.source == .cache(age: .seconds(300)))
        self.clock.advance(by: .nanoseconds(1))
        #expect(throws: CallError.self) { try fallback.call { throw Down() } }
    }

    @Test func `ways are gone through in order, and where none has a result the first error is thrown`() async throws {
        let cache = try AnswerCache<String, Int, TestClock>(capacity: 10, clock: self.clock)
        let failing = Fallback<Int>.call { _ in throw Answered(httpStatus: 500) }
        let ways = try failing.or(.cached(in: cache, for: "x", notOlderThan: .seconds(1)))
        do throws(CallError) {
            _ = try await ways.call { throw Down() }
            Issue.record("did not fail")
        } catch { #expect(error.root is Down) }
        let other = ways.or(
            .call { error async in
                await Task.yield()
                return error.root is Down ? 5 : 6
            })
        let answer = try await other.call { throw Down() }
        #expect(answer.value == 5 && answer.source == .otherCall)
    }

    @Test func `a sync call passes over ways that are async`() throws {
        let ways = Fallback<Int>.call { _ async in 1 }.or(.call { _ in 2 })
        #expect(try ways.call { throw Down() }.value == 2)
    }

    @Test func `a cancelled caller gets no stand-in`() async {
        let task = Task { () async -> CallError.Code? in
            do throws(CallError) {
                _ = try await Fallback.value(1).call {
                    withUnsafeCurrentTask { $0?.cancel() }
                    try Task.checkCancellation()
                    return 2
                }
                return nil
            } catch { return error.code }
        }
        #expect(await task.value == .cancelled)
    }

    @Test func `a cache keeps no more than its capacity, the newest`() throws {
        let cache = try AnswerCache<Int, Int, TestClock>(capacity: 20, clock: self.clock)
        for key in 0..<100 {
            cache.store(key, for: key)
            self.clock.advance(by: .seconds(1))
            #expect(cache.count <= 20)
        }
        #expect(cache.answer(for: 99, notOlderThan: .seconds(1_000))?.value == 99)
        #expect(cache.answer(for: 79, notOlderThan: .seconds(1_000)) == nil)
    }

    @Test func `S1: each strategy by its word`() async throws {
        typealias Strategy = FailureStrategy<Int, TestClock>
        let cache = try AnswerCache<String, Int, TestClock>(capacity: 1, clock: self.clock)
        cache.store(3, for: "x")
        let strategies: [(Strategy, String, Answer<Int>.Source?)] = [
            (.immediateFail, "IMMEDIATE_FAIL", nil),
            (.retryWithBackoff(Retry(.database, clock: self.clock)), "RETRY_WITH_BACKOFF", .call),
            (
                .fallbackToCache(try .cached(in: cache, for: "x", notOlderThan: .seconds(60))), "FALLBACK_TO_CACHE",
                .cache(age: .zero)
            ),
            (.fallbackToDefault(4), "FALLBACK_TO_DEFAULT", .standIn),
            (.gracefulDegradation { _ in 5 }, "GRACEFUL_DEGRADATION", .otherCall),
        ]
        for (strategy, name, source) in strategies {
            let tries = Count()
            #expect(strategy.name == name)
            let answer = try? await strategy.call("read") { _ in
                if tries.add() == 1 { throw Answered(httpStatus: 503) }
                return 2
            }
            // The cache is as old as the waits of the retry before it.
            if case .cache = source {
                #expect(answer?.value == 3)
            } else {
                #expect(answer?.source == source, "\(name)")
            }
        }
    }
}

@Suite struct PartialTests {
    @Test func `S5: several calls give what succeeded with what failed`() async {
        let partial = await Partial<Int, String>.gather(0..<10, concurrency: 3, operation: "read") { key in
            await Task.yield()
            if key % 3 == 0 { throw Down() }
            return "\(key)"
        }
        #expect(partial.succeeded == [1: "1", 2: "2", 4: "4", 5: "5", 7: "7", 8: "8"])
        #expect(partial.failed.keys.sorted() == [0, 3, 6, 9])
        #expect(partial.failed[3]?.root is Down)
        #expect(!partial.isComplete)
    }

    @Test func `S5: sync calls too, by the same name`() {
        let partial = Partial<Int, Int>.gather([1, 2, 2, 3]) { key in
            if key == 2 { throw Down() }
            return key
        }
        #expect(partial.succeeded == [1: 1, 3: 3])
        #expect(partial.failed.keys.sorted() == [2])
    }

    @Test func `no more run at once than may`() async {
        let running = Count()
        let partial = await Partial<Int, Void>.gather(0..<50, concurrency: 4) { _ in
            #expect(running.add() <= 4)
            await Task.yield()
            running.add(-1)
        }
        #expect(partial.isComplete)
        #expect(running.value == 0)
    }

    @Test func `a cancelled caller gets what there is, and what had not begun is cancelled`() async {
        let gate = Gate()
        let task = Task {
            await Partial<Int, Int>.gather(0..<10, concurrency: 1) { key in
                await gate.pass()
                return key
            }
        }
        await gate.arrivals(1)
        task.cancel()
        gate.open()
        let partial = await task.value
        #expect(partial.succeeded.count == 1)
        #expect(partial.failed.count == 9)
        #expect(partial.failed.values.allSatisfy { $0.code == .cancelled })
    }
}
