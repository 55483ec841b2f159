/// How the wait between tries grows.
public enum WaitShape: Hashable, Sendable, Codable {
    /// Every wait is the initial one.
    case constant
    /// The nth wait is n times the initial one.
    case linear
    /// Each wait is `factor` times the one before; at least 1.
    case exponential(factor: Double)
    /// A random wait from the initial one up to three times the one before: callers that failed together drift apart
    /// by themselves, so that no jitter is added.
    case decorrelated
}

/// How far a wait is moved at random, so that callers that failed together do not come back together.
public enum Jitter: Hashable, Sendable, Codable {
    /// Not at all: every caller comes back at the same moment.
    case none
    /// By this share both ways, above 0 and at most 1.
    case share(Double)
    /// Anywhere from no wait to the whole wait.
    case full

    /// ±25 %.
    public static let quarter = Jitter.share(0.25)
}

/// How long to wait between tries: a shape, a cap and a jitter.
public struct RetryWait: Hashable, Sendable, Codable {
    /// How the waits grow.
    public let shape: WaitShape
    /// The wait before the second try (the first has none).
    public let initial: Duration
    /// No wait is longer than this, a jitter of `share` apart.
    public let max: Duration
    /// How far each wait is moved at random.
    public let jitter: Jitter

    /// - Throws: `SettingsError` for a wait that is not positive, a cap below it, a factor below 1 or not a number, a
    ///   share outside 0 ... 1, or a jitter beside a decorrelated wait.
    public init(
        _ shape: WaitShape, initial: Duration, max: Duration, jitter: Jitter = .quarter
    ) throws(SettingsError) {
        try SettingsError.positive(initial, "initial")
        guard max >= initial else {
            throw SettingsError(
                what: "max \(max) is less than initial \(initial).", why: "The first wait would already be too long.",
                howToFix: "Set max to at least initial.")
        }
        if case .exponential(let factor) = shape { try SettingsError.growth(factor, "factor") }
        if case .share(let share) = jitter { try SettingsError.share(share, "jitter") }
        guard shape != .decorrelated || jitter == .none else {
            throw SettingsError(
                what: "A decorrelated wait has a jitter beside it.", why: "Its waits are random already.",
                howToFix: "Set jitter to .none.")
        }
        self.init(known: shape, initial: initial, max: max, jitter: jitter)
    }

    init(known shape: WaitShape, initial: Duration, max: Duration, jitter: Jitter) {
        self.shape = shape
        self.initial = initial
        self.max = max
        self.jitter = jitter
    }

    private enum CodingKeys: CodingKey { case shape, initial, max, jitter }

    /// Checks what was stored as it checks what is written by hand.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            values.decode(WaitShape.self, forKey: .shape), initial: values.decode(Duration.self, forKey: .initial),
            max: values.decode(Duration.self, forKey: .max), jitter: values.decode(Jitter.self, forKey: .jitter))
    }

    /// The wait after `failures` tries in a row have failed.
    ///
    /// - Parameters:
    ///   - failures: 0 gives no wait, 1 the initial one.
    ///   - previous: the wait before, from which a decorrelated one follows; zero before the first.
    public func delay(
        after failures: Int, previous: Duration = .zero, using generator: inout SeededGenerator
    ) -> Duration {
        guard failures > 0 else { return .zero }
        switch self.shape {
        case .constant: return self.jittered(self.initial, using: &generator)
        case .linear:
            return self.jittered(
                Swift.min(self.initial.scaled(by: Double(failures)), self.max), using: &generator)
        case .exponential(let factor):
            let plain = Backoff(initial: self.initial, factor: factor, max: self.max, jitter: 0)
            return self.jittered(plain.delay(after: failures, using: &generator), using: &generator)
        case .decorrelated:
            let top = Swift.max(previous, self.initial).scaled(by: 3)
            return Swift.min(self.initial + (top - self.initial).scaled(by: generator.unit()), self.max)
        }
    }

    private func jittered(_ wait: Duration, using generator: inout SeededGenerator) -> Duration {
        switch self.jitter {
        case .none: wait
        case .share(let share): wait.scaled(by: 1 + share * (generator.unit() * 2 - 1))
        case .full: wait.scaled(by: generator.unit())
        }
    }
}
