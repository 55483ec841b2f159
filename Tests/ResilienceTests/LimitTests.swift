import ResilienceCore
import Testing

@testable import Resilience

private func wasCalled() { Issue.record("was called") }

@Suite struct BulkheadTests {
    @Test func `so many run, so many wait, and the next is refused`() async throws {
        let bulkhead = try Bulkhead("db", concurrency: 2, queue: 1)
        let gate = Gate()
        let calls = (0..<3).map { _ in Task { try await bulkhead.call { await gate.pass() } } }
        #expect(await eventually { bulkhead.running == 2 && bulkhead.waiting == 1 })
        do throws(CallError) {
            try await bulkhead.call("read") { wasCalled() }
        } catch {
            #expect(error.code == .bulkheadFull)
            #expect(error.context.component == "db")
        }
        gate.open()
        for call in calls { try await call.value }
        #expect(bulkhead.running == 0 && bulkhead.waiting == 0)
    }

    @Test func `a caller that is cancelled while it waits goes at once, and takes no place`() async throws {
        let bulkhead = try Bulkhead(concurrency: 1, queue: 5)
        let gate = Gate()
        let first = Task { try await bulkhead.call { await gate.pass() } }
        #expect(await eventually { bulkhead.running == 1 })
        let second = Task { () async -> CallError.Code? in
            do throws(CallError) { try await bulkhead.call { wasCalled() } } catch { return error.code }
            return nil
        }
        #expect(await eventually { bulkhead.waiting == 1 })
        second.cancel()
        #expect(await second.value == .cancelled)
        #expect(bulkhead.waiting == 0)
        gate.open()
        try await first.value
        #expect(bulkhead.running == 0)
    }

    @Test func `a caller that was cancelled before takes no place`() async throws {
        let bulkhead = try Bulkhead(concurrency: 1)
        let task = Task { () async -> CallError.Code? in
            withUnsafeCurrentTask { $0?.cancel() }
            do throws(CallError) { try await bulkhead.call { wasCalled() } } catch { return error.code }
            return nil
        }
        #expect(await task.value == .cancelled)
        #expect(bulkhead.running == 0)
    }

    @Test func `S2: concurrent calls never exceed the limit, whoever is cancelled, and no permit is left behind`()
        async throws
    {
        let bulkhead = try Bulkhead(concurrency: 3, queue: 500)
        let running = Count()
        let tasks = (0..<400).map { number in
            Task {
                try await bulkhead.call {
                    #expect(running.add() <= 3)
                    defer { running.add(-1) }
                    for _ in 0..<number % 5 { await Task.yield() }
                    if number % 4 == 0 { throw Down() }
                }
            }
        }
        for (number, task) in tasks.enumerated() where number % 3 == 0 {
            await Task.yield()
            task.cancel()
        }
        for task in tasks { _ = await task.result }
        #expect(bulkhead.running == 0 && bulkhead.waiting == 0)
    }

    @Test func `a sync call never waits`() throws {
        let bulkhead = try Bulkhead(concurrency: 1, queue: 5)
        try bulkhead.call { () -> Void in
            #expect(throws: CallError.self) { try bulkhead.call {} }
        }
        #expect(try bulkhead.call { 1 } == 1)
        #expect(bulkhead.running == 0)
    }
}

@Suite struct RateLimiterTests {
    @Test func `a burst passes, then the rate, and a refusal says when it will be possible`() throws {
        let clock = TestClock()
        let limiter = try RateLimiter("api", perSecond: 2, burst: 3, clock: clock)
        for _ in 0..<3 { try limiter.call {} }
        do throws(CallError) {
            try limiter.call { wasCalled() }
        } catch {
            #expect(error.code == .rateLimited)
            #expect(error.retryAfter == .milliseconds(500))
        }
        clock.advance(by: .milliseconds(499))
        #expect(throws: CallError.self) { try limiter.call {} }
        clock.advance(by: .milliseconds(1))
        try limiter.call {}
    }

