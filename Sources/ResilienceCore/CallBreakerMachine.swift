/// A breaker around calls that overlap: CLOSED → OPEN → HALF_OPEN → CLOSED; a pure value whose time is handed in.
///
/// Beside `CircuitBreakerMachine`, which counts tries made one after the other: here every call holds a permit, so that
/// the result of a call begun in an earlier state is not counted in a later one.
public struct CallBreakerMachine: Hashable, Sendable {
    public enum State: Hashable, Sendable {
        /// Everything passes. To: `open`.
        case closed
        /// Nothing passes. To: `halfOpen`, when the time has come.
        case open(until: MonotonicInstant)
        /// Trials pass. To: `closed` after enough successes, `open` at the first failure.
        case halfOpen(inFlight: Int, successes: Int)
    }

    public enum Outcome: Hashable, Sendable {
        case success
        case failure(Severity)
        /// Says nothing of the other side: a cancelled caller, an error that does not count.
        case ignored
    }

    /// The right to make one call; handed back exactly once to `finish`.
    public struct Permit: Hashable, Sendable {
        let generation: UInt64
    }

    public private(set) var state: State = .closed
    public let settings: BreakerSettings
    /// Grows with each change of state, so that a late result finds its permit void.
    private var generation: UInt64 = 0
    private var row = 0
    private var ring: [Bool] = []
    private var next = 0
    private var ringFailures = 0
    private var severe: [MonotonicInstant] = []

    public init(settings: BreakerSettings) { self.settings = settings }

    /// A permit, or `nil` where the call must not be made.
    public mutating func admit(at now: MonotonicInstant) -> Permit? {
        if case .open(let until) = self.state, now >= until { self.change(to: .halfOpen(inFlight: 0, successes: 0)) }
        switch self.state {
        case .closed: break
        case .open: return nil
        case .halfOpen(let inFlight, let successes):
            guard inFlight + successes < self.settings.trials else { return nil }
            self.state = .halfOpen(inFlight: inFlight + 1, successes: successes)
        }
        return Permit(generation: self.generation)
    }

    public mutating func finish(_ permit: Permit, _ outcome: Outcome, at now: MonotonicInstant) {
        guard permit.generation == self.generation else { return }
        switch (self.state, outcome) {
        case (.open, _), (.closed, .ignored): break
        case (.closed, .success): self.count(failed: nil, at: now)
        case (.closed, .failure(let severity)): self.count(failed: severity, at: now)
        case (.halfOpen(let inFlight, let successes), .ignored):
            self.state = .halfOpen(inFlight: inFlight - 1, successes: successes)
        case (.halfOpen(let inFlight, let successes), .success):
            if successes + 1 >= self.settings.trials {
                self.change(to: .closed)
            } else {
                self.state = .halfOpen(inFlight: inFlight - 1, successes: successes + 1)
            }
        case (.halfOpen, .failure): self.change(to: .open(until: now + self.settings.openFor))
        }
    }

    /// An operator closes it by hand.
    public mutating func reset() { self.change(to: .closed) }

    private mutating func count(failed severity: Severity?, at now: MonotonicInstant) {
        let opens: Bool
        switch self.settings.rule {
        case .consecutive(let failures):
            self.row = severity == nil ? 0 : self.row + 1
            opens = self.row >= failures
        case .countWindow(let calls, let minimum, let share):
            self.remember(failed: severity != nil, of: calls)
            opens = self.ring.count >= minimum && Double(self.ringFailures) >= share * Double(self.ring.count)
        case .severity(let least, let failures, let within):
            guard let severity, severity >= least else { return }
            self.severe.removeAll { now - $0 >= within }
            self.severe.append(now)
            opens = self.severe.count >= failures
        }
        if opens { self.change(to: .open(until: now + self.settings.openFor)) }
    }

    private mutating func remember(failed: Bool, of calls: Int) {
        self.ringFailures += failed ? 1 : 0
        guard self.ring.count == calls else { return self.ring.append(failed) }
        self.ringFailures -= self.ring[self.next] ? 1 : 0
        self.ring[self.next] = failed
        self.next = (self.next + 1) % calls
    }

    private mutating func change(to state: State) {
        self.state = state
        self.generation += 1
        self.row = 0
        self.ring.removeAll(keepingCapacity: true)
        self.next = 0
        self.ringFailures = 0
        self.severe.removeAll()
    }
}
