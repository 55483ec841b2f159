import Resilience
import ResilienceCore

/// Callers and what they call, in virtual time, with the real `Retry` between them.
enum RetrySimulation {
    /// When each caller tried again, where all of them failed at the same moment and the other side is down for a time.
    ///
    /// Nothing that one caller does changes what another gets, so that each lives on a clock of its own.
    static func retries(
        callers: Int, wait: RetryWait, downFor: Duration
    ) throws -> [Duration] {
        let settings = try RetrySettings(attempts: 1_000, wait: wait)
        var times: [Duration] = []
        for caller in 0..<callers {
            let clock = TestClock()
            try Retry(settings, clock: clock, seed: UInt64(caller)).call { (context: CallContext) in
                if context.attempt > 1 { times.append(clock.now.offset) }
                if clock.now.offset < downFor { throw Answered(httpStatus: 503) }
            }
        }
        return times
    }

    /// The most that fell into any stretch of this length.
    static func peak(_ times: [Duration], within length: Duration) -> Int {
        let times = times.sorted()
        var first = 0
        var peak = 0
        for (last, time) in times.enumerated() {
            while time - times[first] >= length { first += 1 }
            peak = max(peak, last - first + 1)
        }
        return peak
    }

    /// What waits came to while the other side was down.
    struct Patience {
        var failedRetries = 0
        var gaveUp = 0
        /// How long after the other side was back the calls came through, on average.
        var late = Duration.zero
    }

    /// Callers that come evenly during an outage and all have the same patience.
    static func patience(callers: Int, wait: RetryWait, downFor: Duration, deadline: Duration) throws -> Patience {
        let settings = try RetrySettings(attempts: 1_000, wait: wait, deadline: deadline)
        var result = Patience()
        var came = 0
        for caller in 0..<callers {
            let clock = TestClock()
            clock.advance(by: downFor * caller / callers)
            do throws(CallError) {
                try Retry(settings, clock: clock, seed: UInt64(caller)).call { (context: CallContext) in
                    guard clock.now.offset < downFor else { return }
                    if context.attempt > 1 { result.failedRetries += 1 }
                    throw Answered(httpStatus: 503)
                }
                result.late += clock.now.offset - downFor
                came += 1
            } catch {
                result.gaveUp += 1
            }
        }
        if came > 0 { result.late = result.late / came }
        return result
    }

    /// Calls, tries and successes of a stretch of time.
    struct Load {
        var calls = 0
        var tries = 0
        var succeeded = 0
        /// Tries for each call.
        var factor: Double { Double(self.tries) / Double(self.calls) }
    }

    /// A thousand calls a second for a minute in which one of a hundred fails, a minute in which all do, and a minute
    /// as the first. Waits are so short that the tries of one call fall together.
    static func outage(withBudget: Bool) throws -> [Load] {
        let clock = TestClock()
        let budget = try withBudget ? RetryBudget(clock: clock) : nil
        let wait = try RetryWait(.constant, initial: .nanoseconds(1), max: .nanoseconds(1), jitter: .none)
        let retry = Retry(try RetrySettings(attempts: 4, wait: wait), clock: clock, budget: budget, seed: 1)
        var generator = SeededGenerator(seed: 7)
        return [0.01, 1, 0.01].map { share in
            var load = Load()
            for _ in 0..<60_000 {
                load.calls += 1
                do throws(CallError) {
                    try retry.call { (_: CallContext) in
                        load.tries += 1
                        if generator.unit() < share { throw Answered(httpStatus: 503) }
                    }
                    load.succeeded += 1
                } catch {}
                clock.advance(by: .milliseconds(1))
            }
            return load
        }
    }
}
