import Glibc
import ResilienceCore

/// The two clocks as probes read them.
enum ProbeClock {
    /// `CLOCK_MONOTONIC`, the clock that decides everywhere.
    static func now() -> MonotonicInstant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Civil time; only for dates that a server names.
    static func wall() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }
}

extension Duration {
    /// For messages: `3 s`, `1.5 s`, `250 ms`.
    var brief: String {
        let milliseconds = (self.inNanoseconds + 500_000) / 1_000_000
        if milliseconds < 1_000 { return "\(milliseconds) ms" }
        let (seconds, rest) = milliseconds.quotientAndRemainder(dividingBy: 1_000)
        guard rest != 0 else { return "\(seconds) s" }
        var digits = String(1_000 + rest).dropFirst()
        while digits.hasSuffix("0") { digits = digits.dropLast() }
        return "\(seconds).\(digits) s"
    }
}
