/// A point on the clock that decides.
///
/// The clock is `CLOCK_MONOTONIC`: it never jumps, is what systemd's `…TimestampMonotonic` properties use, and stands
/// still while the machine is suspended, so that nothing looks overdue after a resume.
///
/// - SeeAlso: clock_gettime(2).
public struct MonotonicInstant: Hashable, Comparable, Sendable, Codable {
    /// Nanoseconds on the clock; the zero is arbitrary (usually the boot).
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Saturates instead of trapping: a deadline too far away to represent is "never".
    public static func + (instant: Self, duration: Duration) -> Self {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.inNanoseconds)
        return Self(nanoseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    public static func - (instant: Self, duration: Duration) -> Self {
        let (difference, overflow) = instant.nanoseconds.subtractingReportingOverflow(duration.inNanoseconds)
        return Self(nanoseconds: overflow ? (duration < .zero ? .max : .min) : difference)
    }

    public static func - (left: Self, right: Self) -> Duration {
        let (difference, overflow) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
        return Duration.nanoseconds(overflow ? (left < right ? .min : .max) : difference)
    }
}

/// A point in civil time, UTC. It is recorded and shown; it never decides anything while the supervisor runs.
public struct WallTime: Hashable, Comparable, Sendable, Codable {
    /// Microseconds since 1970-01-01T00:00:00Z, the unit of systemd's timestamps.
    public var microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    public static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }

    public static func + (time: Self, duration: Duration) -> Self {
        let (sum, overflow) = time.microseconds.addingReportingOverflow(duration.inNanoseconds / 1_000)
        return Self(microseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    public static func - (left: Self, right: Self) -> Duration {
        let (difference, overflow) = left.microseconds.subtractingReportingOverflow(right.microseconds)
        return .microseconds(overflow ? (left < right ? .min : .max) : difference)
    }

    public init(from decoder: any Decoder) throws {
        self.microseconds = try decoder.singleValueContainer().decode(Int64.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.microseconds)
    }
}

/// One reading of both clocks, taken together at the edge of the process and handed inwards.
public struct Moment: Hashable, Sendable, Codable {
    /// Decides.
    public var monotonic: MonotonicInstant
    /// Is recorded.
    public var wall: WallTime

    public init(monotonic: MonotonicInstant, wall: WallTime) {
        self.monotonic = monotonic
        self.wall = wall
    }

    /// Where on this process's monotonic clock a wall time written down earlier lies, never in the future: a clock
    /// that was set back must not make an old action look as if it were still to come.
    public func monotonic(at earlier: WallTime) -> MonotonicInstant {
        self.monotonic - max(.zero, self.wall - earlier)
    }

    /// The wall time of a monotonic instant, by this reading.
    public func wall(at instant: MonotonicInstant) -> WallTime {
        self.wall + (instant - self.monotonic)
    }
}

extension Duration {
    /// The whole duration in nanoseconds, saturating at about ±292 years.
    public var inNanoseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowSum) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || overflowSum ? (seconds < 0 ? .min : .max) : sum
    }

    /// The duration in seconds, for reports; not for arithmetic that decides.
    public var inSeconds: Double { Double(self.inNanoseconds) / 1e9 }

    /// A duration scaled by a factor, saturating; a factor that is not a number counts as 1.
    public func scaled(by factor: Double) -> Duration {
        guard factor.isFinite else { return self }
        let product = Double(self.inNanoseconds) * factor
        if product >= 9.2e18 { return Duration.nanoseconds(Int64.max) }
        if product <= -9.2e18 { return Duration.nanoseconds(Int64.min) }
        return Duration.nanoseconds(Int64(product))
    }
}
