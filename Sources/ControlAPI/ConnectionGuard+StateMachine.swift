/// What a connection waits for, and so whose time is running.
struct ConnectionProgress: Hashable, Sendable {
    enum Waiting: Hashable, Sendable {
        /// For the client to send a whole request. However it drips, the deadline stands.
        case request
        /// For us. The API's own deadlines bound that.
        case answer
        /// For the client to take the whole answer.
        case delivery
    }

    private(set) var waiting: Waiting = .request
    /// Whole requests read and not yet answered in full; more than one where the client pipelines.
    private var unanswered = 0
    /// The answer began before its request had ended, as a refusal does.
    private var answeredEarly = false

    /// Each returns whether a new deadline begins.
    mutating func requestEnded() -> Bool {
        if self.answeredEarly {
            self.answeredEarly = false
            return false
        }
        self.unanswered += 1
        guard self.waiting == .request else { return false }
        self.waiting = .answer
        return true
    }

    mutating func answerBegan() -> Bool {
        if self.unanswered == 0 { self.answeredEarly = true }
        self.waiting = .delivery
        return true
    }

    mutating func answerDelivered() -> Bool {
        if self.unanswered > 0 { self.unanswered -= 1 }
        self.waiting = self.unanswered > 0 ? .answer : .request
        return true
    }
}
