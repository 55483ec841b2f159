import Glibc
import ResilienceCore

extension WallTime {
    /// The current time.
    public static func now() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }

    /// `2026-11-20T03:04:05.123456Z`: RFC 3339, UTC, microseconds.
    public var rfc3339: String {
        let (day, inDay) = self.microseconds.floorDivided(by: 86_400_000_000)
        let date = CivilDate(daysSinceEpoch: day)
        let seconds = inDay / 1_000_000
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
            + "T\(padded(seconds / 3_600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
            + ".\(padded(inDay % 1_000_000, 6))Z"
    }

    /// Reads RFC 3339 in UTC with up to nine digits of a second, or a date alone; digits below the microsecond are cut.
    ///
    /// - Returns: `nil` where the text is something else.
    public init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count, bytes[range].allSatisfy({ (48...57).contains($0) }) else {
                return nil
            }
            return Int64(String(decoding: bytes[range], as: UTF8.self))
        }
        func has(_ character: Unicode.Scalar, at index: Int) -> Bool {
            index < bytes.count && bytes[index] == UInt8(ascii: character)
        }
        guard let year = number(0..<4), has("-", at: 4), let month = number(5..<7), has("-", at: 7),
            let day = number(8..<10), let days = CivilDate(year: year, month: month, day: day).daysSinceEpoch
        else { return nil }
        let midnight = days * 86_400_000_000
        if bytes.count == 10 {
            self.init(microseconds: midnight)
            return
        }
        guard has("T", at: 10), let hour = number(11..<13), has(":", at: 13), let minute = number(14..<16),
            has(":", at: 16), let second = number(17..<19), hour < 24, minute < 60, second <= 60
        else { return nil }
        var end = 19
        var fraction: Int64 = 0
        if has(".", at: end) {
            let start = end + 1
            end = start
            while end < bytes.count, (48...57).contains(bytes[end]) { end += 1 }
            guard (1...9).contains(end - start) else { return nil }
            for index in start..<(start + 6) {
                fraction = fraction * 10 + (index < end ? Int64(bytes[index] - 48) : 0)
            }
        }
        guard has("Z", at: end), end + 1 == bytes.count else { return nil }
        self.init(microseconds: midnight + ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction)
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
        padded(time.microseconds.floorDivided(by: 1_000_000).remainder / 1_000, 3)
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

/// A day of the Gregorian calendar.
///
/// The conversion shifts the year to begin in March, so that the leap day comes last (an old calendar makers' device).
private struct CivilDate {
    var year: Int64
    var month: Int64
    var day: Int64

    init(year: Int64, month: Int64, day: Int64) {
        self.year = year
        self.month = month
        self.day = day
    }

    init(daysSinceEpoch: Int64) {
        // 719,468 days lie between 0000-03-01 and 1970-01-01; 146,097 make 400 years.
        let (era, dayOfEra) = (daysSinceEpoch + 719_468).floorDivided(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        self.day = dayOfYear - (153 * shifted + 2) / 5 + 1
        self.month = shifted < 10 ? shifted + 3 : shifted - 9
        self.year = yearOfEra + era * 400 + (self.month <= 2 ? 1 : 0)
    }

    /// `nil` where there is no such day.
    var daysSinceEpoch: Int64? {
        guard (1...12).contains(self.month), (1...31).contains(self.day) else { return nil }
        let shiftedYear = self.month <= 2 ? self.year - 1 : self.year
        let (era, yearOfEra) = shiftedYear.floorDivided(by: 400)
        let shiftedMonth = self.month > 2 ? self.month - 3 : self.month + 9
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + self.day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        let back = CivilDate(daysSinceEpoch: days)
        return back.month == self.month && back.day == self.day ? days : nil
    }
}

extension Int64 {
    /// Division whose remainder is never negative.
    fileprivate func floorDivided(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = self.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

/// A number with leading zeros.
func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
