import Policy
import ResilienceCore

/// What a heartbeat check has heard of its program.
struct Pulse: Sendable {
    private let every: Duration
    private let phi: Double?
    private var rhythm: PhiAccrual
    private(set) var last: MonotonicInstant?
    /// Without a report so far, the first is due then.
    private var firstDueAt: MonotonicInstant
    /// How long the silence may last now.
    private(set) var allowance: Duration
    /// Until then a silence may be the supervisor's own fault: it did not run, so it heard nothing.
    private var excusedUntil: MonotonicInstant?
    /// The interval that is under way says nothing about the rhythm.
    private var isInterrupted = false

    /// - Parameter start: when the program may be expected to work.
    init(_ check: HeartbeatCheck, from start: MonotonicInstant) {
        self.every = check.every
        self.phi = check.phi
        self.rhythm = PhiAccrual(expected: check.every)
        self.firstDueAt = start + check.every
        self.allowance = check.every
        self.adapt()
    }

    /// From then on the silence is too long.
    var dueAt: MonotonicInstant {
        let due = self.last.map { $0 + self.allowance } ?? self.firstDueAt
        return self.excusedUntil.map { max($0, due) } ?? due
    }

    mutating func beat(at now: MonotonicInstant) {
        if let last = self.last, !self.isInterrupted, now < last + self.allowance {
            self.rhythm.learn(now - last)
            self.adapt()
        }
        self.last = now
        self.isInterrupted = false
        self.excusedUntil = nil
    }

    /// Another process has taken its place, or ought to have: what the last one said says nothing of it.
    mutating func awaitFirst(from start: MonotonicInstant) {
        self.last = nil
        self.firstDueAt = start + self.every
        self.excusedUntil = nil
    }

    /// The supervisor did not run for so long, and the reports of that time may be lost. As long again, and no longer
    /// than one report may take, a silence is not held against the program.
    mutating func excuse(_ duration: Duration, at now: MonotonicInstant) {
        self.isInterrupted = true
        self.excusedUntil = now + min(duration, self.allowance)
    }

    /// What the silence, or its absence, says now.
    func look(at now: MonotonicInstant) -> CheckResult {
        let overdue = self.last.map { now >= $0 + self.allowance } ?? (now >= self.firstDueAt)
        guard overdue else {
            return CheckResult(verdict: self.last == nil ? .unknown : .up, startedAt: now, finishedAt: now)
        }
        guard now >= self.dueAt else { return CheckResult(verdict: .unknown, startedAt: now, finishedAt: now) }
        let message =
            self.last.map {
                "no heartbeat for \((now - $0).brief); the longest silence allowed is \(self.allowance.brief)"
            } ?? "no heartbeat at all; the first was due within \(self.every.brief) of the start"
        return CheckResult(
            verdict: .down, failure: Failure(reason: .stalled, message: message), startedAt: now, finishedAt: now)
    }

    private mutating func adapt() {
        guard let phi = self.phi else { return }
        let unlikely = self.rhythm.silence(reaching: phi)
        self.allowance = min(max(self.every, unlikely), self.every * HeartbeatCheck.patienceMost)
    }
}
