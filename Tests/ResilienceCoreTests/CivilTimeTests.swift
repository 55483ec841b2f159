import Glibc
import ResilienceCore
import Testing

@Suite struct CivilTimeTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
        (1_709_251_199_999_999, "2024-02-29T23:59:59.999999Z"),
        (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
        (1_795_143_845_123_456, "2026-11-20T03:04:05.123456Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
    ])
    func `a time is written and read back`(microseconds: Int64, text: String) {
        #expect(WallTime(microseconds: microseconds).rfc3339 == text)
        #expect(WallTime(rfc3339: text) == WallTime(microseconds: microseconds))
    }

    @Test func `a date alone is its midnight, and digits beyond the microsecond are cut`() {
        #expect(WallTime(rfc3339: "2026-11-20")?.rfc3339 == "2026-11-20T00:00:00.000000Z")
        #expect(WallTime(rfc3339: "2026-11-20T03:04:05Z")?.rfc3339 == "2026-11-20T03:04:05.000000Z")
        #expect(WallTime(rfc3339: "2026-11-20T03:04:05.5Z")?.rfc3339 == "2026-11-20T03:04:05.500000Z")
        #expect(WallTime(rfc3339: "2026-11-20T03:04:05.123456789Z")?.rfc3339 == "2026-11-20T03:04:05.123456Z")
    }

    @Test(arguments: [
        "", "x", "2026", "2026-13-01", "2026-02-29", "2026-11-31", "2026-00-10", "2026-11-20T", "2026-11-20T24:00:00Z",
        "2026-11-20T03:60:00Z", "2026-11-20T03:04:05", "2026-11-20T03:04:05+01:00", "2026-11-20T03:04:05.Z",
        "2026-11-20T03:04:05.1234567890Z", "2026-11-20T03:04:05Zx", "2026-11-20 03:04:05Z", "-026-11-20",
    ])
    func `what is no time is refused`(text: String) {
        #expect(WallTime(rfc3339: text) == nil)
    }

    @Test func `days are those of the C library, from 1600 to 9999, and lead back to their number`() {
        for day in stride(from: Int64(-135_140), through: 2_932_896, by: 61) {
            var seconds = time_t(day * 86_400)
            var parts = tm()
            gmtime_r(&seconds, &parts)
            let date = CivilDate(daysSinceEpoch: day)
            #expect(
                (date.year, date.month, date.day)
                    == (Int64(parts.tm_year) + 1_900, Int64(parts.tm_mon) + 1, Int64(parts.tm_mday)))
            #expect(date.daysSinceEpoch == day)
        }
    }

    @Test func `a year beyond four digits is written as the last that has four`() {
        #expect(WallTime(microseconds: .max).rfc3339 == "9999-12-31T23:59:59.999999Z")
        #expect(WallTime(microseconds: .min).rfc3339 == "0000-01-01T00:00:00.000000Z")
    }
}
