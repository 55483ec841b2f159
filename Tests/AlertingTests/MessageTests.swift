import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Alerting

@Suite struct MessageTests {
    @Test func `a group is written as the documented JSON`() throws {
        let firing = QueuedAlert(
            id: 17, message: alert("3 restarts did not help", incident: 4, severity: .critical),
            arrivedAt: MonotonicInstant(nanoseconds: 0))
        let frozen = QueuedAlert(
            id: nil, message: alert("too much is down", .frozen, component: nil, incident: nil),
            arrivedAt: MonotonicInstant(nanoseconds: 0), isRepeat: true)
        let group = AlertGroup(host: "web1", channel: "oncall", alerts: [firing, frozen], dropped: 3)
        let text = String(decoding: try group.json(), as: UTF8.self)
        #expect(
            text == """
                {"alerts":[{"at":"2026-11-20T23:04:05.000123Z","component":"api","event":"healing_failed",\
                "host":"web1","id":17,"incident":4,"repeat":false,"resolves":null,"severity":"CRITICAL",\
                "text":"3 restarts did not help"},{"at":"2026-11-20T23:04:05.000123Z","component":null,\
                "event":"frozen","host":"web1","id":null,"incident":null,"repeat":true,"resolves":null,"severity":"HIGH",\
                "text":"too much is down"}],"channel":"oncall","dropped":3,"host":"web1","severity":"CRITICAL",\
                "status":"firing","text":"api: 3 restarts did not help (CRITICAL) and 1 more","version":1}
                """)
    }

    @Test func `a group of nothing but resolved alerts says so`() throws {
        let over = QueuedAlert(
            id: 1, message: alert("up again", .resolved), arrivedAt: MonotonicInstant(nanoseconds: 0))
        let down = QueuedAlert(id: 2, message: alert("down"), arrivedAt: MonotonicInstant(nanoseconds: 0))
        #expect(AlertGroup(host: "h", channel: "c", alerts: [over], dropped: 0).isResolved)
        let mixed = AlertGroup(host: "h", channel: "c", alerts: [down, over], dropped: 0)
        #expect(!mixed.isResolved)
        #expect(mixed.foremost?.id == 2)
    }

    @Test(arguments: [
        ("plain text, ünïcode 日本 🎉", "plain text, ünïcode 日本 🎉"),
        ("two\nlines\r\tend", #"two\nlines\r\tend"#),
        ("\u{1B}[2J\u{07}\u{0}\u{7F}\u{9B}31m", #"\u{1B}[2J\u{7}\u{0}\u{7F}\u{9B}31m"#),
        ("a\u{202E}b\u{2066}c\u{200B}d\u{FEFF}e\u{2028}f", #"a\u{202E}b\u{2066}c\u{200B}d\u{FEFF}e\u{2028}f"#),
    ])
    func `what could move a cursor, forge a line or hide is written visibly`(text: String, expected: String) {
        #expect(SafeText.escaped(text) == expected)
    }

    @Test func `a long text is cut at a character and says that it was`() {
        #expect(SafeText.escaped("12345", bytesMax: 5) == "12345")
        #expect(SafeText.escaped("123456", bytesMax: 5) == "12345…")
        #expect(SafeText.escaped("1234é", bytesMax: 5) == "1234…")
        #expect(SafeText.escaped(String(repeating: "x", count: 1_000_000)).utf8.count == 2_048 + 3)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
            (1_795_215_845_000_123, "2026-11-20T23:04:05.000123Z"),
            (4_107_542_399_999_999, "2100-02-28T23:59:59.999999Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
        ] as [(Int64, String)])
    func `times are RFC 3339 in UTC with microseconds`(microseconds: Int64, expected: String) {
        #expect(WallTime(microseconds: microseconds).rfc3339 == expected)
    }
}
