import Synchronization

/// Several tasks race; whoever waits gets the first result on time, and every task is cancelled then.
///
/// A task group would wait for the losers too, for ever if one ignores cancellation; so these tasks are not children of
/// the waiter. They inherit its priority and task locals, and its cancellation is handed on to them.
final class FirstResult<Success: Sendable>: Sendable {
    typealias Outcome = Result<Success, CallError>

    private struct State {
        var outcome: Outcome?
        var waiter: CheckedContinuation<Outcome, Never>?
        var racers: [Task<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Lets one more task race, unless the race is over.
    ///
    /// - Returns: whether it races.
    @discardableResult
    func start(_ racer: @escaping @Sendable () async -> Void) -> Bool {
        self.state.withLock { state in
            guard state.outcome == nil else { return false }
            state.racers.append(Task(operation: racer))
            return true
        }
    }

    /// - Parameter whenFirst: done before the waiter goes on, if this is the first result.
    /// - Returns: whether it was.
    @discardableResult
    func settle(_ outcome: Outcome, whenFirst: () -> Void = {}) -> Bool {
        let woken = self.state.withLock { state -> (CheckedContinuation<Outcome, Never>?, [Task<Void, Never>])? in
            guard state.outcome == nil else { return nil }
            state.outcome = outcome
            whenFirst()
            defer { (state.waiter, state.racers) = (nil, []) }
            return (state.waiter, state.racers)
        }
        guard let woken else { return false }
        for racer in woken.1 { racer.cancel() }
        woken.0?.resume(returning: outcome)
        return true
    }

    /// The first result.
    ///
    /// - Parameter onCancel: settles the race when the waiter is cancelled.
    func value(onCancel: @escaping @Sendable () -> Void) async throws(CallError) -> Success {
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let settled = self.state.withLock { state -> Outcome? in
                    if state.outcome == nil { state.waiter = continuation }
                    return state.outcome
                }
                if let settled { continuation.resume(returning: settled) }
            }
        } onCancel: {
            onCancel()
        }
        return try outcome.get()
    }
}
