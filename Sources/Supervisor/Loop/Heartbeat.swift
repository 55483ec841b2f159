import ResilienceCore

/// What the loop does by the clock, besides the engine's deadlines. All of it happens in the loop's own turns: a loop
/// that hangs falls silent.
struct Heartbeat {
    /// How often the audit trail learns that the supervisor is alive.
    static let aliveEvery = Duration.seconds(10)
    /// At most this often the service manager is told a new status line.
    static let statusEvery = Duration.seconds(1)

    /// Half of what the service manager allows, as sd_watchdog_enabled(3) recommends.
    private let watchdogEvery: Duration?
    private var watchdogAt: MonotonicInstant?
    private var aliveAt: MonotonicInstant
    private var statusAt: MonotonicInstant
    private var statusIsStale = true

    init(watchdogInterval: Duration?, now: MonotonicInstant) {
        self.watchdogEvery = watchdogInterval.map { $0 / 2 }
        self.watchdogAt = watchdogInterval == nil ? nil : now
        self.aliveAt = now + Self.aliveEvery
        self.statusAt = now
    }

    /// Something happened that the status line may have to tell.
    mutating func statusChanged() { self.statusIsStale = true }

    mutating func watchdogIsDue(at now: MonotonicInstant) -> Bool {
        guard let due = self.watchdogAt, let every = self.watchdogEvery, due <= now else { return false }
        self.watchdogAt = now + every
        return true
    }

    mutating func aliveIsDue(at now: MonotonicInstant) -> Bool {
        guard self.aliveAt <= now else { return false }
        self.aliveAt = now + Self.aliveEvery
        return true
    }

    mutating func statusIsDue(at now: MonotonicInstant) -> Bool {
        guard self.statusIsStale, self.statusAt <= now else { return false }
        self.statusIsStale = false
        self.statusAt = now + Self.statusEvery
        return true
    }

    var next: MonotonicInstant {
        var next = self.aliveAt
        if let watchdogAt { next = min(next, watchdogAt) }
        if self.statusIsStale { next = min(next, self.statusAt) }
        return next
    }
}
