import ResilienceCore
import Synchronization

/// One call under a timeout: it runs in a task of its own, and whoever waits for it gets its result, the end of its time
/// or the caller's cancellation, whichever comes first.
///
/// A task group would wait for the call for ever if it ignores cancellation; so its task is no child of the waiter. It
/// inherits its priority and task locals, and its cancellation is handed on to it.
final class TimedCall<Success: Sendable, C: Clock>: Expiring, TimeoutMark where C.Duration == Duration {
    typealias Outcome = Result<Success, CallError>

    private struct State {
        var outcome: Outcome?
        var waiter: UnsafeContinuation<Outcome, Never>?
        var task: Task<Void, Never>?
        var ticket: DeadlineKeeper<C>.Ticket?
    }

    private let state = Mutex(State())
    private let fired = Atomic(false)
    private let timeout: Timeout<C>
    private let context: CallContext
    private let began: MonotonicInstant
    private let body: @Sendable () async throws -> Success
    private let outer: (any TimeoutMark)?

    init(
        of timeout: Timeout<C>, _ context: CallContext, began: MonotonicInstant,
        _ body: @escaping @Sendable () async throws -> Success
    ) {
        self.timeout = timeout
        self.context = context
        self.began = began
        self.body = body
        self.outer = EnclosingTimeout.current
    }

    /// Whether this timeout or one around it has passed.
    var hasFired: Bool { self.fired.load(ordering: .acquiring) || self.outer?.hasFired == true }

    /// Makes the call, once.
    func value(notAfter deadline: MonotonicInstant) async throws(CallError) -> Success {
        let ticket = self.timeout.keeper.add(self, at: deadline, now: self.began)
        let task = Task { await self.run() }
        let isOver = self.state.withLock { state in
            guard state.outcome == nil else { return true }
            state.task = task
            state.ticket = ticket
            return false
        }
        if isOver {
            // It has ended already, or its time had: then there was nothing yet to cancel and to remove.
            task.cancel()
            self.timeout.keeper.remove(ticket)
        }
        let outcome = await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let settled = self.state.withLock { state -> Outcome? in
                    if state.outcome == nil { state.waiter = continuation }
                    return state.outcome
                }
                if let settled { continuation.resume(returning: settled) }
            }
        } onCancel: {
            self.settle(.failure(CallError(.cancelled, in: self.context)), leavesCall: true)
        }
        return try outcome.get()
    }

    func expire(at now: MonotonicInstant) {
        var late = self.context
        late.elapsed += now - self.began
        self.fired.store(true, ordering: .releasing)
        self.settle(.failure(CallError(.timedOut, in: late)), leavesCall: true) { task in
            // Elsewhere: what the call does when it is cancelled must not hold up the deadlines of other calls.
            Task.detached { task.cancel() }
        }
    }

    private func run() async {
        let outcome: Outcome
        do {
            outcome = .success(try await EnclosingTimeout.$current.withValue(self) { try await self.body() })
        } catch {
            outcome = .failure(CallError(wrapping: error, in: self.context))
        }
        if !self.settle(outcome, leavesCall: false) { self.timeout.countAbandoned(-1) }
    }

    /// - Parameters:
    ///   - leavesCall: the call runs on without its caller.
    ///   - cancel: cancels a call that is left.
    /// - Returns: whether it was the first outcome.
    @discardableResult
    private func settle(
        _ outcome: Outcome, leavesCall: Bool, cancel: (Task<Void, Never>) -> Void = { $0.cancel() }
    ) -> Bool {
        let before = self.state.withLock { state -> State? in
            guard state.outcome == nil else { return nil }
            state.outcome = outcome
            // Before the call can end and take it back.
            if leavesCall { self.timeout.countAbandoned(1) }
            defer { (state.waiter, state.task, state.ticket) = (nil, nil, nil) }
            return state
        }
        guard let before else { return false }
        before.waiter?.resume(returning: outcome)
        if let ticket = before.ticket { self.timeout.keeper.remove(ticket) }
        if leavesCall, let task = before.task { cancel(task) }
        return true
    }
}
