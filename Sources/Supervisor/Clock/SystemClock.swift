import Glibc
import ResilienceCore

/// The machine's clocks: `CLOCK_MONOTONIC` decides, `CLOCK_REALTIME` is recorded.
///
/// - SeeAlso: clock_gettime(2).
public struct SystemClock: SupervisorClock {
    public init() {}

    public func now() -> Moment {
        Moment(
            monotonic: MonotonicInstant(nanoseconds: Self.read(CLOCK_MONOTONIC)),
            wall: WallTime(microseconds: Self.read(CLOCK_REALTIME) / 1_000))
    }

    public func sleep(until deadline: MonotonicInstant) async throws {
        let left = deadline - self.now().monotonic
        if left > .zero { try await Task.sleep(for: left) }
    }

    /// `CLOCK_BOOTTIME` runs on while the machine sleeps and is otherwise the same as `CLOCK_MONOTONIC`.
    public var suspended: Duration {
        .nanoseconds(Self.read(CLOCK_BOOTTIME) - Self.read(CLOCK_MONOTONIC))
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // It fails only for a clock that the kernel does not have; these three it always has.
        _ = clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
