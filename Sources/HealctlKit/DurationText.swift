import ResilienceCore

/// Durations as a person reads them.
public enum DurationText {
    /// Three digits that matter: `180 µs`, `38 ms`, `1.24 s`, `12.4 s`, `4m 12s`, `2h 5m`, `3d 4h`.
    public static func precise(_ duration: Duration) -> String {
        let nanoseconds = duration.inNanoseconds
        if nanoseconds < 0 { return "-" + self.precise(.nanoseconds(nanoseconds == .min ? .max : -nanoseconds)) }
        if nanoseconds == 0 { return "0 ms" }
        if nanoseconds < 999_500 { return "\((nanoseconds + 500) / 1_000) µs" }
        if nanoseconds < 999_500_000 { return "\((nanoseconds + 500_000) / 1_000_000) ms" }
        if nanoseconds < 9_995_000_000 {
            let hundredths = (nanoseconds + 5_000_000) / 10_000_000
            return "\(hundredths / 100).\((hundredths % 100).padded(2)) s"
        }
        if nanoseconds < 59_950_000_000 {
            let tenths = (nanoseconds + 50_000_000) / 100_000_000
            return "\(tenths / 10).\(tenths % 10) s"
        }
        return self.units((nanoseconds / 1_000_000_000) + (nanoseconds % 1_000_000_000 >= 500_000_000 ? 1 : 0))
    }

    /// One unit, rounded down, for saying how long ago something was: `12s`, `4m`, `2h`, `3d`.
    public static func coarse(_ duration: Duration) -> String {
        let seconds = duration.inNanoseconds / 1_000_000_000
        if seconds < 60 { return "\(seconds)s" }
        if seconds < 3_600 { return "\(seconds / 60)m" }
        if seconds < 48 * 3_600 { return "\(seconds / 3_600)h" }
        return "\(seconds / 86_400)d"
    }

    /// Time after the failure: `T+0.038 s`, `T+4m 12s`; before it `T-0.100 s`.
    public static func offset(_ duration: Duration) -> String {
        let nanoseconds = duration.inNanoseconds
        let sign = nanoseconds < 0 ? "-" : "+"
        let size = nanoseconds == .min ? .max : abs(nanoseconds)
        if size < 99_999_500_000 {
            let milliseconds = (size + 500_000) / 1_000_000
            return "T\(sign)\(milliseconds / 1_000).\((milliseconds % 1_000).padded(3)) s"
        }
        return "T\(sign)\(self.units(size / 1_000_000_000))"
    }

    /// From a minute up, the two greatest units.
    private static func units(_ seconds: Int64) -> String {
        func pair(_ first: Int64, _ firstUnit: String, _ second: Int64, _ secondUnit: String) -> String {
            second == 0 ? "\(first)\(firstUnit)" : "\(first)\(firstUnit) \(second)\(secondUnit)"
        }
        if seconds < 3_600 { return pair(seconds / 60, "m", seconds % 60, "s") }
        if seconds < 86_400 { return pair(seconds / 3_600, "h", seconds / 60 % 60, "m") }
        return pair(seconds / 86_400, "d", seconds / 3_600 % 24, "h")
    }
}
