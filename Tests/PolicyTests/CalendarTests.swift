import Foundation
import Policy
import ResilienceCore
import Testing

/// Calendar expressions come when systemd's own calculator says that they do.
@Suite struct CalendarTests {
    static let base = "2026-03-27 13:14:15 UTC"
    static let baseTime = WallTime(microseconds: 1_774_617_255_000_000)
    static let iterations = 6

    /// What `systemd-analyze calendar` says of expressions, in seconds since 1970; `nil` for one that it refuses.
    static func elapses(_ expressions: [String], zone: String) throws -> [[Int64]] {
        let text = try Self.run(expressions, zone: zone).output
        return text.components(separatedBy: "Normalized form:").dropFirst().map { block in
            // Where local time is UTC, the instant has no line of its own.
            let hasUTC = block.contains("(in UTC): ")
            return block.split(separator: "\n").compactMap { line in
                let line = line.trimmingCharacters(in: .whitespaces)
                let isTime =
                    hasUTC ? line.hasPrefix("(in UTC): ") : line.hasPrefix("Next elapse: ") || line.hasPrefix("Iter. #")
                guard isTime, line.hasSuffix(" UTC") else { return nil }
                return Self.instant(line)
            }
        }
    }

    private static func run(_ expressions: [String], zone: String) throws -> (output: String, errors: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/systemd-analyze")
        process.arguments =
            ["calendar", "--iterations=\(Self.iterations)", "--base-time=\(Self.base)", "--"] + expressions
        process.environment = ["TZ": zone, "LC_ALL": "C"]
        let (output, errors) = (Pipe(), Pipe())
        (process.standardOutput, process.standardError) = (output, errors)
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaints = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (text, complaints)
    }

    /// `…: Mon 2026-03-30 00:30:00 UTC`
    private static func instant(_ line: String) -> Int64? {
        let words = line.split(separator: " ")
        guard words.count >= 4 else { return nil }
        let numbers = (words[words.count - 3].split(separator: "-") + words[words.count - 2].split(separator: ":"))
            .compactMap { Int32($0) }
        guard numbers.count == 6 else { return nil }
        var civil = tm()
        civil.tm_year = numbers[0] - 1900
        (civil.tm_mon, civil.tm_mday) = (numbers[1] - 1, numbers[2])
        (civil.tm_hour, civil.tm_min, civil.tm_sec) = (numbers[3], numbers[4], numbers[5])
        return Int64(timegm(&civil))
    }

    /// systemd's search ends without a result for some expressions that do come ("Infinite loop in calendar
    /// calculation").
    static func hasGivenUp(_ expression: String, zone: String) throws -> Bool {
        try Self.run([expression], zone: zone).errors.contains("Resource deadlock avoided")
    }

