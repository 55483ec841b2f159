import ResilienceCore

/// Notices that the supervisor itself did not run: a starved or stopped process, a disk that held a turn up, a machine
/// that slept. What it saw meanwhile says little about anybody else.
struct StallDetector {
    /// Being late by less than this is ordinary.
    var threshold: Duration
    /// The turn that comes next should begin no later than this.
    private var expected: MonotonicInstant?
    /// How much later than it should have the last turn began.
    private(set) var late: Duration = .zero
    /// How long the turn before was, where it was too long.
    private var overrun: Duration = .zero
    private var suspended: Duration?

    init(threshold: Duration = .seconds(1)) {
        self.threshold = threshold
    }

    /// A turn begins.
    ///
    /// - Returns: how long the supervisor was away, where that is more than the threshold.
    mutating func began(at now: MonotonicInstant, suspended: Duration) -> Duration? {
        self.late = self.expected.map { max(.zero, now - $0) } ?? .zero
        let slept = self.suspended.map { suspended - $0 } ?? .zero
        self.suspended = suspended
        let away = [self.late, self.overrun, slept].filter { $0 > self.threshold }.reduce(.zero, +)
        self.overrun = .zero
        return away > .zero ? away : nil
    }

    /// A turn ended, and the loop asked to be run again at `next`.
    mutating func ended(began: MonotonicInstant, ended: MonotonicInstant, next: MonotonicInstant) {
        self.overrun = ended - began
        self.expected = max(ended, next)
    }
}
