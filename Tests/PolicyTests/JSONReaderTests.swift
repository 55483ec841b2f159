import Testing

@testable import Policy

@Suite struct JSONReaderTests {
    static let valid: [String] = [
        "[]", "{}", " [] ", "\t[\n]\r\n", "[ ]", "{ }", "null", "true", "false", "0", "\"\"", "\"a\"", "-1", "[null]",
        "[true]", "[false]", "[1]", "[1,2]", "[1 , 2]", "[[]]", "[{}]", "[[],[]]", "{\"a\":1}", "{\"a\" : 1 }",
        "{\"a\":1,\"b\":2}", "{\"\":0}", "{\"a\":{}}", "{\"a\":[]}", "{\"a\":null}", "[0]", "[-0]", "[0e1]", "[0E1]",
        "[0e+1]", "[0e-1]", "[1e1]", "[1E+2]", "[1.0]", "[0.1]", "[-0.1]", "[123.456e78]", "[1e999]", "[-1e-999]",
        "[123456789012345678901234567890]", "[0.00000000000000000000000001]", "[\"\\\"\"]", "[\"\\\\\"]", "[\"\\/\"]",
        "[\"\\b\\f\\n\\r\\t\"]", "[\"\\u0000\"]", "[\"\\u0041\"]", "[\"\\u00e9\"]", "[\"\\u00E9\"]",
        "[\"\\ud83d\\ude00\"]",
        "[\"\\uD83D\\uDE00\"]", "[\"\\uFFFF\"]", "[\"\\u2028\"]", "[\"é\"]", "[\"€\"]", "[\"😀\"]", "[\"\u{7F}\"]",
        "[\"\u{2028}\"]", "[\"\u{FEFF}\"]", "[\"/\"]", "[\"a/*b*/c//d\"]", "[\"'\"]", "[\" \"]", "{\"a\\u0000\":1}",
        "{\"\\u0061\":1}", "[1,\"a\",null,true,{},[]]", "[\n1\n,\n2\n]", "[[[[[[[[[[]]]]]]]]]]", "[\"\u{10FFFF}\"]",
    ]

