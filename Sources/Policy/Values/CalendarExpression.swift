import ResilienceCore

/// When something recurs, in the notation of systemd: `Mon..Fri 02:00`, `*-*-01 04:30`, `Sat *-*-1..7 03:00 UTC`.
///
/// Of systemd's notation it leaves out fractions of seconds, `@` timestamps, years of two digits and time zones other
/// than the machine's own and UTC.
///
/// - SeeAlso: systemd.time(7), "Calendar events".
public struct CalendarExpression: Hashable, Sendable {
    /// As it was written.
    public let text: String
    /// `UTC` was written; otherwise the machine's own time.
    public let isUTC: Bool
    var weekdays: Set<Int> = Set(0...6)  // 0 is Monday
    var years = CalendarField.all
    var months = CalendarField.all
    var days = CalendarField.all
    /// The days count back from the end of the month, 1 being its last.
    var countsDaysBack = false
    var hours = CalendarField.all
    var minutes = CalendarField.all
    var seconds = CalendarField.all

    /// The years that systemd knows.
    static let knownYears = 1970...2199

    /// The first time that it stands for after an instant; `nil` where there is none any more.
    ///
    /// - Parameter offset: how far the machine's own time is ahead of UTC at an instant, in seconds; both count from
    ///   1970. A civil time that a change of that offset leaves out never comes.
    public func next(after instant: WallTime, offset: (Int64) -> Int64) -> WallTime? {
        let start = instant.wholeSeconds + 1
        let ahead = self.isUTC ? { _ in 0 } : offset
        let first = CivilDay.number(of: start + ahead(start))
        let hours = self.hours.values(in: 0...23)
        let minutes = self.minutes.values(in: 0...59)
        let seconds = self.seconds.values(in: 0...59)
        // A day more to both sides: what an offset's change moves over midnight.
        var day = self.matchingDay(from: first - 1)
        while let found = day {
            for hour in hours {
                for minute in minutes {
                    let civil = found * 86_400 + Int64(hour * 3_600 + minute * 60)
                    // Clocks are set back by less.
                    if civil + 60 < start + ahead(start) - 3 * 3_600 { continue }
                    for second in seconds {
                        if let time = Self.instant(of: civil + Int64(second), from: start, ahead) {
                            return WallTime(microseconds: time * 1_000_000)
                        }
                    }
                }
            }
            day = self.matchingDay(from: found + 1)
        }
        return nil
    }

    /// The earliest instant, not before another, at which clocks show a civil time; `nil` where they never do.
    private static func instant(of civil: Int64, from start: Int64, _ ahead: (Int64) -> Int64) -> Int64? {
        let guesses = [civil - ahead(civil - 86_400), civil - ahead(civil + 86_400)]
        return guesses.filter { $0 >= start && $0 + ahead($0) == civil }.min()
    }

    private func matchingDay(from first: Int64) -> Int64? {
        var date = CivilDay(first)
        while date.year <= Self.knownYears.upperBound {
            guard self.years.contains(date.year), self.months.contains(date.month) else {
                date = date.firstOfNextMonth
                continue
            }
            let length = date.monthLength
            for day in date.day...length {
                let number = date.number + Int64(day - date.day)
                let counted = self.countsDaysBack ? length - day + 1 : day
                if self.days.contains(counted), self.weekdays.contains(CivilDay.weekday(of: number)) { return number }
            }
            date = date.firstOfNextMonth
        }
        return nil
    }
}

/// One place of a calendar expression: any value, or some.
struct CalendarField: Hashable, Sendable {
    /// A value or a range, every `step`.
    struct Part: Hashable, Sendable {
        var from: Int
        var through: Int
        var step: Int
    }

    /// Empty: any.
    var parts: [Part] = []
    static let all = CalendarField()

    func contains(_ value: Int) -> Bool {
        self.parts.isEmpty
            || self.parts.contains { $0.from <= value && value <= $0.through && (value - $0.from) % $0.step == 0 }
    }

    func values(in range: ClosedRange<Int>) -> [Int] { range.filter(self.contains) }
}

/// A day as a calendar expression counts it.
struct CivilDay: Hashable {
    var year: Int
    var month: Int
    var day: Int
    /// Days since 1970-01-01.
    var number: Int64

    static func number(of seconds: Int64) -> Int64 { seconds.floorDivided(by: 86_400).quotient }

    /// 0 is Monday.
    static func weekday(of number: Int64) -> Int { Int((number + 3).floorDivided(by: 7).remainder) }

    init(_ number: Int64) {
        let date = CivilDate(daysSinceEpoch: number)
        (self.year, self.month, self.day) = (Int(date.year), Int(date.month), Int(date.day))
        self.number = number
    }

    var monthLength: Int {
        switch self.month {
        case 4, 6, 9, 11: 30
        case 2: self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0) ? 29 : 28
        default: 31
        }
    }

    var firstOfNextMonth: CivilDay { CivilDay(self.number + Int64(self.monthLength - self.day + 1)) }
}

extension WallTime {
    /// Rounded down.
    var wholeSeconds: Int64 { self.microseconds.floorDivided(by: 1_000_000).quotient }
}
