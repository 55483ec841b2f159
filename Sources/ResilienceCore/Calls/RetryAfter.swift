/// How long a server asks to be left alone: the value of a `Retry-After`, which is seconds or a date.
///
/// - SeeAlso: RFC 9110, 10.2.3 and, for the one form of dates that may be sent, 5.6.7.
public enum RetryAfter {
    /// - Parameters:
    ///   - value: as it was sent.
    ///   - longest: nobody is obeyed for longer.
    /// - Returns: `nil` where the value is neither; zero where the date has passed.
    public static func parse(_ value: [UInt8], now: WallTime, longest: Duration) -> Duration? {
        if !value.isEmpty, value.allSatisfy(Self.isDigit) {
            guard value.count <= 9, let seconds = Int64(String(decoding: value, as: UTF8.self)) else { return longest }
            return min(longest, .seconds(seconds))
        }
        guard let date = self.date(value) else { return nil }
        return min(longest, max(.zero, date - now))
    }

    /// An IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
    private static func date(_ value: [UInt8]) -> WallTime? {
        guard value.count == 29 else { return nil }
        let text = String(decoding: value, as: UTF8.self)
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 6, words[0].utf8.count == 4, words[0].hasSuffix(","), words[5] == "GMT",
            let day = self.number(words[1], digits: 2), let month = self.months.firstIndex(of: words[2]),
            let year = self.number(words[3], digits: 4)
        else { return nil }
        let clock = words[4].split(separator: ":", omittingEmptySubsequences: false).map {
            self.number(String($0), digits: 2)
        }
        guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2],
            hour < 24, minute < 60, second <= 60,
            let days = CivilDate(year: Int64(year), month: Int64(month) + 1, day: Int64(day)).daysSinceEpoch
        else { return nil }
        return WallTime(microseconds: (days * 86_400 + Int64(hour * 3_600 + minute * 60 + second)) * 1_000_000)
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func number(_ text: String, digits: Int) -> Int? {
        text.utf8.count == digits && text.utf8.allSatisfy(Self.isDigit) ? Int(text) : nil
    }
}
