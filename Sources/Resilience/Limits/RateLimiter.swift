public import ResilienceCore
import Synchronization

/// Lets calls pass at a steady rate, with bursts up to a size. Safe to share.
public final class RateLimiter<C: Clock>: Sendable where C.Duration == Duration {
    private let bucket: Mutex<TokenBucket>
    private let reading: ClockReading<C>
    private let waitMax: Duration
    private let name: String

    /// - Parameters:
    ///   - perSecond: calls in a second, 1e-6 ... 1e9.
    ///   - burst: calls that pass at once after a quiet time, 1 ... 1e9.
    ///   - waitMax: how long an async call waits for its turn at most; zero: it never waits.
    /// - Throws: `SettingsError` for numbers outside, and for a negative wait.
    public init(
        _ name: String = "", perSecond: Double, burst: Double = 1, waitMax: Duration = .zero, clock: C
    ) throws(SettingsError) {
        guard perSecond != 0 else {
            throw SettingsError(
                what: "perSecond is 0.", why: "After the burst no call would ever pass.",
                howToFix: "Set it to 1e-6 ... 1e9.")
        }
        if waitMax != .zero { try SettingsError.positive(waitMax, "waitMax") }
        self.bucket = Mutex(try TokenBucket(capacity: burst, perSecond: perSecond))
        self.reading = ClockReading(clock)
        self.waitMax = waitMax
        self.name = name
    }

    /// Makes the call when its turn has come, in the order of arrival.
    ///
    /// - Throws: `rateLimited` without calling, with the time until its turn would come; `cancelled` at once where the
    ///   caller is cancelled while it waits, whose turn is then free again; `failed` with the error of the call.
    nonisolated(nonsending) public func call<Success>(
        _ operation: String = "", _ body: nonisolated(nonsending) () async throws -> Success
    ) async throws(CallError) -> Success {
        let context = CallContext(operation: operation, component: self.name)
        switch self.take(waitingAtMost: self.waitMax) {
        case .refused(let wait): throw CallError(.rateLimited, in: context, retryAfter: wait)
        case .taken(after: .zero): break
        case .taken(let wait):
            do {
                try await self.reading.clock.sleep(for: wait)
            } catch {
                self.bucket.withLock { $0.put() }
                throw CallError(.cancelled, in: context, cause: error)
            }
        }
        do { return try await body() } catch { throw CallError(wrapping: error, in: context) }
    }

    /// Makes a sync call if it may pass at once; a sync caller never waits.
    ///
    /// - Throws: `rateLimited` without calling, `failed` with the error of the call.
    @_disfavoredOverload
    public func call<Success>(
        _ operation: String = "", _ body: () throws -> Success
    ) throws(CallError) -> Success {
        let context = CallContext(operation: operation, component: self.name)
        if case .refused(let wait) = self.take(waitingAtMost: .zero) {
            throw CallError(.rateLimited, in: context, retryAfter: wait)
        }
        do { return try body() } catch { throw CallError(wrapping: error, in: context) }
    }

    private func take(waitingAtMost longest: Duration) -> TokenBucket.Taking {
        self.bucket.withLock { $0.take(at: self.reading.now, waitingAtMost: longest) }
    }
}
