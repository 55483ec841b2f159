import ResilienceCore

/// The machine's two clocks, seen from the true time of the simulation, which only ever goes on.
struct VirtualClock: Hashable, Sendable {
    /// True time, in nanoseconds since the simulation began.
    private(set) var now = MonotonicInstant(nanoseconds: 0)
    /// True time of the last boot: where CLOCK_MONOTONIC is a few seconds.
    private var bootedAt = MonotonicInstant(nanoseconds: 0)
    /// Added to CLOCK_MONOTONIC, as if the machine had been up for a while.
    private var uptimeAtBoot: Duration = .seconds(4_000)
    /// How far the wall clock was set away from where it began.
    private var wallOffset: Duration = .zero
    /// 2026-06-01T12:00:00Z.
    private static let wallAtBeginning = WallTime(microseconds: 1_780_315_200_000_000)

    /// Both clocks as a process on the machine reads them.
    var moment: Moment {
        Moment(
            monotonic: MonotonicInstant(nanoseconds: self.uptimeAtBoot.inNanoseconds) + (self.now - self.bootedAt),
            wall: self.wall)
    }

    var wall: WallTime {
        Self.wallAtBeginning + (self.now - MonotonicInstant(nanoseconds: 0)) + self.wallOffset
    }

    mutating func advance(to instant: MonotonicInstant) {
        precondition(instant >= self.now, "true time never goes back")
        self.now = instant
    }

    /// The wall clock is set, or the machine was suspended for a while: only the wall clock moves.
    mutating func moveWall(by duration: Duration) { self.wallOffset += duration }

    /// The machine boots: CLOCK_MONOTONIC begins anew.
    mutating func reboot() {
        self.bootedAt = self.now
        self.uptimeAtBoot = .seconds(3)
    }

    /// The true time at which CLOCK_MONOTONIC shows `instant`.
    func trueTime(of instant: MonotonicInstant) -> MonotonicInstant {
        self.bootedAt + (instant - MonotonicInstant(nanoseconds: self.uptimeAtBoot.inNanoseconds))
    }
}