    @Test func `an async call waits for its turn, in order, up to its limit`() async throws {
        let clock = ManualClock()
        let limiter = try RateLimiter(perSecond: 1, waitMax: .seconds(2), clock: clock)
        try await limiter.call {}
        let order = Count()
        let tasks = (1...2).map { number in
            Task {
                try await limiter.call {
                    await Task.yield()
                    return (number, order.add())
                }
            }
        }
        await clock.sleeping(2)
        #expect(clock.deadlines.map(\.offset) == [.seconds(1), .seconds(2)])
        await #expect(throws: CallError.self) { try await limiter.call { await Task.yield() } }
        clock.advance(by: .seconds(2))
        for task in tasks { _ = try await task.value }
        #expect(order.value == 2)
    }

    @Test func `the turn of a caller that is cancelled while it waits is free again`() async throws {
        let clock = ManualClock()
        let limiter = try RateLimiter(perSecond: 1, waitMax: .seconds(1), clock: clock)
        try await limiter.call {}
        let task = Task { try await limiter.call { wasCalled() } }
        await clock.sleeping(1)
        task.cancel()
        await #expect(throws: CallError.self) { try await task.value }
        let other = Task { try await limiter.call { 1 } }
        await clock.sleeping(1)
        clock.advance(by: .seconds(1))
        #expect(try await other.value == 1)
    }
}

@Suite struct HedgeTests {
    private let clock = ManualClock()

    @Test func `a quick answer brings on no copy and leaves no timer`() async throws {
        let hedge = try Hedge(after: .milliseconds(50), clock: self.clock)
        let value = try await hedge.call("read") { copy in
            await Task.yield()
            return copy
        }
        #expect(value == 1)
        #expect(await eventually { self.clock.sleepers == 0 })
    }

    @Test func `a slow answer brings on a copy, whose answer is taken while the first is not waited for`() async throws
    {
        let hedge = try Hedge(after: .milliseconds(50), clock: self.clock)
        let gate = Gate()
        let task = Task {
            try await hedge.call { copy in
                if copy == 1 { await gate.pass() }
                return copy
            }
        }
        await gate.arrivals(1)
        await self.clock.sleeping(1)
        self.clock.advance(by: .milliseconds(50))
        #expect(try await task.value == 2)
        gate.open()
    }

    @Test func `no more copies run than may, and the last failure is thrown`() async throws {
        let hedge = try Hedge(after: .milliseconds(50), copies: 3, clock: self.clock)
        let gate = Gate()
        let task = Task { () async -> CallError? in
            do throws(CallError) {
                try await hedge.call { _ in
                    await gate.pass()
                    throw Down()
                }
                return nil
            } catch { return error }
        }
        for copy in 1...3 {
            await gate.arrivals(copy)
            if copy < 3 {
                await self.clock.sleeping(1)
                self.clock.advance(by: .milliseconds(50))
            }
        }
        gate.open()
        #expect(await task.value?.root is Down)
        #expect(self.clock.sleepers == 0)
    }

    @Test func `nobody joins a race that is over`() async throws {
        let race = FirstResult<Int>()
        let joined = Count()
        #expect(race.start { race.settle(.success(1)) })
        #expect(try await race.value {} == 1)
        #expect(!race.start { joined.add() })
        #expect(joined.value == 0)
    }

    @Test func `a cancelled caller goes on at once, and no copy is left`() async throws {
        let hedge = try Hedge(after: .milliseconds(50), clock: self.clock)
        let ended = Count()
        let task = Task { [clock] in
            try await hedge.call { _ in
                defer { ended.add() }
                try await clock.sleep(for: .seconds(9))
            }
        }
        await self.clock.sleeping(2)
        task.cancel()
        await #expect(throws: CallError.self) { try await task.value }
        #expect(await eventually { ended.value == 1 && self.clock.sleepers == 0 })
    }
}
