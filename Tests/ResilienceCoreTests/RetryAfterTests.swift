import ResilienceCore
import Testing

@Suite struct RetryAfterTests {
    @Test(
        arguments: [
            ("120", 120), ("0", 0), ("-1", nil), ("soon", nil), ("", nil), ("1.5", nil), (" 7", nil),
            ("99999999999999999999", 86_400), ("999999999", 86_400),
            ("Fri, 20 Nov 2026 23:05:05 GMT", 60),
            ("Fri, 20 Nov 2026 23:04:05 GMT", 0),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Fri, 20 Nov 9999 23:04:05 GMT", 86_400),
            ("Fri, 99 Nov 2026 23:05:05 GMT", nil),
            ("Fri, 20 Foo 2026 23:05:05 GMT", nil),
            ("Friday, 20-Nov-26 23:05:05 GMT", nil),
        ] as [(String, Int?)])
    func `it is read as seconds or as a date, and nobody is obeyed for longer than the longest`(
        value: String, seconds: Int?
    ) {
        let now = WallTime(microseconds: 1_795_215_845_000_000)
        #expect(
            RetryAfter.parse(Array(value.utf8), now: now, longest: .seconds(86_400))
                == seconds.map { Duration.seconds($0) })
    }

    @Test func `every date of four centuries is where the calendar has it`() {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let now = WallTime(microseconds: 0)
        var days: Int64 = 0
        for year in 1970..<2370 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            for (month, length) in [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated() {
                for day in [1, length] {
                    let number = day < 10 ? "0\(day)" : "\(day)"
                    let value = Array("Xxx, \(number) \(months[month]) \(year) 00:00:00 GMT".utf8)
                    let wait = RetryAfter.parse(value, now: now, longest: .seconds(Int64.max))
                    #expect(wait == .seconds((days + Int64(day) - 1) * 86_400))
                }
                days += Int64(length)
            }
        }
    }
}
