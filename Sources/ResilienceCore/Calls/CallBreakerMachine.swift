/// A breaker around calls that overlap: CLOSED → OPEN → HALF_OPEN → CLOSED; a pure value whose time is handed in.
///
/// Beside `CircuitBreakerMachine`, which counts tries made one after the other: here every call holds a permit, so that
/// the result of a call begun in an earlier state is not counted in a later one.
///
/// Times are asked for by closures, and only where they decide: a closed breaker of most rules reads no clock.
public struct CallBreakerMachine: Hashable, Sendable {
    /// What it lets pass.
    public enum State: Hashable, Sendable {
        /// Everything passes. To: `open`, `forcedOpen`, `forcedClosed`.
        case closed
        /// Nothing passes. To: `halfOpen` when the time has come, `closed` by reset, `forcedOpen`, `forcedClosed`.
        case open(until: MonotonicInstant)
        /// Trials pass, at the share of this step. To: `closed` after enough successes, `open` at the first failure or
        /// where trials hang, `closed` by reset, `forcedOpen`, `forcedClosed`.
        case halfOpen(step: Int, inFlight: Int, successes: Int)
        /// Nothing passes until a hand says so. To: `closed` by reset, `forcedClosed`.
        case forcedOpen
        /// Everything passes and nothing counts until a hand says so. To: `closed` by reset, `forcedOpen`.
        case forcedClosed

        /// The state without its data.
        public var kind: BreakerStateKind {
            switch self {
            case .closed: .closed
            case .open: .open
            case .halfOpen: .halfOpen
            case .forcedOpen: .forcedOpen
            case .forcedClosed: .forcedClosed
            }
        }
    }

    /// How one call ended.
    public enum Outcome: Hashable, Sendable {
        case success
        case failure(Severity)
        /// Says nothing of the other side: a cancelled caller, an error that does not count.
        case ignored
    }

    /// The right to make one call; handed back exactly once to `finish`.
    public struct Permit: Hashable, Sendable {
        @usableFromInline let generation: UInt64
        /// Only where slowness counts.
        @usableFromInline let beganAt: MonotonicInstant?

        @inlinable init(generation: UInt64, beganAt: MonotonicInstant?) {
            self.generation = generation
            self.beganAt = beganAt
        }
    }

    /// What passes now.
    public private(set) var state: State = .closed
    /// What it goes by.
    public let settings: BreakerSettings
    /// The last change of state; `nil` before the first.
    public private(set) var lastChange: BreakerTransition?
    /// How many changes of state there were: whoever tells of them compares it before and after.
    public private(set) var changes: UInt64 = 0
    /// How often in a row it opened without a recovery that held.
    public private(set) var level = 0
    /// Grows with each change and each reset, so that a late result finds its permit void.
    private var generation: UInt64 = 0
    private var tally: CallTally
    private var closedAt: MonotonicInstant?
    private var lastOpenTime = Duration.zero
    private var lastTrialAt: MonotonicInstant?
    /// Hundredths of a call that the ramp has saved up; a call passes at 100.
    private var credit = 0

    /// A closed breaker.
    public init(settings: BreakerSettings) {
        self.settings = settings
        self.tally = CallTally(rule: settings.rule, slow: settings.slow)
    }

    /// What may be known of it without holding it; to be kept in step with it, and asked before it.
    public var glance: BreakerGlance {
        switch self.state {
        case .closed where self.settings.slow == nil:
            BreakerGlance(
                generation: self.generation, letsPass: true, isDeafToSuccess: self.tally.isDeafToSuccess)
        case .forcedClosed where self.settings.slow == nil:
            BreakerGlance(generation: self.generation, letsPass: true, isDeafToSuccess: true)
        case .closed, .forcedClosed, .open, .halfOpen, .forcedOpen: BreakerGlance(generation: self.generation)
        }
    }

    /// A permit, or `nil` where the call must not be made.
    public mutating func admit(at now: () -> MonotonicInstant) -> Permit? {
        switch self.state {
        case .closed, .forcedClosed: return self.permit(at: now)
        case .forcedOpen: return nil
        case .open(let until):
            let instant = now()
            guard instant >= until else { return nil }
            self.enterHalfOpen(at: instant)
            return self.admitTrial(at: instant)
        case .halfOpen: return self.admitTrial(at: now())
        }
    }

    /// Counts how a call ended, unless the state has changed since it began.
    public mutating func finish(_ permit: Permit, _ outcome: Outcome, at now: () -> MonotonicInstant) {
        guard permit.generation == self.generation else { return }
        switch (self.state, outcome) {
        case (.open, _), (.forcedOpen, _), (.forcedClosed, _), (.closed, .ignored): break
        case (.closed, .success): self.count(nil, permit, at: now)
        case (.closed, .failure(let severity)): self.count(severity, permit, at: now)
        case (.halfOpen(let step, let inFlight, let successes), .ignored):
            self.state = .halfOpen(step: step, inFlight: inFlight - 1, successes: successes)
        case (.halfOpen(let step, let inFlight, let successes), .success):
            if self.isSlow(permit, at: now) {
                self.openAgain(.slowCalls, at: now())
            } else {
                self.passTrial(step: step, inFlight: inFlight - 1, successes: successes + 1, at: now)
            }
        case (.halfOpen, .failure): self.openAgain(.trialFailed, at: now())
        }
    }

    /// How long until a call may pass; `nil` where none is known: it passes already, or a hand keeps it open.
    public func triesAgainIn(at now: MonotonicInstant) -> Duration? {
        guard case .open(let until) = self.state else { return nil }
        return max(.zero, until - now)
    }

    /// An operator closes it; it forgets what it counted and how often it opened.
    public mutating func reset(at now: MonotonicInstant) {
        self.level = 0
        self.change(to: .closed, .reset, at: now)
        self.closedAt = nil
    }

