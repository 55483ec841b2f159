import ResilienceCore

extension Retry where C: BlockingClock {
    /// Makes a sync call, and again after a wait while that makes sense; the thread is held up meanwhile.
    ///
    /// - Parameter body: the call; told which try it is and how long it may take, which it has to hand to its own socket
    ///   or query, because nothing can stop a sync call from outside. A late success is a success.
    /// - Throws: `notWorthRetrying`, `attemptsSpent`, `deadlinePassed` or `retryBudgetSpent` with the last error below,
    ///   or `cancelled` where it runs in a task that was.
    @_disfavoredOverload
    public func call<Success>(
        _ operation: String = "", _ body: (CallContext) throws -> Success
    ) throws(CallError) -> Success {
        try self.call(CallContext(operation: operation), body)
    }

    func call<Success>(
        _ context: CallContext, onRetry: (@Sendable (RetryNotice) -> Void)? = nil,
        _ body: (CallContext) throws -> Success
    ) throws(CallError) -> Success {
        let began = self.reading.now
        var run = RetryRun(self.settings, context)
        self.earn()
        while true {
            let failure: CallError
            do { return try body(run.context) } catch {
                failure = self.named(CallError(wrapping: error, in: run.context))
            }
            switch self.next(&run, after: failure, since: began) {
            case .end(let error): throw error
            case .tryAgain(let wait):
                self.notify(RetryNotice(context: run.context, error: failure, wait: wait), onRetry)
                self.reading.clock.block(until: self.reading.clock.now.advanced(by: wait))
            }
            run.begin(elapsed: self.reading.now - began)
        }
    }
}
