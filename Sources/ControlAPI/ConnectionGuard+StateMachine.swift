/// What a connection waits for, and so whose time is running.
struct ConnectionProgress: Hashable, Sendable {
    enum Waiting: Hashable, Sendable {
        /// For the client to send a whole request. However it drips, the deadline stands.
        case request
        /// For us. The API's own deadlines bound that.
        case answer
        /// For the client to take the whole answer.
        case delivery
        /// For something to tell. An answer without end has no deadline of its own; each part that its client has not
        /// taken yet has.
        case news
    }

    private(set) var waiting: Waiting = .request
    /// Whole requests read and not yet answered in full; more than one where the client pipelines.
    private var unanswered = 0
    /// The answer began before its request had ended, as a refusal does.
    private var answeredEarly = false

    /// Parts of an endless answer that the client has not taken yet.
    private var untaken = 0
    private var isEndless = false

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

    mutating func endlessAnswerBegan() -> Bool {
        self.isEndless = true
        return self.answerBegan()
    }

    /// - Returns: whether a new deadline begins; later parts share the one that runs.
    mutating func partBegan() -> Bool {
        guard self.isEndless else { return false }
        self.untaken += 1
        guard self.waiting == .news else { return false }
        self.waiting = .delivery
        return true
    }

    /// A client that takes something gets the whole time for the next part.
    mutating func partTaken() -> Bool {
        guard self.isEndless else { return false }
        self.untaken -= 1
        if self.untaken == 0 { self.waiting = .news }
        return true
    }

    mutating func answerDelivered() -> Bool {
        self.isEndless = false
        if self.unanswered > 0 { self.unanswered -= 1 }
        self.waiting = self.unanswered > 0 ? .answer : .request
        return true
    }
}
