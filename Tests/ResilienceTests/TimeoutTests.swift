import Resilience
import ResilienceCore
import Testing

@Suite struct TimeoutTests {
    private let clock = ManualClock()

    private func code<Success: Sendable>(
        _ body: @escaping @Sendable () async throws -> Success
    ) -> Task<CallError?, Never> {
        Task {
            do {
                _ = try await body()
                return nil
            } catch { return error as? CallError }
        }
    }

    @Test func `a call that heeds cancellation is cancelled when its time is up`() async throws {
        let timeout = try Timeout(.seconds(30), clock: self.clock)
        let wasCancelled = Count()
        let task = self.code { [clock] in
            try await timeout.call("read") {
                do { try await clock.sleep(for: .seconds(3_600)) } catch {
                    wasCancelled.add()
                    throw error
                }
            }
        }
        await self.clock.sleeping(2)
        self.clock.advance(by: .seconds(30))
        let error = await task.value
        #expect(error?.code == .timedOut)
        #expect(error?.reason == .timeout)
        #expect(error?.context.operation == "read")
        #expect(error?.context.elapsed == .seconds(30))
        #expect(await eventually { wasCancelled.value == 1 && self.clock.sleepers == 0 && timeout.abandoned == 0 })
    }

    @Test func `the caller goes on in time also where the call ignores cancellation`() async throws {
        let timeout = try Timeout(.seconds(1), clock: self.clock)
        let gate = Gate()
        let task = self.code { try await timeout.call { await gate.pass() } }
        await gate.arrivals(1)
        await self.clock.sleeping(1)
        self.clock.advance(by: .seconds(1))
        #expect(await task.value?.code == .timedOut)
        #expect(timeout.abandoned == 1)
        gate.open()
        #expect(await eventually { timeout.abandoned == 0 })
    }

    @Test func `calls that run on are bounded, and further ones are refused until one has ended`() async throws {
        let timeout = try Timeout(.seconds(1), clock: self.clock, abandonedMax: 2)
        let gate = Gate()
        for count in 1...2 {
            let task = self.code { try await timeout.call { await gate.pass() } }
            await gate.arrivals(count)
            await self.clock.sleeping(1)
            self.clock.advance(by: .seconds(1))
            _ = await task.value
        }
        await #expect(throws: CallError.self) { try await timeout.call { Issue.record("was called") } }
        gate.open()
        #expect(await eventually { timeout.abandoned == 0 })
        #expect(try await timeout.call { 1 } == 1)
    }

    @Test func `a call that ends in time leaves no timer`() async throws {
        let timeout = try Timeout(.seconds(1), clock: self.clock)
        let gate = Gate()
        let task = self.code {
            try await timeout.call {
                await gate.pass()
                throw Down()
            }
        }
        await self.clock.sleeping(1)
        gate.open()
        let error = await task.value
        #expect(error?.code == .failed)
        #expect(error?.root is Down)
        #expect(await eventually { self.clock.sleepers == 0 })
    }

    @Test func `a cancelled caller goes on at once, and what it had called is cancelled`() async throws {
        let timeout = try Timeout(.seconds(1), clock: self.clock)
        let task = self.code { [clock] in try await timeout.call { try await clock.sleep(for: .seconds(9)) } }
        await self.clock.sleeping(2)
        task.cancel()
        #expect(await task.value?.code == .cancelled)
        #expect(await eventually { self.clock.sleepers == 0 && timeout.abandoned == 0 })
    }

    @Test func `a late call that is awaited has ended before its caller goes on`() async throws {
        let timeout = try Timeout(.seconds(1), clock: self.clock, late: .awaited)
        let gate = Gate()
        let hasEnded = Count()
        let task = self.code { [clock] in
            try await timeout.call("put away") {
                defer { hasEnded.add() }
                do { try await clock.sleep(for: .seconds(9)) } catch {
                    await gate.pass()
                    throw error
                }
            }
        }
        await self.clock.sleeping(2)
        self.clock.advance(by: .seconds(1))
        // Cancelled, and putting away what it has.
        await gate.arrivals(1)
        #expect(hasEnded.value == 0 && timeout.abandoned == 0)
        self.clock.advance(by: .seconds(1))
        gate.open()
        let error = await task.value
        #expect(error?.code == .timedOut)
        #expect(error?.context.elapsed == .seconds(2))
        #expect(error?.cause is CancellationError)
        #expect(hasEnded.value == 1 && self.clock.sleepers == 0)
    }