    /// An operator keeps it open until `reset` or `forceClose`.
    public mutating func forceOpen(at now: MonotonicInstant) { self.change(to: .forcedOpen, .forced, at: now) }

    /// An operator keeps it closed, whatever fails, until `reset` or `forceOpen`.
    public mutating func forceClose(at now: MonotonicInstant) { self.change(to: .forcedClosed, .forced, at: now) }

    // MARK: State as a value

    /// What has to be kept to go on after a restart.
    public func snapshot(at now: MonotonicInstant) -> BreakerSnapshot {
        let left: Duration =
            switch self.state {
            case .open(let until): max(.zero, until - now)
            case .closed, .halfOpen, .forcedOpen, .forcedClosed: .zero
            }
        return BreakerSnapshot(
            state: self.state.kind, openLeft: left, level: self.level, failuresInRow: self.tally.failuresInRow)
    }

    /// Goes on from an earlier run. One that was half-open tries again at once; windows begin empty.
    ///
    /// - Parameter downFor: how long nothing ran in between, as far as is known; that much of an open time has passed.
    public mutating func restore(_ snapshot: BreakerSnapshot, downFor: Duration, at now: MonotonicInstant) {
        self.level = min(max(0, snapshot.level), Self.levelMax)
        switch snapshot.state {
        case .closed:
            self.change(to: .closed, .restored, at: now)
            self.tally.restore(failuresInRow: snapshot.failuresInRow)
        case .open, .halfOpen:
            self.lastOpenTime = self.settings.openTime(level: self.level)
            let left = min(max(.zero, snapshot.openLeft - max(.zero, downFor)), self.lastOpenTime)
            self.change(to: .open(until: now + left), .restored, at: now)
        case .forcedOpen: self.change(to: .forcedOpen, .restored, at: now)
        case .forcedClosed: self.change(to: .forcedClosed, .restored, at: now)
        }
    }

    // MARK: Trials

    private mutating func admitTrial(at now: MonotonicInstant) -> Permit? {
        guard case .halfOpen(let step, let inFlight, let successes) = self.state else { return nil }
        let plan = self.settings.halfOpen
        guard inFlight + successes < plan.callsPerStep else {
            if let lastTrialAt, now - lastTrialAt >= self.settings.hungAfter { self.openAgain(.trialHung, at: now) }
            return nil
        }
        self.credit += plan.percent(at: step)
        guard self.credit >= 100 else { return nil }
        self.credit -= 100
        self.lastTrialAt = now
        self.state = .halfOpen(step: step, inFlight: inFlight + 1, successes: successes)
        return self.permit { now }
    }

    private mutating func passTrial(step: Int, inFlight: Int, successes: Int, at now: () -> MonotonicInstant) {
        let plan = self.settings.halfOpen
        guard successes >= plan.callsPerStep else {
            self.state = .halfOpen(step: step, inFlight: inFlight, successes: successes)
            return
        }
        guard step + 1 < plan.steps else {
            let instant = now()
            self.change(to: .closed, .trialsPassed, at: instant)
            self.closedAt = instant
            return
        }
        // As many trials pass as must succeed, so that none of them is still under way here.
        self.state = .halfOpen(step: step + 1, inFlight: inFlight, successes: 0)
    }

    private mutating func enterHalfOpen(at now: MonotonicInstant) {
        self.change(to: .halfOpen(step: 0, inFlight: 0, successes: 0), .timeToTry, at: now)
        self.lastTrialAt = nil
        // The first call passes whatever the share.
        self.credit = 100 - self.settings.halfOpen.percent(at: 0)
    }

    // MARK: Counting

    private func permit(at now: () -> MonotonicInstant) -> Permit {
        Permit(generation: self.generation, beganAt: self.settings.slow == nil ? nil : now())
    }

    private func isSlow(_ permit: Permit, at now: () -> MonotonicInstant) -> Bool {
        guard let slow = self.settings.slow, let beganAt = permit.beganAt else { return false }
        return now() - beganAt > slow.longerThan
    }

    private mutating func count(_ severity: Severity?, _ permit: Permit, at now: () -> MonotonicInstant) {
        switch self.tally.count(severity, slow: self.isSlow(permit, at: now), at: now) {
        case nil: break
        case .failures: self.openFirst(.failures, at: now())
        case .slowCalls: self.openFirst(.slowCalls, at: now())
        }
    }

    /// More makes no open time longer; bounds the work of finding it.
    private static let levelMax = 1_000

    /// A recovery that held for as long as it had been open ends the row of openings.
    private mutating func openFirst(_ cause: BreakerTransition.Cause, at now: MonotonicInstant) {
        guard let closedAt, now - closedAt < self.lastOpenTime else { return self.open(level: 0, cause, at: now) }
        self.open(level: self.level + 1, cause, at: now)
    }

    private mutating func openAgain(_ cause: BreakerTransition.Cause, at now: MonotonicInstant) {
        self.open(level: self.level + 1, cause, at: now)
    }

    private mutating func open(level: Int, _ cause: BreakerTransition.Cause, at now: MonotonicInstant) {
        self.level = min(level, Self.levelMax)
        self.lastOpenTime = self.settings.openTime(level: self.level)
        self.change(to: .open(until: now + self.lastOpenTime), cause, at: now)
    }

    private mutating func change(to state: State, _ cause: BreakerTransition.Cause, at now: MonotonicInstant) {
        if state.kind != self.state.kind {
            self.lastChange = BreakerTransition(from: self.state.kind, to: state.kind, cause: cause, at: now)
            self.changes += 1
        }
        self.state = state
        self.generation += 1
        self.tally.clear()
    }
}
