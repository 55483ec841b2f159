import Glibc
import ResilienceCore

extension WallTime {
    /// The current time.
    public static func now() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }
}

/// Times as a person reads them: in the machine's time zone, as the journal shows them.
public struct TimeText: Sendable {
    public var now: WallTime
    /// Show UTC instead of the time zone of the machine (or of `TZ`).
    public var isUTC: Bool

    public init(now: WallTime, isUTC: Bool = false) {
        self.now = now
        self.isUTC = isUTC
    }

    /// `2026-11-20 03:04:05.123 UTC`.
    public func full(_ time: WallTime) -> String {
        let (text, zone) = self.broken(time, "%Y-%m-%d %H:%M:%S")
        return "\(text).\(self.milliseconds(time)) \(zone)"
    }

    /// `03:04:05.123`.
    public func clock(_ time: WallTime) -> String {
        "\(self.broken(time, "%H:%M:%S").text).\(self.milliseconds(time))"
    }

    /// `Nov 20 03:04:05`; with the year instead of the time of day where the year is another.
    public func short(_ time: WallTime) -> String {
        let year = self.broken(time, "%Y").text
        return year == self.broken(self.now, "%Y").text
            ? self.broken(time, "%b %d %H:%M:%S").text : self.broken(time, "%Y-%m-%d %H:%M").text
    }

    /// `12m ago`, `in 3h`, `just now`.
    public func relative(_ time: WallTime) -> String {
        let distance = self.now - time
        if distance < .zero { return "in \(DurationText.coarse(.zero - distance))" }
        return distance < .seconds(1) ? "just now" : "\(DurationText.coarse(distance)) ago"
    }

    private func milliseconds(_ time: WallTime) -> String {
        (time.microseconds.floorDivided(by: 1_000_000).remainder / 1_000).padded(3)
    }

    private func broken(_ time: WallTime, _ format: String) -> (text: String, zone: String) {
        var seconds = time_t(time.microseconds.floorDivided(by: 1_000_000).quotient)
        var parts = tm()
        if self.isUTC { gmtime_r(&seconds, &parts) } else { localtime_r(&seconds, &parts) }
        return (Self.format(&parts, format), self.isUTC ? "UTC" : Self.format(&parts, "%Z"))
    }

    private static func format(_ parts: inout tm, _ format: String) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        let count = strftime(&buffer, buffer.count, format, &parts)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
