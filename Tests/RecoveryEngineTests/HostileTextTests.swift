import RecoveryEngine
import Testing

@Suite struct HostileTextTests {
    @Test(arguments: [
        ("plain text, ünïcödé, 日本語 and 🙂", "plain text, ünïcödé, 日本語 and 🙂"),
        ("\u{1B}[1;31mred\u{1B}[0m", "red"),
        ("\u{1B}[2Jgone", "\\u{1b}[2Jgone"),
        ("\u{1B}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
        ("\u{1B}", "\\u{1b}"),
        ("\u{1B}\u{1B}[m", "\\u{1b}"),
        ("c1 \u{9B}31m", "c1 \\u{9b}31m"),
        ("nul \0 del \u{7F}", "nul \\u{0} del \\u{7f}"),
        ("over\rwritten", "over\\u{d}written"),
        ("dos\r\nline", "dos\nline"),
        ("at the end\r", "at the end\\u{d}"),
        ("user\u{202E}txt.exe", "user\\u{202e}txt.exe"),
        ("\u{2066}isolate\u{2069}", "\\u{2066}isolate\\u{2069}"),
        ("zero\u{200B}width\u{FEFF}", "zero\\u{200b}width\\u{feff}"),
        ("line\u{2028}separator", "line\\u{2028}separator"),
        ("filler\u{3164}", "filler\\u{3164}"),
        ("tag\u{E0041}", "tag\\u{e0041}"),
        ("wide\u{3000}space", "wide space"),
        ("\u{E000}", "\\u{e000}"),
    ])
    func `what could deceive is made visible, and colours vanish`(text: String, clean: String) {
        #expect(TextSanitizer.sanitize(text) == clean)
    }

    @Test func `bytes that are not UTF-8 become replacement characters`() {
        #expect(TextSanitizer.sanitize([0x61, 0xFF, 0x62, 0xC3]) == "a\u{FFFD}b\u{FFFD}")
    }

    @Test func `a tower of combining marks does not grow past four`() {
        let tower = "e" + String(repeating: "\u{301}", count: 6)
        let kept = "e" + String(repeating: "\u{301}", count: 4)
        // Compared by bytes: a String's == would forgive a different sequence of marks.
        #expect(Array(TextSanitizer.sanitize(tower).utf8) == Array((kept + "\\u{301}\\u{301}").utf8))
    }

    @Test func `one line stays one line where newlines are escaped`() {
        #expect(TextSanitizer.sanitize("a\nb\r\nc\td", newlines: .escape) == "a\\nb\\nc d")
        #expect(TextSanitizer.sanitize("a\nb\r\nc\td", newlines: .keep) == "a\nb\nc\td")
    }

    @Test(arguments: [
        (10, "0123456789", "0123456789"), (9, "0123456789", "012345…"), (3, "0123456789", "…"), (2, "0123456789", ""),
        (7, "äöüß", "äö…"), (8, "äöüß", "äöüß"), (9, "ab\u{7}cd\u{7}", "ab…"), (0, "x", ""),
    ])
    func `the limit counts bytes of the result and cuts between characters`(limit: Int, text: String, kept: String) {
        #expect(TextSanitizer.sanitize(text, limit: limit) == kept)
    }

    @Test(arguments: [
        (10, "0123456789", "0123456789"), (9, "0123456789", "…456789"), (3, "0123456789", "…"), (2, "0123456789", ""),
        (7, "äöüß", "…üß"), (9, "\u{7}ab\u{7}cd", "…cd"), (0, "x", ""),
    ])
    func `the end of a text can be kept instead`(limit: Int, text: String, kept: String) {
        #expect(TextSanitizer.sanitize(text, limit: limit, keeping: .end) == kept)
    }

    @Test func `megabytes are cut on both sides within the limit`() {
        let bytes = Array(repeating: Array("ä".utf8), count: 1_000_000).flatMap(\.self)
        let head = TextSanitizer.sanitize(bytes)
        let tail = TextSanitizer.sanitize(bytes.dropFirst(), keeping: .end)
        #expect(head.utf8.count == 4_095)
        #expect(head.hasSuffix("ä…"))
        #expect(tail.utf8.count == 4_095)
        #expect(tail.hasPrefix("…ä"))
    }

    @Test func `any bytes give bounded text without anything invisible`() {
        var state: UInt64 = 42
        for _ in 0..<300 {
            let bytes = (0..<200).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 40)
            }
            for keeping in [TextSanitizer.Kept.beginning, .end] {
                let text = TextSanitizer.sanitize(bytes, limit: 100, newlines: .escape, keeping: keeping)
                #expect(text.utf8.count <= 100)
                for scalar in text.unicodeScalars {
                    let category = scalar.properties.generalCategory
                    #expect(category != .control && category != .format)
                }
            }
        }
    }
}
