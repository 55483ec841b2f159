public import ResilienceCore

/// Where a call under a timeout begins.
public enum CallStart: Hashable, Sendable {
    /// On whichever thread is free. Its caller goes on in time also where the call holds up its thread without ever
    /// waiting (computes for long, reads a file), as long as there is another thread.
    case elsewhere
    /// On the thread of its caller until it first waits, which is faster by as much as handing over to another thread
    /// costs. Its caller can go on only from then on: for calls that wait, and soon.
    case here
}

/// What becomes of a call that is cancelled because its time is up or its caller is cancelled.
public enum LateCall: Hashable, Sendable {
    /// Its caller goes on at once, also where the call ignores cancellation: it runs on until it ends by itself.
    case abandoned
    /// Its caller goes on once the call has ended, so that the next one finds what this one has put away: a program that
    /// is killed, a file that is closed. A call that ignores cancellation holds up its caller.
    case awaited
}

/// Gives a call so much time and no more. Safe to share.
///
/// When the time is up the call is cancelled and the caller goes on at once, also where the call ignores cancellation.
/// Such a call is *abandoned*: it goes on running until it ends by itself. How many may is bounded. Calls that have to
/// put something away first can be waited for (`LateCall.awaited`).
public final class Timeout<C: Clock>: Sendable where C.Duration == Duration {
    private let limit: Duration
    private let start: CallStart
    private let late: LateCall
    private let reading: ClockReading<C>
    private let abandonedMax: Int
    private let calls: TimedCalls

    /// - Parameters:
    ///   - limit: more than zero.
    ///   - abandonedMax: while so many abandoned calls run, further ones are refused.
    ///   - start: where a call begins.
    ///   - late: whether a call that is cancelled is waited for.
    /// - Throws: `SettingsError` for a limit that is not positive or a count outside 1 ... 100 000.
    public init(
        _ limit: Duration, clock: C, abandonedMax: Int = 100, starting start: CallStart = .elsewhere,
        late: LateCall = .abandoned
    ) throws(SettingsError) {
        try SettingsError.positive(limit, "limit")
        try SettingsError.count(abandonedMax, "abandonedMax")
        self.limit = limit
        self.start = start
        self.late = late
        self.reading = ClockReading(clock)
        self.calls = TimedCalls(DeadlineKeeper(self.reading))
        self.abandonedMax = abandonedMax
    }

    deinit { self.calls.keeper.stop() }

    /// How many calls run on although their callers have gone.
    public var abandoned: Int { self.calls.abandoned }

    /// Makes the call, in a task of its own.
    ///
    /// - Parameter limit: for this call only; `nil` for that of the timeout. One that is not positive has passed already.
    /// - Throws: `timedOut` when the time is up, `cancelled` as soon as the caller is cancelled, `tooManyAbandoned`
    ///   without calling, `failed` with the error of the call. Where late calls are awaited: both once the call has
    ///   ended, and a result is taken however late it comes.
    public func call<Success: Sendable>(
        _ operation: String = "", within limit: Duration? = nil, _ body: @escaping @Sendable () async throws -> Success
    ) async throws(CallError) -> Success {
        try await self.call(CallContext(operation: operation), within: limit ?? self.limit, body)
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

    nonisolated(nonsending) func call<Success: Sendable>(
        _ context: CallContext, within limit: Duration? = nil, _ body: @escaping @Sendable () async throws -> Success
    ) async throws(CallError) -> Success {
        guard self.abandoned < self.abandonedMax else { throw CallError(.tooManyAbandoned, in: context) }
        let began = self.reading.now
        return try await TimedCallWithResult(among: self.calls, context, began: began, late: self.late, body)
            .value(notAfter: began + (limit ?? self.limit), starting: self.start)
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
}
