/// When trying again has to stop for a while: CLOSED → OPEN → HALF_OPEN → CLOSED.
///
/// Counts failures in a sliding window; a pure value whose time is handed in.
///
/// - SeeAlso: Nygard, "Release It!", on circuit breakers.
public struct CircuitBreakerMachine: Hashable, Sendable, Codable {
    public enum State: Hashable, Sendable, Codable {
        /// Everything passes. To: `open`.
        case closed
        /// Nothing passes. To: `halfOpen`, when the time has come.
        case open(until: MonotonicInstant)
        /// Trials pass, one at a time. To: `closed` after enough successes, `open` at the first failure.
        case halfOpen(successes: Int)

        /// The name in records: `closed`, `open`, `half-open`.
        public var name: String {
            switch self {
            case .closed: "closed"
            case .open: "open"
            case .halfOpen: "half-open"
            }
        }
    }

    public private(set) var state: State = .closed
    /// Failures inside the window, oldest first; never more than `failuresMax`.
    public private(set) var failures: [MonotonicInstant] = []

    private let failuresMax: Int
    private let window: Duration
    private let openFor: Duration
    private let trials: Int

    /// - Parameters:
    ///   - failuresMax: so many failures within `window` open it; at least 1.
    ///   - openFor: how long it stays open before a trial.
    ///   - trials: successes in half-open that close it; at least 1.
    public init(failuresMax: Int, window: Duration, openFor: Duration, trials: Int) {
        self.failuresMax = max(1, failuresMax)
        self.window = window
        self.openFor = openFor
        self.trials = max(1, trials)
    }

    /// Takes up what an earlier run knew.
    public mutating func restore(failures: [MonotonicInstant], openedAt: MonotonicInstant?) {
        self.failures = Array(failures.sorted().suffix(self.failuresMax))
        if let openedAt {
            self.state = .open(until: openedAt + self.openFor)
            self.openedAt = openedAt
        }
    }

    /// When it opened last; `nil` once it has closed. In half-open it is kept, so that an end of the process in the
    /// middle of a trial does not close it.
    public private(set) var openedAt: MonotonicInstant?

    /// Whether a try may be made now; moves from open to half-open when the time has come.
    public mutating func allows(at now: MonotonicInstant) -> Bool {
        switch self.state {
        case .closed, .halfOpen: return true
        case .open(let until):
            guard now >= until else { return false }
            self.state = .halfOpen(successes: 0)
            return true
        }
    }

    public mutating func recordFailure(at now: MonotonicInstant) {
        switch self.state {
        case .open: break
        case .halfOpen: self.open(at: now)
        case .closed:
            self.failures.removeAll { now - $0 >= self.window }
            self.failures.append(now)
            if self.failures.count >= self.failuresMax { self.open(at: now) }
        }
    }

    public mutating func recordSuccess(at now: MonotonicInstant) {
        switch self.state {
        case .open, .closed: break
        case .halfOpen(let successes):
            if successes + 1 >= self.trials {
                self.reset()
            } else {
                self.state = .halfOpen(successes: successes + 1)
            }
        }
    }

    /// An operator closes it by hand.
    public mutating func reset() {
        self.state = .closed
        self.openedAt = nil
        self.failures.removeAll()
    }

    private mutating func open(at now: MonotonicInstant) {
        self.state = .open(until: now + self.openFor)
        self.openedAt = now
        self.failures.removeAll()
    }
}