    @Test func `a result that comes late is taken where late calls are awaited`() async throws {
        let timeout = try Timeout(.seconds(1), clock: self.clock, late: .awaited)
        let gate = Gate()
        let task = Task {
            try await timeout.call {
                await gate.pass()
                return 7
            }
        }
        await gate.arrivals(1)
        await self.clock.sleeping(1)
        self.clock.advance(by: .seconds(1))
        #expect(await eventually { self.clock.sleepers == 0 })
        gate.open()
        #expect(try await task.value == 7)
    }

    @Test func `a cancelled caller waits for an awaited call too, and is told that it was cancelled`() async throws {
        let timeout = try Timeout(.seconds(1), clock: self.clock, late: .awaited)
        let gate = Gate()
        let task = self.code { [clock] in
            try await timeout.call {
                do { try await clock.sleep(for: .seconds(9)) } catch {
                    await gate.pass()
                    throw error
                }
            }
        }
        await self.clock.sleeping(2)
        task.cancel()
        await gate.arrivals(1)
        gate.open()
        #expect(await task.value?.code == .cancelled)
        #expect(await eventually { self.clock.sleepers == 0 && timeout.abandoned == 0 })
    }

    @Test func `an awaited call whose caller was cancelled before is cancelled as soon as it begins`() async throws {
        let timeout = try Timeout(.seconds(1), clock: self.clock, late: .awaited)
        let gate = Gate()
        let task = self.code { [clock] in
            await gate.pass()
            try await timeout.call { try await clock.sleep(for: .seconds(9)) }
        }
        await gate.arrivals(1)
        task.cancel()
        gate.open()
        #expect(await task.value?.code == .cancelled)
        #expect(self.clock.sleepers == 0)
    }

    @Test func `S2: a try has its own timeout, and the next one follows`() async throws {
        let retry = Retry(.remoteAPI, clock: self.clock, seed: 1)
        let tries = Count()
        let task = Task { [clock] in
            try await retry.call("read") { context in
                if tries.add() == 1 { try await clock.sleep(for: .seconds(3_600)) }
                return context.attempt
            }
        }
        await self.clock.sleeping(2)
        self.clock.advance(by: .seconds(30))
        #expect(
            await eventually {
                let deadlines = self.clock.deadlines
                return deadlines.count == 1 && deadlines[0].offset < .seconds(31)
            })
        self.clock.advance(by: .milliseconds(125))
        #expect(try await task.value == 2)
    }

    @Test func `the deadline of all tries cuts the last one short`() async throws {
        let settings = try RetrySettings(
            attempts: 5, wait: RetryWait(.constant, initial: .seconds(1), max: .seconds(1), jitter: .none),
            attemptTimeout: .seconds(4), deadline: .seconds(6))
        let retry = Retry(settings, clock: self.clock)
        let limits = Count()
        let task = self.code { [clock] in
            try await retry.call("read") { context in
                limits.add(Int(context.limit?.inSeconds ?? 0))
                try await clock.sleep(for: .seconds(3_600))
            }
        }
        await self.clock.sleeping(2)
        self.clock.advance(by: .seconds(4))
        #expect(await eventually { self.clock.deadlines.map(\.offset) == [.seconds(5)] })
        self.clock.advance(by: .seconds(1))
        #expect(await eventually { self.clock.deadlines.first?.offset == .seconds(6) && self.clock.sleepers == 2 })
        self.clock.advance(by: .seconds(1))
        let error = await task.value
        #expect(error?.code == .deadlinePassed)
        #expect(error?.context.attempt == 2)
        #expect(error?.context.elapsed == .seconds(6))
        #expect(limits.value == 4 + 1)
    }

    @Test func `a sync call is given its time, and fails late as one that took too long`() throws {
        let clock = TestClock()
        let timeout = try Timeout(.seconds(1), clock: clock)
        #expect(try timeout.call("read") { limit in limit } == .seconds(1))
        func late() throws(CallError) {
            try timeout.call("read") { limit in
                clock.advance(by: limit + .seconds(1))
                throw Down()
            }
        }
        do throws(CallError) {
            try late()
            Issue.record("did not fail")
        } catch {
            #expect(error.code == .timedOut)
            #expect(error.root is Down)
        }
    }
}
