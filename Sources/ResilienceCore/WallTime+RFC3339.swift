extension WallTime {
    package static let microsecondsPerDay: Int64 = 86_400_000_000

    /// Days since 1970-01-01, UTC, rounded down.
    package var day: Int64 { self.microseconds.floorDivided(by: Self.microsecondsPerDay).quotient }

    /// RFC 3339 in UTC with microseconds: `2026-11-20T23:05:00.000123Z`. Years outside 0000...9999, which no clock shows,
    /// are clamped, so that the form never changes.
    package var rfc3339: String {
        let clamped = min(max(self.microseconds, -62_167_219_200_000_000), 253_402_300_799_999_999)
        let (day, inDay) = clamped.floorDivided(by: Self.microsecondsPerDay)
        let date = CivilDate(daysSinceEpoch: day)
        let seconds = inDay / 1_000_000
        return date.year.padded(4) + "-" + date.month.padded(2) + "-" + date.day.padded(2) + "T"
            + (seconds / 3_600).padded(2) + ":" + (seconds / 60 % 60).padded(2) + ":" + (seconds % 60).padded(2) + "."
            + (inDay % 1_000_000).padded(6) + "Z"
    }

    /// Reads RFC 3339 in UTC with up to nine digits of a second, or a date alone; digits below the microsecond are cut.
    ///
    /// - Returns: `nil` where the text is something else.
    package init?(rfc3339 text: String) {
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
        let midnight = days * Self.microsecondsPerDay
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
