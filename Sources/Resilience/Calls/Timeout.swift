public import ResilienceCore
import Synchronization

/// Gives a call so much time and no more. Safe to share.
///
/// When the time is up the call is cancelled and the caller goes on at once, also where the call ignores cancellation.
/// Such a call is *abandoned*: it goes on running until it ends by itself. How many may is bounded.
public final class Timeout<C: Clock>: Sendable where C.Duration == Duration {
    private let limit: Duration
    private let reading: ClockReading<C>
    private let abandonedMax: Int
    private let abandonedCount = Atomic(0)
    let keeper: DeadlineKeeper<C>

    /// - Parameters:
    ///   - limit: more than zero.
    ///   - abandonedMax: while so many abandoned calls run, further ones are refused.
    /// - Throws: `SettingsError` for a limit that is not positive or a count outside 1 ... 100 000.
    public init(_ limit: Duration, clock: C, abandonedMax: Int = 100) throws(SettingsError) {
        try SettingsError.positive(limit, "limit")
        try SettingsError.count(abandonedMax, "abandonedMax")
        self.limit = limit
        self.reading = ClockReading(clock)
        self.keeper = DeadlineKeeper(self.reading)
        self.abandonedMax = abandonedMax
    }

    deinit { self.keeper.stop() }

    /// How many calls run on although their callers have gone.
    public var abandoned: Int { self.abandonedCount.load(ordering: .acquiring) }

    /// Makes the call, in a task of its own.
    ///
    /// - Throws: `timedOut` when the time is up, `cancelled` as soon as the caller is cancelled, `tooManyAbandoned`
    ///   without calling, `failed` with the error of the call.
    public func call<Success: Sendable>(
        _ operation: String = "", _ body: @escaping @Sendable () async throws -> Success
    ) async throws(CallError) -> Success {
        try await self.call(CallContext(operation: operation), within: self.limit, body)
    }

    /// Makes a sync call. Nothing can stop one from outside: it is given its time to hand on, its result is taken
    /// however late it comes, and a failure that comes too late counts as `timedOut`.
    ///
    /// - Throws: `timedOut` or `failed`, with the error of the call.
    @_disfavoredOverload
    public func call<Success>(
        _ operation: String = "", _ body: (_ limit: Duration) throws -> Success
    ) throws(CallError) -> Success {
        try self.call(CallContext(operation: operation), within: self.limit) { try body($0.limit ?? self.limit) }
    }

    func call<Success: Sendable>(
        _ context: CallContext, within limit: Duration? = nil, _ body: @escaping @Sendable () async throws -> Success
    ) async throws(CallError) -> Success {
        guard self.abandoned < self.abandonedMax else { throw CallError(.tooManyAbandoned, in: context) }
        let began = self.reading.now
        return try await TimedCall(of: self, context, began: began, body).value(notAfter: began + (limit ?? self.limit))
    }

    func call<Success>(
        _ context: CallContext, within limit: Duration? = nil, _ body: (CallContext) throws -> Success
    ) throws(CallError) -> Success {
        let limit = limit ?? self.limit
        let began = self.reading.now
        var context = context
        context.limit = min(limit, context.limit ?? limit)
        do {
            return try body(context)
        } catch {
            let took = self.reading.now - began
            guard took > limit else { throw CallError(wrapping: error, in: context) }
            context.elapsed += took
            throw CallError(.timedOut, in: context, cause: error)
        }
    }

    func countAbandoned(_ change: Int) { self.abandonedCount.add(change, ordering: .acquiringAndReleasing) }
}
