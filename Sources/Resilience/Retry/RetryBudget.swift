public import ResilienceCore
import Synchronization

/// How much of the load may be retries: every call earns a share of a retry, and every retry takes one. While all is
/// well retries are there when needed; when everything fails they stay a small part of the load. Safe to share, and
/// meant to be shared by all that call the same other side.
public final class RetryBudget<C: Clock>: Sendable where C.Duration == Duration {
    private let bucket: Mutex<TokenBucket>
    private let reading: ClockReading<C>
    private let share: Double

    /// - Parameters:
    ///   - share: retries earned by a call, above 0 and at most 1; 0.1 allows one retry for ten calls.
    ///   - reserve: retries that may be made at once; also there at the start.
    ///   - perSecond: retries that come back by time alone, for callers that call rarely; 0 for none.
    /// - Throws: `SettingsError` for a share outside 0 ... 1, a reserve below 1 or a rate below 0.
    public init(share: Double = 0.1, reserve: Double = 10, perSecond: Double = 0.1, clock: C) throws(SettingsError) {
        try SettingsError.share(share, "share")
        self.bucket = Mutex(try TokenBucket(capacity: reserve, perSecond: perSecond))
        self.reading = ClockReading(clock)
        self.share = share
    }

    /// Retries that could be made now.
    public var left: Int { self.bucket.withLock { Int(max(0, $0.tokens)) } }

    /// A call was made for the first time.
    func earn() { self.bucket.withLock { $0.put(self.share) } }

    /// Whether one more retry may be made.
    func spend() -> Bool {
        self.bucket.withLock { $0.take(at: self.reading.now) == .taken(after: .zero) }
    }
}
