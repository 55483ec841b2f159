import Glibc
import ResilienceCore

/// A clock of any kind, read as nanoseconds since this was made.
struct ClockReading<C: Clock>: Sendable where C.Duration == Duration {
    let clock: C
    private let origin: C.Instant
    private let counter: Counter?

    init(_ clock: C) {
        self.clock = clock
        self.origin = clock.now
        self.counter = Counter(C.self)
    }

    var now: MonotonicInstant {
        if let counter { return counter.now }
        return MonotonicInstant(nanoseconds: self.origin.duration(to: self.clock.now).inNanoseconds)
    }

    /// - Parameter instant: as `now` reads it.
    func sleep(until instant: MonotonicInstant) async throws {
        try await self.clock.sleep(
            until: self.origin.advanced(by: .nanoseconds(instant.nanoseconds)), tolerance: nil)
    }
}

/// The counter of the kernel that a clock of the standard library reads: a call reads its clock several times, and by way
/// of the clock each costs three times as much.
///
/// - SeeAlso: clock_gettime(2).
private struct Counter: Sendable {
    private let id: clockid_t
    private let origin: Int64

    /// `nil` for any other clock.
    init?(_ clock: any Clock.Type) {
        switch clock {
        case is ContinuousClock.Type: self.id = CLOCK_BOOTTIME
        case is SuspendingClock.Type: self.id = CLOCK_MONOTONIC
        default: return nil
        }
        self.origin = Self.read(self.id)
    }

    var now: MonotonicInstant { MonotonicInstant(nanoseconds: Self.read(self.id) - self.origin) }

    private static func read(_ id: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(id, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
