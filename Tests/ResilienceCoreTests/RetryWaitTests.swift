import ResilienceCore
import Testing

private func at(_ seconds: Double) -> MonotonicInstant { MonotonicInstant(nanoseconds: Int64(seconds * 1e9)) }

@Suite struct RetryWaitTests {
    private func waits(_ shape: WaitShape, _ jitter: Jitter = .none, count: Int = 7) throws -> [Double] {
        let wait = try RetryWait(shape, initial: .seconds(1), max: .seconds(30), jitter: jitter)
        var generator = SeededGenerator(seed: 42)
        var previous = Duration.zero
        return (1...count).map { failures in
            previous = wait.delay(after: failures, previous: previous, using: &generator)
            return previous.inSeconds
        }
    }

    @Test func `S1: how waits grow is a setting: each shape does as it says, up to its cap`() throws {
        #expect(try self.waits(.constant) == [1, 1, 1, 1, 1, 1, 1])
        #expect(try self.waits(.linear) == [1, 2, 3, 4, 5, 6, 7])
        #expect(try self.waits(.linear, count: 40).last == 30)
        #expect(try self.waits(.exponential(factor: 2)) == [1, 2, 4, 8, 16, 30, 30])
        #expect(try self.waits(.exponential(factor: 3)) == [1, 3, 9, 27, 30, 30, 30])
    }

    @Test func `a decorrelated wait lies between the initial one and three times the one before`() throws {
        let waits = try self.waits(.decorrelated, count: 1_000)
        for (before, wait) in zip([1] + waits, waits) { #expect(wait >= 1 && wait <= min(30, before * 3)) }
        #expect(waits.contains { $0 > 25 } && waits.contains { $0 < 2 })
    }

    @Test func `jitter uses its whole range and no more`() throws {
        let quarter = try self.waits(.constant, .quarter, count: 1_000)
        #expect(quarter.allSatisfy { $0 >= 0.75 && $0 <= 1.25 })
        #expect(quarter.contains { $0 < 0.76 } && quarter.contains { $0 > 1.24 })
        let full = try self.waits(.constant, .full, count: 1_000)
        #expect(full.allSatisfy { $0 >= 0 && $0 <= 1 })
        #expect(full.contains { $0 < 0.01 } && full.contains { $0 > 0.99 })
    }
}

@Suite struct TokenBucketTests {
    @Test func `a burst passes, then the rate`() throws {
        var bucket = try TokenBucket(capacity: 2, perSecond: 4)
        #expect([0, 0].map { bucket.take(at: at($0)) } == [.taken(after: .zero), .taken(after: .zero)])
        let refused = bucket.take(at: at(0))
        #expect(refused == .refused(availableAfter: .milliseconds(250)))
        let taken = bucket.take(at: at(0.25))
        #expect(taken == .taken(after: .zero))
    }

    @Test func `takers ahead of time queue up, and one that goes leaves its token`() throws {
        var bucket = try TokenBucket(capacity: 1, perSecond: 1)
        let waits = (0..<3).map { _ in bucket.take(at: at(0), waitingAtMost: .seconds(2)) }
        #expect(waits == [.taken(after: .zero), .taken(after: .seconds(1)), .taken(after: .seconds(2))])
        let refused = bucket.take(at: at(0), waitingAtMost: .seconds(2))
        #expect(refused == .refused(availableAfter: .seconds(3)))
        bucket.put()
        let again = bucket.take(at: at(0), waitingAtMost: .seconds(2))
        #expect(again == .taken(after: .seconds(2)))
    }

    @Test func `it never holds more than its capacity, and a clock that goes back takes nothing away`() throws {
        var bucket = try TokenBucket(capacity: 2, perSecond: 1)
        _ = bucket.take(at: at(100))
        _ = bucket.take(at: at(50))
        bucket.put(100)
        #expect(bucket.tokens == 2)
        bucket.put(-5)
        bucket.put(.nan)
        #expect(bucket.tokens == 2)
    }

    @Test func `what does not come back says so, and a rate of next to nothing does not trap`() throws {
        var empty = try TokenBucket(capacity: 1, perSecond: 0)
        _ = empty.take(at: at(0))
        let never = empty.take(at: at(1e9))
        #expect(never == .refused(availableAfter: nil))
        var slow = try TokenBucket(capacity: 1, perSecond: 1e-6)
        for _ in 0..<10 { _ = slow.take(at: at(0), waitingAtMost: .nanoseconds(Int64.max)) }
        #expect(slow.tokens < 0)
    }
}
