import ResilienceCore

/// Text from services, made harmless for whoever reads it: terminals, log viewers, chat programs.
///
/// Control characters (C0, C1, DEL), line separators and the marks that turn the reading direction around are written
/// as visible escapes, so that no text can forge a second line, move a cursor or hide what it says.
enum SafeText {
    /// Longest text of one alert, in bytes.
    static let bytesMax = 2_048

    static func escaped(_ text: String, bytesMax: Int = SafeText.bytesMax) -> String {
        var result = ""
        var size = 0
        for scalar in text.unicodeScalars {
            let piece = Self.isHarmful(scalar) ? Self.escape(scalar) : String(scalar)
            guard size + piece.utf8.count <= bytesMax else { return result + "…" }
            result += piece
            size += piece.utf8.count
        }
        return result
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1F, 0x7F...0x9F: true  // controls
        case 0xAD, 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true  // unseen, or turn the text
        case 0xFFF9...0xFFFB, 0xE0000...0xE007F: true  // annotations and tags
        default: false
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
        }
    }
}

extension WallTime {
    /// RFC 3339, UTC, microseconds: `2026-11-20T23:04:05.000123Z`.
    var rfc3339: String {
        let (seconds, micros) = Self.floorDivide(self.microseconds, 1_000_000)
        let (days, secondOfDay) = Self.floorDivide(seconds, 86_400)
        let (year, month, day) = Self.civil(fromDays: days)
        func padded(_ value: Int64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2) + "T"
            + padded(secondOfDay / 3600, 2) + ":" + padded(secondOfDay / 60 % 60, 2) + ":" + padded(secondOfDay % 60, 2)
            + "." + padded(micros, 6) + "Z"
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    /// The proleptic Gregorian date, counted in eras of 400 years that begin on a 1 March, so that the leap day is the
    /// last of its year.
    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = Self.floorDivide(days + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}
