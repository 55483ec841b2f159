import ResilienceCore
import Testing

@testable import HealctlKit

@Suite struct TimeTests {
    @Test func `times for people say how long ago`() throws {
        let now = try #require(WallTime(rfc3339: "2026-11-20T12:00:00Z"))
        let times = TimeText(now: now, isUTC: true)
        #expect(times.relative(now) == "just now")
        #expect(times.relative(now + .milliseconds(-1_500)) == "1s ago")
        #expect(times.relative(now + .seconds(-59)) == "59s ago")
        #expect(times.relative(now + .seconds(-60)) == "1m ago")
        #expect(times.relative(now + .seconds(-47 * 3_600)) == "47h ago")
        #expect(times.relative(now + .seconds(-48 * 3_600)) == "2d ago")
        #expect(times.relative(now + .seconds(900)) == "in 15m")
        #expect(times.full(now + .microseconds(-1)) == "2026-11-20 11:59:59.999 UTC")
        #expect(times.clock(now) == "12:00:00.000")
        #expect(times.short(now + .seconds(-3_600)) == "Nov 20 11:00:00")
        #expect(times.short(now + .seconds(-366 * 86_400)) == "2025-11-19 12:00")
    }
}

@Suite struct DurationTests {
    @Test(arguments: [
        (0, "0 ms"), (400, "0 µs"), (180_000, "180 µs"), (999_499, "999 µs"), (999_500, "1 ms"), (38_000_000, "38 ms"),
        (999_499_999, "999 ms"), (999_500_000, "1.00 s"), (1_239_900_000, "1.24 s"), (9_994_999_999, "9.99 s"),
        (9_995_000_000, "10.0 s"), (12_440_000_000, "12.4 s"), (59_949_999_999, "59.9 s"), (59_950_000_000, "1m"),
        (252_000_000_000, "4m 12s"), (3_599_600_000_000, "1h"), (7_500_000_000_000, "2h 5m"),
        (86_400_000_000_000, "1d"), (273_600_000_000_000, "3d 4h"), (-38_000_000, "-38 ms"),
    ])
    func `a duration has the digits that matter`(nanoseconds: Int64, text: String) {
        #expect(DurationText.precise(.nanoseconds(nanoseconds)) == text)
    }

    @Test func `the longest durations do not trap`() {
        #expect(DurationText.precise(.nanoseconds(Int64.max)).hasSuffix("d 23h"))
        #expect(DurationText.precise(.nanoseconds(Int64.min)).hasPrefix("-"))
        #expect(DurationText.offset(.nanoseconds(Int64.min)).hasPrefix("T-"))
    }

    @Test func `offsets count from the failure`() {
        #expect(DurationText.offset(.zero) == "T+0.000 s")
        #expect(DurationText.offset(.microseconds(37_600)) == "T+0.038 s")
        #expect(DurationText.offset(.milliseconds(-100)) == "T-0.100 s")
        #expect(DurationText.offset(.milliseconds(99_999)) == "T+99.999 s")
        #expect(DurationText.offset(.seconds(100)) == "T+1m 40s")
        #expect(DurationText.offset(.seconds(7_500)) == "T+2h 5m")
    }
}

@Suite struct WidthTests {
    @Test(arguments: [
        ("", 0), ("abc", 3), ("für", 3), ("fu\u{308}r", 3), ("画像", 4), ("한글", 4), ("ｆｕｌｌ", 8), ("🔥", 2), ("❤️", 2),
        ("🇩🇪", 2), ("é…→", 3),
    ])
    func `a text takes the cells that a terminal gives it`(text: String, width: Int) {
        #expect(displayWidth(text) == width)
    }

    @Test func `a text is cut between characters, never through a wide one`() {
        #expect(fitted("abcdef", to: 6) == "abcdef")
        #expect(fitted("abcdef", to: 5) == "abcd…")
        #expect(fitted("画像画像", to: 8) == "画像画像")
        #expect(fitted("画像画像", to: 7) == "画像画…")
        #expect(fitted("画像画像", to: 6) == "画像…")
        #expect(fitted("画", to: 1) == "…")
        #expect(fitted("abc", to: 0) == "")
    }

    @Test func `a long text is wrapped at spaces, and within words only where they are too long`() {
        #expect(wrapped("one two three", to: 13) == ["one two three"])
        #expect(wrapped("one two three", to: 8) == ["one two", "three"])
        #expect(wrapped("abcdefgh ij", to: 4) == ["abcd", "efgh", "ij"])
        #expect(wrapped("画像画像 ok", to: 5) == ["画像", "画像", "ok"])
        #expect(wrapped("画", to: 1) == ["画"])
        #expect(wrapped("", to: 5) == [""])
    }
}

@Suite struct TableTests {
    private var table: Table {
        var table = Table(columns: [
            .init(title: "ID", isRightAligned: true), .init(title: "NAME", narrowest: 6),
            .init(title: "NOTE", dispensable: 1), .init(title: "MORE", dispensable: 2),
        ])
        table.rows = [
            [.init("1"), .init("alpha", .good), .init("short"), .init("x")],
            [.init("20"), .init("a-much-longer-name"), .init("a note"), .init("画像")],
        ]
        return table
    }

    @Test func `without a width nothing is cut`() {
        #expect(
            self.table.lines(on: Terminal()) == [
                "ID  NAME                NOTE    MORE",
                " 1  alpha               short   x",
                "20  a-much-longer-name  a note  画像",
            ])
    }

    @Test func `texts are cut before columns are left out, the least needed first`() {
        #expect(
            self.table.lines(on: Terminal(width: 30)) == [
                "ID  NAME          NOTE    MORE",
                " 1  alpha         short   x",
                "20  a-much-long…  a note  画像",
            ])
        #expect(
            self.table.lines(on: Terminal(width: 20)) == [
                "ID  NAME      NOTE",
                " 1  alpha     short",
                "20  a-much-…  a note",
            ])
        #expect(self.table.lines(on: Terminal(width: 12)) == ["ID  NAME", " 1  alpha", "20  a-much-…"])
    }

    @Test func `no line is wider than the terminal`() {
        for width in 10...60 {
            for line in self.table.lines(on: Terminal(width: width)) { #expect(displayWidth(line) <= width) }
        }
    }

    @Test func `a column in which nothing is said takes no room`() {
        var table = self.table
        for row in table.rows.indices { table.rows[row][2] = .init("") }
        #expect(table.lines(on: Terminal())[0] == "ID  NAME                MORE")
    }

    @Test func `colours surround the text and not its padding`() {
        #expect(self.table.lines(on: Terminal(hasColors: true))[1].contains(" \u{1B}[32malpha\u{1B}[0m    "))
    }
}
