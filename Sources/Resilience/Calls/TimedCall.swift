import ResilienceCore
import Synchronization

/// What the calls under one timeout have in common.
final class TimedCalls: Sendable {
    let keeper: DeadlineKeeper
    private let abandonedCount = Atomic(0)

    init(_ keeper: DeadlineKeeper) { self.keeper = keeper }

    /// How many calls run on although their callers have gone.
    var abandoned: Int { self.abandonedCount.load(ordering: .acquiring) }

    func countAbandoned(_ change: Int) { self.abandonedCount.add(change, ordering: .acquiringAndReleasing) }
}

/// One call under a timeout: it runs in a task of its own, and whoever waits for it gets its end, the end of its time or
/// the caller's cancellation, whichever comes first.
///
/// A task group would wait for the call for ever if it ignores cancellation; so its task is no child of the waiter. It
/// inherits its priority and task locals, and its cancellation is handed on to it.
///
/// Nothing in here knows the type of the result, so that this is not made anew for each type.
///
/// Sendable although it has a subclass: what changes is in `state`; the subclass says why its own may.
class TimedCall: Expiring, TimeoutMark, @unchecked Sendable {
    enum Outcome: Sendable {
        case succeeded
        case failed(CallError)
    }

    private struct State {
        var outcome: Outcome?
        var waiter: UnsafeContinuation<Outcome, Never>?
        var task: Task<Void, Never>?
        var ticket: DeadlineKeeper.Ticket?
        /// The call is not wanted any more: it is cancelled as soon as it has begun.
        var isLate = false
    }

    private let state = Mutex(State())
    private let fired = Atomic(false)
    private let calls: TimedCalls
    private let context: CallContext
    private let began: MonotonicInstant
    private let late: LateCall
    private let outer: (any TimeoutMark)?

    init(among calls: TimedCalls, _ context: CallContext, began: MonotonicInstant, late: LateCall) {
        self.calls = calls
        self.late = late
        self.context = context
        self.began = began
        self.outer = EnclosingTimeout.current
    }

    /// Makes the call and keeps its result.
    func make() async throws {}

    /// Whether this timeout or one around it has passed.
    final var hasFired: Bool { self.fired.load(ordering: .acquiring) || self.outer?.hasFired == true }

    /// Makes the call, once.
    nonisolated(nonsending) final func outcome(
        notAfter deadline: MonotonicInstant, starting start: CallStart
    ) async -> Outcome {
        let ticket = self.calls.keeper.add(self, at: deadline, now: self.began)
        self.state.withLock { $0.ticket = ticket }
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                // The last thing before the waiter lies down, so that its thread is free to make the call.
                let task =
                    switch start {
                    case .here: Task.immediate { await self.run() }
                    case .elsewhere: Task { await self.run() }
                    }
                let (outcome, isLate) = self.state.withLock { state in
                    if state.outcome == nil { (state.waiter, state.task) = (continuation, task) }
                    return (state.outcome, state.isLate)
                }
                // Its caller had gone or its time was up already, when there was nothing yet to cancel.
                if isLate { task.cancel() }
                if let outcome { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            self.giveUp(CallError(.cancelled, in: self.context)) { $0.cancel() }
        }
    }

    final func expire(at now: MonotonicInstant) {
        self.fired.store(true, ordering: .releasing)
        self.giveUp(CallError(.timedOut, in: self.context(at: now))) { task in
            // Elsewhere: what the call does when it is cancelled must not hold up the deadlines of other calls.
            Task.detached { task.cancel() }
        }
    }

    private func context(at now: MonotonicInstant) -> CallContext {
        var context = self.context
        context.elapsed += now - self.began
        return context
    }

    private func run() async {
        let outcome: Outcome
        do {
            try await EnclosingTimeout.$current.withValue(self) { try await self.make() }
            outcome = .succeeded
        } catch {
            outcome = .failed(self.meaning(of: error))
        }
        if !self.settle(outcome) { self.calls.countAbandoned(-1) }
    }

    /// A call that is awaited fails with whatever its cancellation made of it.
    private func meaning(of error: any Error) -> CallError {
        guard self.late == .awaited, self.fired.load(ordering: .acquiring) else {
            return CallError(wrapping: error, in: self.context)
        }
        return CallError(.timedOut, in: self.context(at: self.calls.keeper.now()), cause: error)
    }

    /// The call is not wanted any more.
    ///
    /// - Parameter cancel: cancels it.
    private func giveUp(_ error: CallError, cancel: @escaping (Task<Void, Never>) -> Void) {
        switch self.late {
        case .abandoned: self.settle(.failed(error), abandoning: cancel)
        case .awaited:
            let task = self.state.withLock { state in
                state.isLate = true
                return state.task
            }
            if let task { cancel(task) }
        }
    }

    /// - Parameter cancel: given where the call runs on without its caller; cancels it.
    /// - Returns: whether it was the first outcome.
    @discardableResult
    private func settle(_ outcome: Outcome, abandoning cancel: ((Task<Void, Never>) -> Void)? = nil) -> Bool {
        let before = self.state.withLock { state -> State? in
            guard state.outcome == nil else { return nil }
            state.outcome = outcome
            if cancel != nil {
                state.isLate = true
                // Before the call can end and take it back.
                self.calls.countAbandoned(1)
            }
            defer { (state.waiter, state.task, state.ticket) = (nil, nil, nil) }
            return state
        }
        guard let before else { return false }
        if let ticket = before.ticket { self.calls.keeper.remove(ticket) }
        before.waiter?.resume(returning: outcome)
        if let cancel, let task = before.task { cancel(task) }
        return true
    }
}

/// - Note: Sendable because `result` is written before the call settles as succeeded, which takes the lock of its state,
///   and read only after that by the one caller that waited for it.
final class TimedCallWithResult<Success: Sendable>: TimedCall, @unchecked Sendable {
    private let body: @Sendable () async throws -> Success
    private var result: Success?

    init(
        among calls: TimedCalls, _ context: CallContext, began: MonotonicInstant, late: LateCall,
        _ body: @escaping @Sendable () async throws -> Success
    ) {
        self.body = body
        super.init(among: calls, context, began: began, late: late)
    }

    override func make() async throws { self.result = try await self.body() }

    nonisolated(nonsending) func value(
        notAfter deadline: MonotonicInstant, starting start: CallStart
    ) async throws(CallError) -> Success {
        switch await self.outcome(notAfter: deadline, starting: start) {
        case .failed(let error): throw error
        case .succeeded:
            guard let result else { preconditionFailure("a call that succeeded has a result") }
            return result
        }
    }
}