    static let invalid: [String] = [
        "", " ", "\n", "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,]", "[,1]", "[1,,2]", "[1 2]", "[1:2]", "[\"a\"",
        "[\"a", "[\"a\\", "[\"\\u", "[\"\\u00", "[\"\\u00g0\"]", "[\"\\x41\"]", "[\"\\a\"]", "[\"\\'\"]", "[\"\\0\"]",
        "[\"\\U0041\"]", "[\"a\nb\"]", "[\"a\tb\"]", "[\"\u{0}\"]", "[\"\u{1F}\"]", "['a']", "[a]", "[nul]", "[nulll]",
        "[NULL]", "[True]", "[FALSE]", "[tru]", "[NaN]", "[Infinity]", "[-Infinity]", "[-NaN]", "[nan]", "[inf]",
        "[+1]",
        "[.5]", "[-.5]", "[1.]", "[1.e1]", "[01]", "[-01]", "[00]", "[012]", "[-]", "[--1]", "[1e]", "[1e+]", "[1E-]",
        "[0e]", "[1ee1]", "[1e1.5]", "[1.2.3]", "[0x1]", "[1_000]", "[1 000]", "[1a]", "[-a]", "[1\u{FF11}]",
        "[\u{FF11}]", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{\"a\":1,,\"b\":2}",
        "{a:1}",
        "{'a':1}", "{1:1}", "{null:1}", "{\"a\" 1}", "{\"a\"=1}", "{\"a\":1 \"b\":2}", "{\"a\":1]", "[1}", "[]]", "{}}",
        "[] []", "1 2", "null null", "[]x", "{}#", "// a\n{}", "/* a */{}", "{/* a */}", "[1 /* a */]", "# a\n{}",
        "{}// a", "\u{FEFF}{}", "\u{FEFF}", "\u{A0}[]", "[\u{A0}]", "[\u{C}]", "\u{C}[]", "\u{B}[]", "\u{2028}[]",
        "[\"a\",\n\"b\",\n]", "*", "<html>", "---\na: 1", "a = 1", "\\u005b]", "[\\n]", "[\"\\", "{\"a\":\"b\"", "\"",
        "{\"a\":1}}", "[1]]", "@", "-", "+", ".", "tru", "\u{0}", "[\u{0}]", "[]\u{0}", "{\"a\":1;\"b\":2}", "[1;2]",
        "{[]:1}", "{{}:1}", "{\"a\":1}x", "\"a\"\"b\"", "[\"a\"\"b\"]", "[true false]", "[,", "{\"a\":[}", "{\"a\":{]}",
    ]

    @Test(arguments: valid)
    func `reads what RFC 8259 allows`(text: String) {
        let (document, problems) = JSONReader.read(Array(text.utf8))
        #expect(problems == [])
        #expect(document != nil)
    }

    @Test(arguments: invalid)
    func `refuses what RFC 8259 does not allow, with a place in the text`(text: String) throws {
        let (document, problems) = JSONReader.read(Array(text.utf8))
        #expect(document == nil)
        let problem = try #require(problems.last)
        #expect(problem.isSyntax)
        #expect((0...text.utf8.count).contains(problem.offset))
    }

    @Test func `there are at least 150 cases`() {
        #expect(Set(Self.valid).count + Set(Self.invalid).count >= 150)
    }

    static let illFormed: [[UInt8]] = [
        [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF], [0xE2, 0x82],
        [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0x98],
        [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF], [0xE2, 0x28, 0xA1], [0xC3, 0x28],
        [0xF8, 0x88, 0x80, 0x80, 0x80],
    ]

    @Test(arguments: illFormed)
    func `refuses what is not UTF-8 at its first bad byte`(bytes: [UInt8]) throws {
        let text = Array("[\"é".utf8) + bytes + Array("\"]".utf8)
        let (document, problems) = JSONReader.read(text)
        #expect(document == nil)
        let problem = try #require(problems.first)
        #expect(problem.offset == 4)
        #expect(problem.isSyntax)
        #expect(problem.message.contains("is not valid UTF-8"))
    }

    @Test func `agrees with the standard library on what is UTF-8`() {
        var generator = SeededBytes(seed: 7)
        var valid = 0
        for _ in 0..<20_000 {
            let bytes = (0..<generator.next(6) + 1).map { _ in generator.byteNearBoundary() }
            let isValid = String(validating: bytes, as: UTF8.self) != nil
            #expect((firstInvalidUTF8(in: bytes) == nil) == isValid, "\(bytes)")
            valid += isValid ? 1 : 0
        }
        // Otherwise the comparison would say nothing about one of the two.
        #expect((500..<19_500).contains(valid))
    }

    @Test(
        arguments: [[0xEF, 0xBB, 0xBF, 0x7B, 0x7D], [0xFF, 0xFE, 0x7B, 0x00], [0x7B, 0x00, 0x7D, 0x00]] as [[UInt8]])
    func `names byte order marks and UTF-16`(bytes: [UInt8]) throws {
        let problem = try #require(JSONReader.read(bytes).problems.first)
        #expect(problem.offset == 0)
        #expect(problem.message.contains("UTF-8"))
    }

    @Test func `keeps what a text says`() {
        let (document, _) = JSONReader.read(Array(#"["\u0041\n\"\\\/é\uD83D\uDE00", -1.50e+3, true]"#.utf8))
        #expect(
            document?.items.map(\.value) == [.string("A\n\"\\/é😀"), .number("-1.50e+3"), .bool(true)])
    }

    @Test(arguments: [#"["\ud800"]"#, #"["\udc00"]"#, #"["\ud800\u0041"]"#, #"["\ud800\ud800"]"#, #"["\udc00\ud800"]"#])
    func `a lone surrogate is refused, and the rest is still read`(text: String) {
        let (document, problems) = JSONReader.read(Array(text.utf8))
        #expect(document != nil)
        #expect(!problems.isEmpty)
        #expect(problems.allSatisfy { !$0.isSyntax && $0.message.contains("surrogate") })
        #expect(problems.first?.offset == 2)
    }

    @Test func `a duplicate key is refused at the second, in small and in large objects`() {
        for size in [1, 7, 8, 9, 300] {
            let keys = (0..<size).map { "\"k\($0)\":0" } + ["\"k\(size / 2)\":1"]
            let text = "{\"o\":{\(keys.joined(separator: ","))}}"
            let (_, problems) = JSONReader.read(Array(text.utf8))
            #expect(problems.count == 1)
            #expect(problems.first?.isSyntax == false)
            #expect(problems.first?.offset == text.utf8.count - "\"k\(size / 2)\":1}}".utf8.count)
            #expect(problems.first?.path == [.key("o"), .key("k\(size / 2)")])
        }
    }

    @Test func `keys that only look different are the same`() {
        #expect(JSONReader.read(Array(#"{"a":1,"\u0061":2}"#.utf8)).problems.count == 1)
    }

    @Test func `depth 32 is read, depth 33 and 100,000 are refused`() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array(repeating: UInt8(ascii: "["), count: depth) + Array(repeating: UInt8(ascii: "]"), count: depth)
        }
        #expect(JSONReader.read(nested(32)).document != nil)
        for depth in [33, 100_000] {
            let (document, problems) = JSONReader.read(nested(depth))
            #expect(document == nil)
            #expect(problems.map(\.message) == ["nested more than 32 levels deep"])
            #expect(problems.first?.offset == 32)
            #expect(problems.first?.isSyntax == false)
        }
        let objects = String(repeating: "{\"a\":", count: 100_000)
        #expect(JSONReader.read(Array(objects.utf8)).problems.map(\.message) == ["nested more than 32 levels deep"])
    }

    @Test func `1 MiB is read, one byte more is refused`() {
        let most = 1 << 20
        let fits = Array("[\"".utf8) + Array(repeating: UInt8(ascii: "a"), count: most - 4) + Array("\"]".utf8)
        #expect(JSONReader.read(fits).document != nil)
        let (document, problems) = JSONReader.read(fits + [0x20])
        #expect(document == nil)
        #expect(problems.map(\.message) == ["the file has more than 1 MiB; split it"])
    }

    @Test(arguments: [
        ("{\"a\":1,}", "a comma before \"}\" is not JSON; remove it"),
        ("[1,]", "a comma before \"]\" is not JSON; remove it"),
        ("{\"a\":1 // one\n}", "JSON has no comments; use the key \"description\""),
        ("{'a':1}", "single quotes are not JSON; use double quotes"),
        ("[True]", "\"True\" is not JSON; write true"),
        ("[10s]", "\"s\" in a number; a value with a unit is a text: \"10s\""),
        ("[007]", "a JSON number has no leading zeros"),
        ("[NaN]", "NaN is not a JSON number"),
        ("[+1]", "a JSON number begins with a digit or \"-\""),
        ("[\"a\nb\"]", "a text is not closed on its line; write a line break as \\n"),
        ("[\"C:\\dir\"]", "a backslash before \"d\" is not a JSON escape; write \\\\ for a backslash"),
        ("{\"a\" 1}", "got \"1\"; expected \":\" after the key"),
        ("[1 2]", "got \"2\"; expected \",\" or \"]\""),
        ("{\"a\":1", "got the end of the text; expected \",\" or \"}\""),
        ("{} {}", "\"{\" after the end of the document; a file holds one value"),
        ("[\"a", "the text that begins here is not closed"),
        ("[\u{7}]", "got control character U+0007; expected a value"),
    ])
    func `says what to write instead`(text: String, message: String) {
        #expect(JSONReader.read(Array(text.utf8)).problems.map(\.message) == [message])
    }
}

/// Bytes that are likely to hit the edges of UTF-8.
struct SeededBytes {
    private var state: UInt64
    init(seed: UInt64) { self.state = seed }

    mutating func next(_ bound: Int) -> Int {
        self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(self.state >> 33) % bound
    }

    mutating func byteNearBoundary() -> UInt8 {
        let edges: [UInt8] = [
            0x00, 0x41, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
            0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ]
        return edges[self.next(edges.count)]
    }
}
