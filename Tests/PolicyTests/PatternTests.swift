import Testing

@testable import Policy

@Suite struct PatternTests {
    private func matches(_ pattern: String, _ text: String) throws -> Bool? {
        try Pattern(pattern).matches(Array(text.utf8))
    }

    @Test(arguments: [
        ("", ""), ("", "x"), ("b", "abc"), ("^a", "ab"), ("c$", "abc"), ("^$", ""), ("a.c", "xabcx"), ("a|b|c", "c"),
        ("^(a|bc)+$", "abcbca"), ("^a*$", "aaaa"), ("^a*$", ""), ("^a{2,3}$", "aaa"), ("^a{2,}$", "aaaaa"),
        ("^a{2}$", "aa"), ("^(ab){0,2}c$", "ababc"), ("a??b", "b"), ("^a+?$", "aa"), ("[a-c]", "b"), ("[^a-c]", "d"),
        ("[]]".replacing("[]", with: "[\\]"), "]"), ("[a-]", "-"), ("[-a]", "-"), ("[.]", "."), ("\\.", "."),
        ("\\d+", "x12"), ("^\\D$", "é"), ("\\w\\W\\s\\S", "a- b"), ("[\\d_-]+", "_-1"), ("\\x41\\x{1F600}", "A😀"),
        ("^.$", "😀"), ("^..$", "é😀"), ("ü+", "müüd"), ("[à-ü]", "é"), ("(?i)ErRoR", "an eRrOr"), ("(?i)[a-c]x", "BX"),
        ("(?m)^b$", "a\nb\nc"), ("(?s)a.b", "a\nb"), ("(?ims)^B.c", "a\nb\nC"), ("\\bcat\\b", "a cat."),
        ("\\Bat", "cat"), ("{", "{"), ("a{x}", "a{x}"), ("\"ok\":\\s*true", "{\"ok\": true}"), ("}", "}"),
        ("\\t\\n\\r", "\t\n\r"),
        ("()", ""), ("(|a)b", "b"), ("(a*)*b", "aab"), ("(a*)+$", ""), ("\\Aa\\z", "a"),
        ("^(?:a|ab)(?:c|bcd)$", "abcd"),
        ("[\\x00-\\x7F]", "a"), ("a{0}b", "b"), ("a,}", "a,}"), ("[\\]\\[]", "["), ("(?i)É", "É"),
    ])
    func `finds`(pattern: String, text: String) throws { #expect(try self.matches(pattern, text) == true) }

    @Test(arguments: [
        ("x", ""), ("^b", "ab"), ("a$", "ab"), ("a.c", "a\nc"), ("^a{2,3}$", "aaaa"), ("^a{2,3}$", "a"),
        ("[^a-c]", "abc"),
        ("\\bat", "cat"), ("^b$", "a\nb\nc"), ("error", "ERROR"), ("[à-ü]", "z"), ("\\d", "٣"), ("\\w", "é"),
        ("(?i)É", "é"), ("a{0}b", "a"), ("^(ab){2}$", "abab."), (".", ""), ("a^b", "ab"), ("[^\\n]", "\n"),
    ])
    func `does not find`(pattern: String, text: String) throws { #expect(try self.matches(pattern, text) == false) }

    @Test func `a byte that is not UTF-8 is one character of its own`() throws {
        let bytes: [UInt8] = [0x61, 0xFF, 0x62]
        #expect(try Pattern("^a.b$").matches(bytes) == true)
        #expect(try Pattern("a[^x]b").matches(bytes) == true)
        #expect(try Pattern("a\\wb").matches(bytes) == false)
        // Overlong, cut off, a surrogate, beyond Unicode.
        for bytes: [UInt8] in [[0xC0, 0xAF], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80]] {
            #expect(try Pattern("^.{\(bytes.count)}$").matches(bytes) == true)
            #expect(try Pattern("/").matches(bytes) == false)
        }
    }

    /// Each of these takes an engine that goes back on its steps longer than the universe has lasted.
    @Test(
        .timeLimit(.minutes(1)),
        arguments: ["(a*)*b", "(a|a)*b", "(a+)+$", "^(.*?,){30}P", "(x+x+)+y", "a?{0}" + "(a?){60}a{60}c"])
    func `no pattern takes more than its time`(pattern: String) throws {
        let text = Array(String(repeating: "a", count: 4_000).utf8) + Array(String(repeating: "x,", count: 1_000).utf8)
        guard let pattern = try? Pattern(pattern) else { return }
        var looks = 0
        #expect(
            pattern.matches(text) {
                looks += 1
                return false
            } == false)
        #expect(looks == 23)
    }

