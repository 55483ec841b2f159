import ResilienceCore

/// One call with its tries: what comes next after a failure. A value, the same for async and sync calls.
struct RetryRun {
    enum Next {
        case end(CallError)
        case tryAgain(after: Duration)
    }

    let settings: RetrySettings
    var context: CallContext
    private var lastWait = Duration.zero

    init(_ settings: RetrySettings, _ context: CallContext) {
        self.settings = settings
        self.context = context
        self.context.attempt = 1
        self.context.limit = self.limit
    }

    /// How long the try that comes may take.
    private var limit: Duration? { self.limit(elapsed: self.context.elapsed) }

    /// How long what begins after `elapsed` may take.
    func limit(elapsed: Duration) -> Duration? {
        let left = self.settings.deadline.map { max(.zero, $0 - elapsed) }
        guard let attemptTimeout = self.settings.attemptTimeout, let left else {
            return self.settings.attemptTimeout ?? left
        }
        return min(attemptTimeout, left)
    }

    /// Whether it makes sense to repair what made this try fail: another could follow, and this one was really made.
    func mayBeRepaired(_ failure: CallError) -> Bool {
        self.context.attempt < self.settings.attempts && failure.code != .cancelled && !failure.code.isRejection
    }

    /// - Parameters:
    ///   - isRepaired: what made it fail has been repaired meanwhile: another try is worth it, and need not wait.
    ///   - isAffordable: takes from the budget; asked last, for a retry that would really be made.
    mutating func after(
        _ failure: CallError, elapsed: Duration, isCancelled: Bool, isRepaired: Bool = false,
        classifier: any ErrorClassifier, using generator: inout SeededGenerator, isAffordable: () -> Bool
    ) -> Next {
        self.context.elapsed = elapsed
        let known = classifier.meaning(of: failure)
        if failure.code == .cancelled || isCancelled { return .end(self.ended(.cancelled, failure)) }
        if let deadline = self.settings.deadline, elapsed >= deadline {
            return .end(self.ended(.deadlinePassed, failure))
        }
        guard isRepaired || known?.isWorthRetrying == true else {
            return .end(self.ended(.notWorthRetrying, failure))
        }
        guard self.context.attempt < self.settings.attempts else {
            return .end(self.ended(.attemptsSpent, failure))
        }
        let backoff = self.settings.wait.delay(
            after: self.context.attempt, previous: self.lastWait, using: &generator)
        let wait: Duration =
            isRepaired ? .zero : max(backoff, min(known?.retryAfter ?? .zero, self.settings.retryAfterMax))
        if let deadline = self.settings.deadline, elapsed + wait >= deadline {
            return .end(self.ended(.deadlinePassed, failure))
        }
        guard isAffordable() else { return .end(self.ended(.retryBudgetSpent, failure)) }
        self.lastWait = backoff
        return .tryAgain(after: wait)
    }

    mutating func begin(elapsed: Duration) {
        self.context.attempt += 1
        self.context.elapsed = elapsed
        self.context.limit = self.limit
    }

    func ended(_ code: CallError.Code, _ failure: CallError) -> CallError {
        // One that only says that the call failed adds nothing between ours and the call's.
        let cause = failure.code == .failed ? failure.cause : failure
        return CallError(
            code, in: self.context, retryAfter: failure.retryAfter, cause: cause, reason: failure.reason)
    }
}
