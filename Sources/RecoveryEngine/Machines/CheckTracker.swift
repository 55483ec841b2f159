import Policy
import ResilienceCore

/// What is known by one check: its streaks, its verdict and when it runs next.
struct CheckTracker: Sendable {
    var check: Check
    private(set) var verdict: Verdict = .unknown
    /// Consecutive results of each kind; a result of another kind ends the streak.
    private(set) var failures = 0
    private(set) var passes = 0
    private(set) var slow = 0
    private(set) var blanks = 0
    /// The newest `window.of` results, `true` for a failure.
    private var recent: [Bool] = []
    /// When the first failure (pass) of the present streak began.
    private(set) var failingSince: WallTime?
    private(set) var passingSince: WallTime?
    /// The newest failure, kept until the check is up again.
    private(set) var failure: Failure?
    private(set) var lastResult: CheckResult?
    private(set) var lastAt: WallTime?
    /// Until then failures do not count; a pass ends it early.
    var graceUntil: MonotonicInstant?

    /// The supervisor stood still since its last result.
    var isStale = false

    /// When the next probe is due; `nil` for unit checks, which signals drive, and for disabled ones.
    var nextProbeAt: MonotonicInstant?
    /// The probe that has not answered yet.
    var outstanding: UInt64?
    var probeStartedAt: MonotonicInstant?
    /// What it said lately, where rates or percentiles are asked for.
    private(set) var history: ResultHistory?
    /// Of heartbeat checks.
    var pulse: Pulse?
    /// It counts only through a composite check.
    var isMember = false

    /// Its verdict is part of the component's.
    var counts: Bool { self.check.enabled && !self.isMember }

    /// - Parameter start: when the program may be expected to work.
    init(check: Check, from start: MonotonicInstant) {
        self.check = check
        if case .heartbeat(let heartbeat) = check.kind { self.pulse = Pulse(heartbeat, from: start) }
    }

    /// Something does not fit: look more often.
    var isInDoubt: Bool {
        switch self.verdict {
        case .up: self.failures > 0
        case .degraded: self.failures > 0 || self.passes > self.slow
        case .down, .unknown: true
        }
    }

    /// A streak of failures has begun that has not decided yet.
    var isSuspicious: Bool { self.failures > 0 && self.verdict != .down }

    /// What it said last was a failure, whatever that decides.
    var isFailing: Bool { self.verdict == .down || self.failures > 0 || self.lastResult?.verdict == .down }

    /// Takes in one result of a probe.
    mutating func take(_ result: CheckResult, at now: Moment) {
        self.isStale = false
        self.lastResult = result
        self.lastAt = now.wall
        switch result.verdict {
        case .up, .degraded:
            self.takePass(result, at: now)
            self.history?.add(result, at: now.monotonic)
        case .down:
            self.takeFailure(result, at: now)
            // Within the grace of a start it says nothing.
            if self.graceUntil == nil { self.history?.add(result, at: now.monotonic) }
        case .unknown:
            self.blanks += 1
            if self.blanks >= self.check.fall { self.forget() }
        }
    }

    private mutating func takePass(_ result: CheckResult, at now: Moment) {
        self.graceUntil = nil
        self.blanks = 0
        self.failures = 0
        self.failingSince = nil
        self.remember(failed: false)
        if self.passes == 0 { self.passingSince = now.wall(at: result.finishedAt) }
        self.passes += 1
        if result.verdict == .degraded {
            self.slow += 1
            self.failure = result.failure ?? Failure(reason: .timeout, message: "slower than it should be")
        } else {
            self.slow = 0
        }
        guard self.passes >= self.check.rise else { return }
        if self.slow >= self.check.fall || (self.slow > 0 && self.verdict != .up) {
            self.verdict = .degraded
        } else if self.passes - self.slow >= self.check.rise || self.verdict == .up {
            self.verdict = .up
            if self.slow == 0 { self.failure = nil }
        }
    }

    private mutating func takeFailure(_ result: CheckResult, at now: Moment) {
        self.blanks = 0
        if let graceUntil, now.monotonic < graceUntil {
            self.failure = result.failure
            return
        }
        self.graceUntil = nil
        self.passes = 0
        self.slow = 0
        self.passingSince = nil
        self.failure = result.failure ?? Failure(reason: .other, message: "failed without saying why")
        if self.failures == 0 { self.failingSince = now.wall(at: result.startedAt) }
        self.failures += 1
        self.remember(failed: true)
        let windowFull = self.check.window.map { self.recent.count(where: { $0 }) >= $0.failures } ?? false
        if self.failures >= self.check.fall || windowFull { self.verdict = .down }
    }

    private mutating func remember(failed: Bool) {
        guard let window = self.check.window else { return }
        self.recent.append(failed)
        if self.recent.count > window.of { self.recent.removeFirst(self.recent.count - window.of) }
    }

    /// What systemd says of the unit decides at once: `fall` and `rise` are 1.
    ///
    /// - Parameter since: when it became so.
    mutating func takeUnit(_ verdict: Verdict, failure: Failure?, since: WallTime, at now: Moment) {
        self.lastAt = now.wall
        guard verdict != self.verdict || failure != self.failure else { return }
        self.verdict = verdict
        self.failure = failure
        self.passingSince = verdict == .up ? since : nil
        self.failingSince = verdict == .down ? since : nil
    }

    /// A composite's verdict follows that of its members at once, without thresholds.
    mutating func follow(
        _ verdict: Verdict, failure: Failure?, passingSince: WallTime?, failingSince: WallTime?, isStale: Bool,
        at now: Moment
    ) {
        if verdict != self.verdict { self.lastAt = now.wall }
        self.verdict = verdict
        self.failure = failure
        self.passingSince = passingSince
        self.failingSince = failingSince
        self.isStale = isStale
    }

    /// - Parameter within: `nil`: nobody asks for what it said.
    mutating func keepHistory(for within: Duration?) {
        guard let within else {
            self.history = nil
            return
        }
        if self.history == nil { self.history = ResultHistory(within: within) }
        self.history?.within = within
    }

    /// Nothing is known any more: what was seen was of another time. Needs `rise` passes or `fall` failures anew.
    mutating func forget() {
        self.verdict = .unknown
        self.failures = 0
        self.passes = 0
        self.slow = 0
        self.blanks = 0
        self.recent.removeAll(keepingCapacity: true)
        self.history?.forget()
        self.failingSince = nil
        self.passingSince = nil
    }

    /// Down by a rule from outside: it did not prove itself in time.
    mutating func declareDown(_ failure: Failure, at now: Moment) {
        self.verdict = .down
        self.failure = failure
        self.failingSince = self.failingSince ?? now.wall
        self.graceUntil = nil
    }

    /// The present streak of failures may be our own doing; the verdict stays.
    mutating func doubtStreak() {
        self.history?.forget()
        guard self.verdict != .down else { return }
        self.failures = 0
        self.recent.removeAll(keepingCapacity: true)
        self.failingSince = nil
    }
}