    @Test func `a search ends when it is told to`() throws {
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: 65_536)
        #expect(try Pattern("b").matches(text) { true } == nil)
    }

    @Test func `garbage is a pattern or an error, never a crash`() throws {
        var state: UInt64 = 42
        let pieces = [
            "a", "(", ")", "[", "]", "{", "}", "*", "+", "?", "|", "\\", "^", "$", ".", "-", "1", ",", "(?i", ":", "x",
            "é",
        ]
        for _ in 0..<20_000 {
            var text = ""
            for _ in 0..<12 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += pieces[Int(state >> 33) % pieces.count]
            }
            _ = try? Pattern(text).matches(Array("aé1-\n".utf8))
        }
        #expect(throws: Pattern.Invalid.self) { try Pattern(String(repeating: "(", count: 1_000)) }
        #expect(throws: Pattern.Invalid.self) { try Pattern(String(repeating: "a", count: 1_025)) }
    }

    /// The answers of another engine to patterns of the parts that both know.
    @Test func `agrees with Swift's own engine on small patterns`() throws {
        var state: UInt64 = 7
        func next(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }
        let atoms = ["a", "b", ".", "[ab]", "[^a]", "(a|b)", "(?:ab)", "\\w", "(a|)", "\\b"]
        let counts = ["", "", "", "*", "+", "?", "{2}", "{1,2}"]
        var compared = 0
        for _ in 0..<3_000 {
            var pattern = next(4) == 0 ? "^" : ""
            for _ in 0...next(4) {
                let atom = atoms[next(atoms.count)]
                pattern += atom + (atom == "\\b" ? "" : counts[next(counts.count)]) + (next(6) == 0 ? "|" : "")
            }
            if next(4) == 0 { pattern += "$" }
            var text = ""
            for _ in 0..<next(7) { text += ["a", "b", "c", " "][next(4)] }
            let reference = try Regex(pattern).wordBoundaryKind(.simple)
            #expect(try self.matches(pattern, text) == (text.firstMatch(of: reference) != nil), "\(pattern) in \(text)")
            compared += 1
        }
        #expect(compared == 3_000)
    }
}

@Suite struct JSONExpectationTests {
    private static let body =
        #"{"status": {"db": [{"state": "up", "lag": 1.50}], "a key": null, "n": -0}, "ok": true, "big": 9007199254740993}"#

    private func mismatch(_ path: String, _ equals: String, in body: String = body) throws -> String? {
        let node = try #require(JSONReader.read(Array(equals.utf8)).document)
        let expectation = JSONExpectation(path: try JSONPath(path), equals: try #require(JSONScalar(node)))
        return try JSONDocument(Array(body.utf8)).mismatch(with: expectation)
    }

    @Test(arguments: [
        ("$.status.db[0].state", "\"up\""), ("$.status.db[0].lag", "1.5"), ("$.status.db[0].lag", "15e-1"),
        ("$[\"status\"][\"a key\"]", "null"), ("$.ok", "true"), ("$.big", "9007199254740993"), ("$.status.n", "0.0"),
    ])
    func `what is as expected`(path: String, equals: String) throws {
        #expect(try self.mismatch(path, equals) == nil)
    }

    @Test(arguments: [
        ("$.status.db[0].state", "\"down\"", "$.status.db[0].state is \"up\"; expected \"down\""),
        ("$.status.db[1].state", "\"up\"", "$.status.db[1].state is not there; expected \"up\""),
        ("$.status.db.state", "1", "$.status.db.state is not there; expected 1"),
        ("$.status.db", "1", "$.status.db is an array; expected 1"), ("$", "1", "$ is an object; expected 1"),
        ("$.ok", "\"true\"", "$.ok is true; expected \"true\""), ("$.ok", "1", "$.ok is true; expected 1"),
        ("$.big", "9007199254740992", "$.big is 9007199254740993; expected 9007199254740992"),
        ("$.status.db[0].lag", "-1.5", "$.status.db[0].lag is 1.50; expected -1.5"),
    ])
    func `what is not, is told`(path: String, equals: String, message: String) throws {
        #expect(try self.mismatch(path, equals) == message)
    }

    @Test(arguments: [
        ("{\"a\": 1, \"a\": 2}", "duplicate key \"a\"", false), ("", "the file is empty", false), ("{a}", "", false),
        (String(repeating: "[", count: 40), "nested more than 32 levels deep", true),
        ("[1] [2]", "", false), ("\u{FEFF}{}", "a byte order mark", false),
    ])
    func `what cannot be read, and why`(body: String, why: String, isBeyondLimits: Bool) throws {
        let problem = #expect(throws: JSONDocument.Unreadable.self) { try JSONDocument(Array(body.utf8)) }
        #expect(problem?.why.hasPrefix(why) == true)
        #expect(problem?.isBeyondLimits == isBeyondLimits)
    }

    @Test func `numbers are what they mean, however long`() {
        #expect(JSONNumber("1e400") == JSONNumber("10E399"))
        #expect(JSONNumber("1e99999999999999999999") != JSONNumber("1e-99999999999999999999"))
        #expect(JSONNumber("0e5") == JSONNumber("-0.00"))
        #expect(JSONNumber("120") == JSONNumber("1.2e+2"))
        #expect(JSONNumber("12") != JSONNumber("120"))
    }
}
