import ResilienceCore

extension CalendarExpression {
    /// - Returns: `nil` where it is not an expression, or one that could never come.
    public init?(_ text: String) {
        var words = text.split(separator: " ").map(String.init)
        guard text.utf8.count <= 256, !words.isEmpty, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            return nil
        }
        let isUTC = words.count > 1 && words.last?.uppercased() == "UTC"
        if isUTC { words.removeLast() }
        self.init(text: text, isUTC: isUTC)
        if words.count == 1, let whole = Self.shorthands[words[0].lowercased()] {
            words = whole.split(separator: " ").map(String.init)
        }
        if let first = words.first, first.first?.isLetter == true {
            guard let weekdays = Self.weekdays(in: first) else { return nil }
            self.weekdays = weekdays
            words.removeFirst()
        }
        var hasTime = false
        if let last = words.last, last.contains(":") {
            guard self.readTime(last) else { return nil }
            hasTime = true
            words.removeLast()
        }
        if let date = words.first {
            guard words.count == 1, self.readDate(date) else { return nil }
        }
        if !hasTime { (self.hours, self.minutes, self.seconds) = (.zero, .zero, .zero) }
        // In some cycle of the calendar it has to come: 29 February on a given weekday is the rarest.
        guard self.next(after: WallTime(microseconds: -1_000_000), offset: { _ in 0 }) != nil else { return nil }
    }

    private static let shorthands = [
        "minutely": "*:*:00", "hourly": "*:00:00", "daily": "*-*-* 00:00:00", "weekly": "Mon *-*-* 00:00:00",
        "monthly": "*-*-01 00:00:00", "quarterly": "*-01,04,07,10-01 00:00:00",
        "semiannually": "*-01,07-01 00:00:00", "yearly": "*-01-01 00:00:00", "annually": "*-01-01 00:00:00",
    ]

    private static let dayNames = [
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
    ]

    /// `Mon`, `Mon,Wed`, `Fri..Sun`; a range may go over the end of the week.
    private static func weekdays(in text: String) -> Set<Int>? {
        var found: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.components(separatedBy: "..").map { name in
                Self.dayNames.firstIndex { $0 == name.lowercased() || $0.prefix(3) == name.lowercased() }
            }
            guard (1...2).contains(ends.count), let first = ends.first ?? nil, let last = ends.last ?? nil,
                ends.count == 1 || first <= last
            else { return nil }
            found.formUnion(first...last)
        }
        return found
    }

    /// `2026-11-21`, `*-11-01..07`, `11-21`, `*-02~03`.
    private mutating func readDate(_ text: String) -> Bool {
        var text = text
        if let tilde = text.lastIndex(of: "~") {
            self.countsDaysBack = true
            text.replaceSubrange(tilde...tilde, with: "-")
        }
        var parts = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2 { parts.insert("*", at: 0) }
        guard parts.count == 3, let years = CalendarField(parts[0], Self.knownYears),
            let months = CalendarField(parts[1], 1...12)
        else { return false }
        let days =
            self.countsDaysBack ? CalendarField(daysBack: parts[2]) : CalendarField(parts[2], 1...31)
        guard let days else { return false }
        (self.years, self.months, self.days) = (years, months, days)
        return true
    }

    /// `02:30`, `*:0/15`, `02:30:15`.
    private mutating func readTime(_ text: String) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count), let hours = CalendarField(parts[0], 0...23),
            let minutes = CalendarField(parts[1], 0...59),
            let seconds = parts.count == 3 ? CalendarField(parts[2], 0...59) : .zero
        else { return false }
        (self.hours, self.minutes, self.seconds) = (hours, minutes, seconds)
        return true
    }
}

extension CalendarField {
    static let zero = CalendarField(parts: [Part(from: 0, through: 0, step: 1)])

    /// `*`, or values, ranges and repetitions, by commas: `1,8..14,20/2`.
    init?(_ text: String, _ range: ClosedRange<Int>) {
        guard text != "*" else { return }
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = item.split(separator: "/", omittingEmptySubsequences: false)
            guard (1...2).contains(halves.count), let base = halves.first else { return nil }
            let step = halves.count == 2 ? Self.number(halves[1], 1...range.upperBound) : 1
            let ends = base.components(separatedBy: "..").map { Self.number($0[...], range) }
            guard let step, ends.count <= 2, let from = ends[0], let last = ends[ends.count - 1] else { return nil }
            let isOpen = ends.count == 1 && halves.count == 2
            let through = isOpen ? range.upperBound : last
            // A range that runs backwards, or a repetition that never repeats, is a mistake.
            guard from <= through, !isOpen || from + step <= through else { return nil }
            self.parts.append(Part(from: from, through: through, step: step))
        }
    }

    /// Days from the end of a month: `03` is the third last, `07/1` each of the last seven.
    init?(daysBack text: String) {
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = item.split(separator: "/", omittingEmptySubsequences: false)
            guard (1...2).contains(halves.count), let from = Self.number(halves[0], 1...31) else { return nil }
            guard halves.count == 2 else {
                self.parts.append(Part(from: from, through: from, step: 1))
                continue
            }
            guard let step = Self.number(halves[1], 1...31) else { return nil }
            // Forward in time is backward in this count.
            let values = stride(from: from, through: 1, by: -step)
            self.parts += values.map { Part(from: $0, through: $0, step: 1) }
        }
    }

    private static func number(_ text: Substring, _ range: ClosedRange<Int>) -> Int? {
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy(isDigit), let number = Int(text),
            range.contains(number)
        else { return nil }
        return number
    }
}

extension StringProtocol {
    /// Split at each occurrence of a separator that is longer than a character.
    fileprivate func components(separatedBy separator: String) -> [String] {
        var parts: [String] = []
        var rest = Substring(self)
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