    static func ours(_ text: String, zone: String) throws -> [Int64] {
        let expression = try #require(CalendarExpression(text), "\(text) is not read")
        let zone = try #require(TimeZone(identifier: zone))
        let offset = { (seconds: Int64) in
            Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds))))
        }
        var found: [Int64] = []
        var after = Self.baseTime
        while found.count < Self.iterations, let next = expression.next(after: after, offset: offset) {
            found.append(next.microseconds / 1_000_000)
            after = next
        }
        return found
    }

    static let examples = [
        "minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly", "annually",
        "Sat,Thu,Mon..Wed,Sat..Sun", "Mon,Sun 12-*-* 2,1:23", "Wed *-1", "Wed..Wed,Wed *-1", "Wed, 17:48",
        "Wed..Sat,Tue 12-10-15 1:2:3", "*-*-7 0:0:0", "10-15", "monday *-12-* 17:00", "Mon,Fri *-*-3,1,2 *:30:45",
        "12,14,13,12:20,10,30", "mon,fri *-1/2-1,3 *:30:45", "03-05 08:05:40", "08:05:40", "05:40",
        "Sat,Sun 12-05 08:05:40", "Sat,Sun 08:05:40", "2030-03-05 08:05:40", "2030-03-05", "Sun 2030-05-*",
        "*-02~01", "Mon *-05~07/1", "*-*~1,3", "*-*~07/2", "*:0/15", "0/6:00", "2027..2029-06-01..07/3 04:05 UTC",
        "*-02-29", "Mon *-02-29", "*-*-31", "Mon..Fri 22:30", "*-*-* 02:30", "*-*-* 01,02,03:00", "*:30:00/20",
    ]

    @Test(arguments: ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"])
    func `the examples come when systemd says so`(zone: String) throws {
        // `Wed *-1`, `Mon,Sun 12-*-*`: years of two digits and the like are not ours.
        let known = Self.examples.filter { CalendarExpression($0) != nil }
        #expect(known.count >= 38, "not read: \(Self.examples.filter { CalendarExpression($0) == nil })")
        let theirs = try Self.elapses(known, zone: zone)
        #expect(theirs.count == known.count)
        for (text, times) in zip(known, theirs) { #expect(try Self.ours(text, zone: zone) == times, "\(text)") }
    }

    @Test func `made-up expressions come when systemd says so`() throws {
        var random = SeededGenerator(seed: 7)
        func pick<T>(_ from: [T]) -> T { from[Int(random.next() % UInt64(from.count))] }
        func field(_ range: ClosedRange<Int>) -> String {
            func number() -> Int { range.lowerBound + Int(random.next() % UInt64(range.count)) }
            switch random.next() % 6 {
            case 0, 1: return "*"
            case 2: return "\(number()),\(number())"
            case 3:
                let ends = [number(), number()].sorted()
                return "\(ends[0])..\(ends[1])"
            case 4: return "\(range.lowerBound)/\(2 + Int(random.next() % 9))"
            default: return "\(number())"
            }
        }
        let expressions = (0..<400).map { _ -> String in
            let weekdays = pick(["", "", "Mon ", "Tue..Thu ", "Sat,Sun ", "friday "])
            let date = "\(pick(["*", "*", "2026..2029", "2028"]))-\(field(1...12))-\(field(1...28))"
            // systemd 252 overlooks midnight in repetitions of hours such as `0/5`: it goes from 20:50 to 05:50.
            let hour = pick(["*", "\(random.next() % 24)", "2,14", "9..17", "0,5,10,15,20"])
            return
                "\(weekdays)\(date) \(hour):\(field(0...59)):\(pick(["00", field(0...59)]))\(pick(["", " UTC"]))"
        }
        let known = expressions.filter { CalendarExpression($0) != nil }
        for zone in ["UTC", "Europe/Berlin"] {
            var skipped = 0
            for text in known {
                guard try !Self.hasGivenUp(text, zone: zone), let times = try Self.elapses([text], zone: zone).first
                else {
                    skipped += 1
                    continue
                }
                #expect(try Self.ours(text, zone: zone) == times, "\(text) in \(zone)")
            }
            #expect(skipped < 20, "systemd has no answer to \(skipped)")
        }
        // What is not read is refused by systemd, or never comes.
        for text in expressions where CalendarExpression(text) == nil {
            #expect(try Self.elapses([text], zone: "UTC").allSatisfy(\.isEmpty), "\(text) is not read")
        }
    }

    @Test(arguments: [
        "", " ", "*", "Fri..Mon", "*/5:00", "*:*/7", "*-*-31/2", "*:0/90", "00:00:60", "24:00", "12", "2026", "1-2-3-4",
        "*-13-01", "*-00-01", "*-02-30", "*-*~32", "*-*~0", "Mon Tue", "Mon-Fri", "daily daily", "daily Europe/Berlin",
        "10:00 PM", "-1:00", "1..:00", "..1:00", "1,,2:00", "5..3:00", "0/0:00", "99999-01-01", "1969-01-01", "@1",
        "10:00:00.5", "UTC", "Mon UTC UTC", "10:00\n", "१०:००", String(repeating: "1,", count: 200) + "1:00",
    ])
    func `what is no expression, or could never come, is not read`(text: String) {
        #expect(CalendarExpression(text) == nil)
    }

    @Test func `a window is open from its beginning until its end, and both belong to one side`() throws {
        let window = MaintenanceWindow(
            name: "n", calendar: try #require(CalendarExpression("*-*-* 02:00 UTC")), duration: .seconds(3_600))
        let day: Int64 = 20_000 * 86_400
        func end(_ seconds: Int64) -> Int64? {
            window.end(at: WallTime(microseconds: (day + seconds) * 1_000_000)) { _ in 0 }.map {
                $0.microseconds / 1_000_000 - day
            }
        }
        #expect(end(7_199) == nil)
        #expect(end(7_200) == 10_800)
        #expect(end(10_799) == 10_800)
        #expect(end(10_800) == nil)
    }
}
