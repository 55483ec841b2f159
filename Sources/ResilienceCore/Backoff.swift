/// How long to wait between attempts: exponential, capped, jittered.
public struct Backoff: Hashable, Sendable, Codable {
    /// The wait before the second attempt (the first has none).
    public var initial: Duration
    /// By what each further wait grows; at least 1.
    public var factor: Double
    /// No wait is longer than this, jitter apart.
    public var max: Duration
    /// Share by which a wait may differ, both ways: 0.25 means ±25 %.
    public var jitter: Double

    public init(
        initial: Duration = .seconds(1), factor: Double = 2, max: Duration = .seconds(30), jitter: Double = 0.25
    ) {
        self.initial = initial
        self.factor = factor
        self.max = max
        self.jitter = jitter
    }

    /// The wait after `failures` attempts in a row have failed.
    ///
    /// - Parameter failures: 0 gives no wait, 1 the initial one.
    public func delay(after failures: Int, using generator: inout SeededGenerator) -> Duration {
        guard failures > 0, self.initial > .zero else { return .zero }
        var delay = self.initial
        var grown = 1
        while grown < Swift.min(failures, 10_000), delay < self.max, self.factor > 1 {
            delay = delay.scaled(by: self.factor)
            grown += 1
        }
        delay = Swift.min(delay, self.max)
        guard self.jitter > 0 else { return delay }
        return delay.scaled(by: 1 + self.jitter * (generator.unit() * 2 - 1))
    }
}
