import ResilienceCore
import Testing

@Suite struct CallSettingsTests {
    private func refused(_ make: () throws -> Void) -> Bool {
        do {
            try make()
            return false
        } catch let error as SettingsError {
            return !error.what.isEmpty && !error.why.isEmpty && !error.howToFix.isEmpty
        } catch { return false }
    }

    @Test func `rules that can never hold are refused`() {
        let rules: [BreakerRule] = [
            .consecutive(failures: 0), .consecutive(failures: -1), .consecutive(failures: 100_001),
            .countWindow(calls: 0, minimum: 1, failureShare: 0.5),
            .countWindow(calls: 4, minimum: 0, failureShare: 0.5),
            .countWindow(calls: 4, minimum: 5, failureShare: 0.5), .countWindow(calls: 4, minimum: 4, failureShare: 0),
            .countWindow(calls: 4, minimum: 4, failureShare: .nan),
            .timeWindow(length: .zero, minimum: 1, failureShare: 0.5),
            .timeWindow(length: .seconds(1), minimum: 0, failureShare: 0.5),
            .timeWindow(length: .seconds(1), minimum: 1, failureShare: 1.1),
            .severity(atLeast: .high, failures: 0, within: .seconds(1)),
            .severity(atLeast: .high, failures: 1, within: .seconds(-1)),
        ]
        for rule in rules {
            #expect(self.refused { _ = try BreakerSettings(rule: rule, openFor: .seconds(1)) }, "\(rule)")
        }
    }

    @Test func `breakers that contradict themselves are refused`() {
        let rule = BreakerRule.consecutive(failures: 1)
        #expect(self.refused { _ = try BreakerSettings(rule: rule, openFor: .zero) })
        #expect(self.refused { _ = try BreakerSettings(rule: rule, openFor: .seconds(5), openMax: .seconds(4)) })
        #expect(self.refused { _ = try BreakerSettings(rule: rule, openFor: .seconds(5), openGrowth: 2) })
        for growth in [0.5, -1, .nan, .infinity] {
            #expect(
                self.refused {
                    _ = try BreakerSettings(
                        rule: rule, openFor: .seconds(5), openGrowth: growth, openMax: .seconds(60))
                })
        }
        #expect(self.refused { _ = try BreakerSettings(rule: rule, openFor: .seconds(5), hungAfter: .zero) })
        #expect(
            self.refused {
                _ = try BreakerSettings(
                    rule: rule, slow: SlowCalls(longerThan: .seconds(1), share: 0.5), openFor: .seconds(5))
            })
        #expect(self.refused { _ = try SlowCalls(longerThan: .zero, share: 0.5) })
        #expect(self.refused { _ = try SlowCalls(longerThan: .seconds(1), share: .nan) })
        let plans: [HalfOpenPlan] = [
            .trials(0), .ramp(percents: [], calls: 1), .ramp(percents: [50, 50], calls: 1),
            .ramp(percents: [0, 50], calls: 1), .ramp(percents: [50, 101], calls: 1), .ramp(percents: [50], calls: 0),
        ]
        for plan in plans {
            #expect(
                self.refused { _ = try BreakerSettings(rule: rule, openFor: .seconds(5), halfOpen: plan) }, "\(plan)")
        }
    }

    @Test func `waits that cannot be are refused`() {
        func wait(
            _ shape: WaitShape = .constant, _ initial: Duration = .seconds(1), max: Duration = .seconds(9),
            _ jitter: Jitter = .none
        ) -> Bool { self.refused { _ = try RetryWait(shape, initial: initial, max: max, jitter: jitter) } }
        #expect(!wait())
        #expect(wait(.constant, .zero))
        #expect(wait(.constant, .seconds(-1)))
        #expect(wait(max: .milliseconds(999)))
        for factor in [0.9, 0, -2, .nan, .infinity] { #expect(wait(.exponential(factor: factor))) }
        for share in [0, -0.1, 1.1, .nan] { #expect(wait(.constant, .seconds(1), max: .seconds(9), .share(share))) }
        #expect(wait(.decorrelated, .seconds(1), max: .seconds(9), .full))
    }

    @Test func `retries that cannot be are refused`() throws {
        let wait = try RetryWait(.constant, initial: .seconds(1), max: .seconds(1), jitter: .none)
        for attempts in [0, -1, 1_001] {
            #expect(self.refused { _ = try RetrySettings(attempts: attempts, wait: wait) })
        }
        #expect(self.refused { _ = try RetrySettings(attempts: 1, wait: wait, attemptTimeout: .zero) })
        #expect(self.refused { _ = try RetrySettings(attempts: 1, wait: wait, deadline: .seconds(-1)) })
        #expect(self.refused { _ = try RetrySettings(attempts: 1, wait: wait, retryAfterMax: .zero) })
        #expect(
            self.refused {
                _ = try RetrySettings(attempts: 1, wait: wait, attemptTimeout: .seconds(9), deadline: .seconds(8))
            })
    }

    @Test func `buckets that cannot be are refused`() {
        for capacity in [0, 0.9, -1, .nan, .infinity] {
            #expect(self.refused { _ = try TokenBucket(capacity: capacity, perSecond: 1) })
        }
        for rate in [-1, 1e-7, .nan, .infinity] {
            #expect(self.refused { _ = try TokenBucket(capacity: 1, perSecond: rate) })
        }
    }
}
