import CSystemd
import Glibc

/// Civil time for people, always UTC.
enum UTCText {
    /// `2026-01-31T09:05:07.042Z`
    static func dateAndTime(microseconds: UInt64) -> String {
        let parts = Self.parts(microseconds)
        let date = "\(parts.tm_year + 1900)-\(Self.padded(parts.tm_mon + 1))-\(Self.padded(parts.tm_mday))"
        return "\(date)T\(Self.time(microseconds: microseconds))"
    }

    /// `09:05:07.042Z`
    static func time(microseconds: UInt64) -> String {
        let parts = Self.parts(microseconds)
        return "\(Self.padded(parts.tm_hour)):\(Self.padded(parts.tm_min)):\(Self.padded(parts.tm_sec))"
            + ".\(Self.padded(microseconds % 1_000_000 / 1_000, 3))Z"
    }

    static func now() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return UInt64(max(0, now.tv_sec)) * 1_000_000 + UInt64(now.tv_nsec) / 1_000
    }

    private static func parts(_ microseconds: UInt64) -> tm {
        var seconds = time_t(clamping: microseconds / 1_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        return parts
    }

    private static func padded(_ number: some BinaryInteger, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
