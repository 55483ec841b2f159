/// How often and how fast something is tried again.
public struct RetrySettings: Hashable, Sendable {
    /// Tries altogether, the first one included.
    public let attempts: Int
    public let backoff: Backoff
    /// No wait begins that would end later than this after the first try; `nil`: only `attempts` ends it.
    public let deadline: Duration?

    public init(attempts: Int, backoff: Backoff, deadline: Duration? = nil) throws(SettingsError) {
        guard (1...1_000).contains(attempts) else {
            throw SettingsError(
                what: "attempts is \(attempts).", why: "The first try counts, and tries must end.",
                howToFix: "Set it to 1 ... 1000.")
        }
        guard backoff.factor >= 1, backoff.factor.isFinite, (0...1).contains(backoff.jitter) else {
            throw SettingsError(
                what: "factor is \(backoff.factor), jitter is \(backoff.jitter).",
                why: "Waits must not shrink, and jitter is a share of the wait.",
                howToFix: "Set factor to a number of at least 1 and jitter to 0 ... 1.")
        }
        try BreakerRule.positive(backoff.initial, "initial")
        guard backoff.max >= backoff.initial else {
            throw SettingsError(
                what: "max \(backoff.max) is less than initial \(backoff.initial).",
                why: "The first wait would already be too long.", howToFix: "Set max to at least initial.")
        }
        if let deadline { try BreakerRule.positive(deadline, "deadline") }
        self.attempts = attempts
        self.backoff = backoff
        self.deadline = deadline
    }

    private init(known attempts: Int, _ backoff: Backoff) {
        self.attempts = attempts
        self.backoff = backoff
        self.deadline = nil
    }

    /// For remote APIs: 3 retries after the first try, 100 ms, doubled, at most 10 s, ±25 %.
    public static let remoteAPI = RetrySettings(
        known: 4, Backoff(initial: .milliseconds(100), factor: 2, max: .seconds(10), jitter: 0.25))
    /// For databases: 3 tries, 1 s, doubled, at most 30 s, ±25 %.
    public static let database = RetrySettings(
        known: 3, Backoff(initial: .seconds(1), factor: 2, max: .seconds(30), jitter: 0.25))
}

extension FailureReason {
    /// Whether the same call may succeed a little later. What asks for a person or another request never does.
    public var isWorthRetrying: Bool {
        switch self {
        case .timeout, .connection, .serverError, .rateLimit: true
        case .crashed, .exited, .oom, .resource, .stalled, .authError, .certificate, .unexpectedBody, .checksum,
            .logPattern, .invalidRequest, .notFound, .misconfigured, .other:
            false
        }
    }
}
