import ResilienceCore

extension CallError: CustomStringConvertible {
    /// What happened, for a person.
    public var what: String {
        let name = self.context.operation.isEmpty ? "The call" : "\"\(self.context.operation)\""
        let component = self.context.component.isEmpty ? "" : " of \(self.context.component)"
        let tries = self.context.attempt == 1 ? "at the first try" : "at try \(self.context.attempt)"
        return "\(name)\(component) \(self.happened) \(tries), after \(self.context.elapsed.brief)."
    }

    /// Why it happened.
    public var why: String {
        var text = self.code.why
        if self.cause != nil {
            let kind = self.reason.map { " (\($0.rawValue))" } ?? ""
            text += " The error below is of type \(type(of: self.root))\(kind)."
        }
        return text
    }

    /// What to do about it.
    public var howToFix: String {
        guard let retryAfter else { return self.code.howToFix }
        return self.code.howToFix + " It may be tried again in \(retryAfter.brief)."
    }

    public var description: String { "\(self.what) Why: \(self.why) Fix: \(self.howToFix)" }

    private var happened: String {
        switch self.code {
        case .failed, .attemptsSpent, .notWorthRetrying, .retryBudgetSpent: "failed"
        case .circuitOpen, .bulkheadFull, .rateLimited, .tooManyAbandoned: "was not made"
        case .timedOut, .deadlinePassed: "took too long"
        case .cancelled: "was cancelled"
        }
    }
}

extension CallError.Code {
    fileprivate var why: String {
        switch self {
        case .failed: "It was made once and failed."
        case .circuitOpen: "Its breaker is open, because earlier calls failed."
        case .timedOut: "It did not end within its time."
        case .tooManyAbandoned: "Calls that timed out go on running, because they do not heed cancellation."
        case .bulkheadFull: "As many calls run and wait as may."
        case .rateLimited: "More calls were made than the rate allows."
        case .attemptsSpent: "Every try failed."
        case .notWorthRetrying: "Another try would fail the same way."
        case .deadlinePassed: "No time was left for another try."
        case .retryBudgetSpent: "So many calls are retried already that more would only add to the load."
        case .cancelled: "Its caller was cancelled."
        }
    }

    fileprivate var howToFix: String {
        switch self {
        case .failed, .attemptsSpent: "See the error below."
        case .circuitOpen: "Repair what is called; the breaker tries it again by itself."
        case .timedOut: "See why it is slow, or allow it more time."
        case .tooManyAbandoned: "Make the call heed cancellation, or raise abandonedMax."
        case .bulkheadFull: "Call less at once, or raise its limits."
        case .rateLimited: "Call less often, or raise the rate."
        case .notWorthRetrying: "Change the request or its credentials; see the error below."
        case .deadlinePassed: "See why the tries are slow, or raise the deadline."
        case .retryBudgetSpent: "Repair what is called; retries come back by themselves."
        case .cancelled: "Nothing, if the caller meant to."
        }
    }
}
