import Testing

@testable import Policy

@Suite struct ValueTests {
    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("2s", .seconds(2)), ("1m30s", .seconds(90)), ("1h", .seconds(3600)),
        ("7d", .seconds(7 * 86_400)), ("0s", .zero), ("1d2h3m4s5ms", .milliseconds(93_784_005)),
        ("999999999s", .seconds(999_999_999)), ("90s", .seconds(90)), ("1h5ms", .milliseconds(3_600_005)),
    ])
    func `reads durations`(text: String, duration: Duration) {
        #expect(Duration(policyText: text) == duration)
    }

    @Test(arguments: [
        "", "5", "s", "2x", "-1s", "+1s", "1.5s", "1 s", " 1s", "1s ", "1S", "30s1m", "1s1s", "1ms1s", "1000000000s",
        "1sm",
        "1µs", "１s", "1min", "1us", "1w", "999999999999999999999s", "1d1d", "ms",
    ])
    func `refuses what is no duration`(text: String) {
        #expect(Duration(policyText: text) == nil)
    }

    @Test(arguments: [
        (Duration.zero, "0s"), (.milliseconds(1), "1ms"), (.milliseconds(250), "250ms"), (.seconds(90), "1m30s"),
        (.seconds(86_400 + 61), "1d1m1s"), (.milliseconds(1_500), "1s500ms"), (.microseconds(180), "180us"),
        (.nanoseconds(1), "1us"), (.microseconds(1_499), "1ms"), (.microseconds(1_500), "2ms"), (.seconds(-5), "-5s"),
    ])
    func `shows durations`(duration: Duration, text: String) {
        #expect(duration.policyText == text)
    }

    @Test func `what is shown reads back`() {
        var generator = SeededBytes(seed: 3)
        for _ in 0..<2_000 {
            let duration = Duration.milliseconds(generator.next(1 << 30) * (generator.next(3) + 1))
            #expect(Duration(policyText: duration.policyText) == duration)
        }
    }

    @Test(arguments: [
        ("http://a", "a", 80, "/"), ("http://a/", "a", 80, "/"),
        ("HTTP://a.b-c.d:8080/x/y?z=1&q=%20", "a.b-c.d", 8080, "/x/y?z=1&q=%20"),
        ("http://127.0.0.1:1", "127.0.0.1", 1, "/"), ("http://[::1]:65535/a", "::1", 65_535, "/a"),
        ("http://[2001:db8::7]?q", "2001:db8::7", 80, "/?q"), ("http://localhost?x", "localhost", 80, "/?x"),
        ("http://a_b/~(x)!", "a_b", 80, "/~(x)!"),
    ])
    func `takes URLs apart`(text: String, host: String, port: Int, target: String) throws {
        let url = try HTTPURL(text)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.target == target)
        #expect(!url.isSecure)
    }

    @Test func `https has a port of its own`() throws {
        #expect(try HTTPURL("https://a/").port == 443)
        #expect(try HTTPURL("https://a/").isSecure)
    }

    @Test(arguments: [
        "", "a", "ftp://a", "http:/a", "http//a", "http://", "http:///x", "http://:80/", "http://a:", "http://a:0",
        "http://a:65536", "http://a:x", "http://a:+1", "http://a:1:2", "http://u@a/", "http://u:p@a/", "http://a/b c",
        "http://a/\r\nX: 1", "http://a\r\n/", "http://a/\u{0}", "http://a/#f", "http://a/%", "http://a/%2",
        "http://a/%zz",
        "http://a/é", "http://é/", "http://[::1", "http://[::1]x", "http://[1]", "http://[::g]/",
        "http://[fe80::1%25eth0]/",
        "http://127.1/", "http://010.0.0.1/", "http://256.0.0.1/", "http://1.2.3.4.5/", "http://2130706433/",
        "http://0x7f.1/", "http://a.0x10/", "http://-a/", "http://a-/", "http://a..b/", "http://.a/", "http://a./",
        "http://a\\b/", "http://a/\"", "http://a/<", "http://a b/", " http://a/", "http://::1/",
        "http://\(String(repeating: "a", count: 64))/", "http://a/\(String(repeating: "x", count: 2_000))",
    ])
    func `refuses URLs that others might read differently`(text: String) {
        #expect(throws: HTTPURL.Invalid.self) { try HTTPURL(text) }
    }

    @Test(arguments: [
        ("intervall", "interval"), ("Interval", "interval"), ("timeuot", "timeout"), ("typ", "type"),
        ("checs", "checks"),
    ])
    func `suggests the nearest word`(word: String, expected: String) {
        #expect(suggestion(for: word, among: ["interval", "timeout", "type", "checks"]) == expected)
    }

    @Test(arguments: ["zebra", "x", "", String(repeating: "interval", count: 1_000)])
    func `suggests nothing where nothing is near`(word: String) {
        #expect(suggestion(for: word, among: ["interval", "timeout", "type", "checks"]) == nil)
    }

    @Test func `counts edits`() {
        #expect(editDistance(Array("abcd".utf8), Array("abcd".utf8)) == 0)
        #expect(editDistance(Array("abcd".utf8), Array("acbd".utf8)) == 1)
        #expect(editDistance(Array("".utf8), Array("abc".utf8)) == 3)
        #expect(editDistance(Array("kitten".utf8), Array("sitting".utf8)) == 3)
    }

    @Test func `hostile text is shown on one line and cut`() {
        #expect(quoted("a\u{1B}[31m\n\u{202E}\"") == #""a\u{1b}[31m\n\u{202e}\"""#)
        #expect(quoted(String(repeating: "x", count: 1_000)).count == 63)
    }

    @Test func `positions count characters, not bytes`() {
        let text = "é😀x\r\nab\n\ty"
        var source = SourceText(name: "x", bytes: Array(text.utf8))
        let offsets = ["x": 6, "a": 9, "y": 13]
        #expect(source.position(of: offsets["x"] ?? -1) == SourceText.Position(line: 1, column: 3))
        #expect(source.position(of: offsets["a"] ?? -1) == SourceText.Position(line: 2, column: 1))
        #expect(source.position(of: offsets["y"] ?? -1) == SourceText.Position(line: 3, column: 2))
        #expect(source.position(of: 1_000) == SourceText.Position(line: 3, column: 3))
    }

    @Test func `positions are the same however far into the text they are`() {
        var text = ""
        for line in 0..<200 { text += String(repeating: "é", count: line % 37) + "\n" }
        let bytes = Array(text.utf8)
        var source = SourceText(name: "x", bytes: bytes)
        var line = 1
        var column = 1
        for (offset, byte) in bytes.enumerated() where byte & 0xC0 != 0x80 {
            #expect(source.position(of: offset) == SourceText.Position(line: line, column: column))
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else {
                column += 1
            }
        }
    }
}
