import ResilienceCore

/// Wall times as people and programs read them.
enum CivilTime {
    static let microsecondsPerDay: Int64 = 86_400_000_000

    /// RFC 3339 in UTC with microseconds: `2026-11-20T23:05:00.000123Z`. Years outside 0000...9999, which no clock
    /// shows, are clamped, so that the form never changes.
    static func rfc3339(_ time: WallTime) -> String {
        let clamped = min(max(time.microseconds, -62_167_219_200_000_000), 253_402_300_799_999_999)
        let day = Self.day(of: clamped)
        let rest = clamped - day * Self.microsecondsPerDay
        let (year, month, dayOfMonth) = Self.date(day)
        var text = Self.padded(year, 4)
        text += "-" + Self.padded(month, 2) + "-" + Self.padded(dayOfMonth, 2) + "T"
        text += Self.padded(rest / 3_600_000_000, 2) + ":" + Self.padded(rest / 60_000_000 % 60, 2) + ":"
        text += Self.padded(rest / 1_000_000 % 60, 2) + "." + Self.padded(rest % 1_000_000, 6) + "Z"
        return text
    }

    /// For file names: `20261120T230500Z`.
    static func compact(_ time: WallTime) -> String {
        String(Self.rfc3339(time).prefix(19).filter { $0 != "-" && $0 != ":" }) + "Z"
    }

    /// Days since 1970-01-01, UTC, rounded down.
    static func day(of microseconds: Int64) -> Int64 {
        let quotient = microseconds / Self.microsecondsPerDay
        return microseconds % Self.microsecondsPerDay < 0 ? quotient - 1 : quotient
    }

    /// The civil date of a day number (proleptic Gregorian), by eras of 400 years that begin on 1 March.
    private static func date(_ day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfMonth)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
