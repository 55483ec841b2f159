/// How often and how fast something is tried again, and how long it may take.
public struct RetrySettings: Hashable, Sendable {
    /// Tries altogether, the first one included; 1 ... 1000.
    public let attempts: Int
    /// How long to wait between tries.
    public let wait: RetryWait
    /// How long one try may take; `nil`: as long as it wants.
    public let attemptTimeout: Duration?
    /// How long everything may take, waits included: no wait begins that would end later, and a try still running
    /// then is given up. `nil`: only `attempts` ends it.
    public let deadline: Duration?
    /// The longest wait that the other side may ask for by Retry-After; more is cut to this.
    public let retryAfterMax: Duration

    /// - Throws: `SettingsError` for a count outside 1 ... 1000, a time that is not positive, or a try that may take
    ///   longer than everything.
    public init(
        attempts: Int, wait: RetryWait, attemptTimeout: Duration? = nil, deadline: Duration? = nil,
        retryAfterMax: Duration = .seconds(60)
    ) throws(SettingsError) {
        guard (1...1_000).contains(attempts) else {
            throw SettingsError(
                what: "attempts is \(attempts).", why: "The first try counts, and tries must end.",
                howToFix: "Set it to 1 ... 1000.")
        }
        if let attemptTimeout { try SettingsError.positive(attemptTimeout, "attemptTimeout") }
        if let deadline { try SettingsError.positive(deadline, "deadline") }
        try SettingsError.positive(retryAfterMax, "retryAfterMax")
        if let attemptTimeout, let deadline, attemptTimeout > deadline {
            throw SettingsError(
                what: "attemptTimeout \(attemptTimeout) is more than deadline \(deadline).",
                why: "The deadline would end every try first.", howToFix: "Set attemptTimeout to at most \(deadline).")
        }
        self.init(
            known: attempts, wait, attemptTimeout: attemptTimeout, deadline: deadline, retryAfterMax: retryAfterMax)
    }

    private init(
        known attempts: Int, _ wait: RetryWait, attemptTimeout: Duration? = nil, deadline: Duration? = nil,
        retryAfterMax: Duration = .seconds(60)
    ) {
        self.attempts = attempts
        self.wait = wait
        self.attemptTimeout = attemptTimeout
        self.deadline = deadline
        self.retryAfterMax = retryAfterMax
    }

    /// For remote APIs: 3 retries after the first try, 100 ms, doubled, at most 10 s, ±25 %; 30 s a try.
    public static let remoteAPI = RetrySettings(
        known: 4,
        RetryWait(known: .exponential(factor: 2), initial: .milliseconds(100), max: .seconds(10), jitter: .quarter),
        attemptTimeout: .seconds(30))

    /// For databases: 3 tries, 1 s, doubled, at most 30 s, ±25 %.
    public static let database = RetrySettings(
        known: 3,
        RetryWait(known: .exponential(factor: 2), initial: .seconds(1), max: .seconds(30), jitter: .quarter))

    /// The same with another number of tries, for callers that give way as a service degrades; at least one is made.
    public func limited(toAttempts attempts: Int) -> RetrySettings {
        RetrySettings(
            known: max(1, min(attempts, self.attempts)), self.wait, attemptTimeout: self.attemptTimeout,
            deadline: self.deadline, retryAfterMax: self.retryAfterMax)
    }

    /// Fewer tries as the service degrades: all in NORMAL, half of them (rounded up) in DEGRADED, one in MINIMAL and
    /// EMERGENCY, where every retry would be load that the service has just shed.
    public func inStep(with level: DegradationLevel) -> RetrySettings {
        switch level {
        case .normal: self
        case .degraded: self.limited(toAttempts: (self.attempts + 1) / 2)
        case .minimal, .emergency: self.limited(toAttempts: 1)
        }
    }
}
