/// Tokens that are taken one by one and come back at a steady rate: the limit of a rate that allows bursts. A pure value
/// whose time is handed in.
public struct TokenBucket: Hashable, Sendable {
    /// What taking a token came to.
    public enum Taking: Hashable, Sendable {
        /// Taken; it may be used after this wait, zero for at once.
        case taken(after: Duration)
        /// Not taken, because it would have been there only after this wait; `nil` for never.
        case refused(availableAfter: Duration?)
    }

    /// How many tokens it holds at most: the largest burst.
    public let capacity: Double
    /// How many come back in a second; 0 for none.
    public let perSecond: Double
    /// How many there are, as of the last call; negative by what has been taken ahead of time.
    public private(set) var tokens: Double
    private var filledAt: MonotonicInstant?

    /// A full bucket.
    ///
    /// - Throws: `SettingsError` for a capacity outside 1 ... 1e9 or a rate other than 0 or 1e-6 ... 1e9, numbers
    ///   that are none included.
    public init(capacity: Double, perSecond: Double) throws(SettingsError) {
        guard capacity >= 1, capacity <= 1e9 else {
            throw SettingsError(
                what: "capacity is \(capacity).", why: "Less than one token would never allow a call.",
                howToFix: "Set it to 1 ... 1e9.")
        }
        guard perSecond == 0 || (1e-6...1e9).contains(perSecond) else {
            throw SettingsError(
                what: "perSecond is \(perSecond).", why: "Tokens come back in a time that can be waited for, or never.",
                howToFix: "Set it to 0, or to 1e-6 ... 1e9.")
        }
        self.capacity = capacity
        self.perSecond = perSecond
        self.tokens = capacity
    }

    /// Takes one token, ahead of time if it will be there within `longest`.
    ///
    /// - Parameter longest: how long the taker is ready to wait.
    public mutating func take(at now: MonotonicInstant, waitingAtMost longest: Duration = .zero) -> Taking {
        self.refill(at: now)
        // Ten tenths are a little less than one.
        if self.tokens >= 1 - 1e-9 {
            self.tokens = Swift.max(0, self.tokens - 1)
            return .taken(after: .zero)
        }
        guard self.perSecond > 0 else { return .refused(availableAfter: nil) }
        // Rounded up: at the end of the wait the token is there.
        let wait = Duration.nanoseconds(
            Int64(Swift.min((1 - self.tokens) / self.perSecond * 1e9, 9e18).rounded(.up)))
        guard wait <= longest else { return .refused(availableAfter: wait) }
        self.tokens -= 1
        return .taken(after: wait)
    }

    /// Puts tokens back, up to the capacity: one taken for nothing, or ones earned.
    public mutating func put(_ count: Double = 1) {
        guard count > 0 else { return }
        self.tokens = Swift.min(self.capacity, self.tokens + count)
    }

    private mutating func refill(at now: MonotonicInstant) {
        defer { self.filledAt = Swift.max(now, self.filledAt ?? now) }
        guard let filledAt, now > filledAt else { return }
        self.tokens = Swift.min(self.capacity, self.tokens + (now - filledAt).inSeconds * self.perSecond)
    }
}
