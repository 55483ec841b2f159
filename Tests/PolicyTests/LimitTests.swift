import Foundation
import Testing

@testable import Policy

/// No input may crash or hang the reader.
@Suite struct LimitTests {
    static func many(_ count: Int, perFile: Int = 2_000) -> [(name: String, text: String)] {
        stride(from: 0, to: count, by: perFile).map { start in
            let members = (start..<min(start + perFile, count)).map { index in
                """
                "c\(index)": {"unit": "c\(index).service", "dependsOn": [\(index % 10 == 0 ? "" : "\"c\(index - 1)\"")],
                "checks": {"u": {"type": "unit"}, "h": {"type": "http", "url": "http://127.0.0.1:80/"}}}
                """
            }
            return ("\(start).json", "{\"version\": 1, \"components\": {\(members.joined(separator: ",\n"))}}")
        }
    }

    @Test func `10,000 components load, 10,001 are refused`() throws {
        #expect(try PolicyLoader.load(texts: Self.many(10_000)).snapshot.components.count == 10_000)
        let error = #expect(throws: PolicyError.self) { try PolicyLoader.load(texts: Self.many(10_001)) }
        #expect(
            error?.description
                == "10000.json:1:31: $.components.c10000: there are 10001 components; at most 10000 are allowed in all files together"
        )
    }

    @Test func `a chain of 10,000 dependencies has no cycle, and closed it is one`() {
        func chain(closing: Bool) -> [Diagnostic] {
            let members = (0..<10_000).map { index in
                let needed = index == 0 ? (closing ? ["\"c9999\""] : []) : ["\"c\(index - 1)\""]
                return
                    #""c\#(index)":{"dependsOn":[\#(needed.joined())],"checks":{"t":{"type":"tcp","host":"a","port":1}}}"#
            }
            let half = members.count / 2
            return PolicyDecoder.decode(
                [members[..<half], members[half...]].enumerated().map { number, part in
                    ("\(number).json", Array("{\"version\":1,\"components\":{\(part.joined(separator: ","))}}".utf8))
                }
            ).diagnostics
        }
        #expect(chain(closing: false) == [])
        let problems = chain(closing: true)
        #expect(problems.count == 1)
        #expect(problems.first?.message.hasPrefix("dependency cycle: c0 → c9999 → c9998") == true)
        #expect((problems.first?.message.count ?? .max) < 400)
    }

    @Test func `very many mistakes on one line is reported in linear time`() {
        for (piece, wrapper) in [
            (#""x":1,"#, ("{\"version\":1,", "\"y\":2}")),
            (#"{"action":"A"},"#, (#"{"version":1,"components":{"a":{"checks":{},"recovery":["#, "1]}}}")),
            ("1,", (#"{"version":1,"components":{"a":{"checks":{},"dependsOn":["#, "1]}}}")),
        ] {
            let count = ((1 << 17) - wrapper.0.utf8.count - wrapper.1.utf8.count) / piece.utf8.count
            let text = wrapper.0 + String(repeating: piece, count: count) + wrapper.1
            let started = ContinuousClock.now
            let (snapshot, diagnostics) = PolicyDecoder.decode([("x", Array(text.utf8))])
            #expect(snapshot == nil)
            #expect(!diagnostics.isEmpty)
            // Quadratic would be minutes.
            #expect(ContinuousClock.now - started < .seconds(20))
        }
        let unknown = (0..<12_000).map { "\"k\($0)\":1" }.joined(separator: ",")
        let started = ContinuousClock.now
        #expect(PolicyDecoder.decode([("x", Array("{\(unknown)}".utf8))]).diagnostics.count == 12_001)
        #expect(ContinuousClock.now - started < .seconds(20))
    }

    @Test func `hostile texts give a diagnostic`() {
        let texts: [[UInt8]] = [
            Array(repeating: UInt8(ascii: "["), count: 100_000),
            Array(String(repeating: "{\"a\":", count: 100_000).utf8),
            Array(repeating: 0, count: 1 << 20), Array(repeating: 0xFF, count: 1 << 20),
            Array(repeating: UInt8(ascii: "\""), count: 1 << 20), Array(repeating: UInt8(ascii: "9"), count: 1 << 20),
            Array("[\"".utf8) + Array(repeating: UInt8(ascii: "\\"), count: 1 << 19),
            Array("{\"version\": 1\(String(repeating: "0", count: 900_000))}".utf8),
            Array("{\"version\": 1e\(String(repeating: "9", count: 900_000))}".utf8),
            Array("{\"version\": 1, \"\(String(repeating: "k", count: 900_000))\": 1}".utf8),
            Array(
                "{\"version\": 1, \"components\": {\"a\": {\"unit\": \"\(String(repeating: "u", count: 900_000))\"}}}"
                    .utf8),
            Array(repeating: UInt8(ascii: " "), count: 5 << 20), Array(repeating: UInt8(ascii: "\n"), count: 1 << 20),
        ]
        for text in texts {
            let (snapshot, diagnostics) = PolicyDecoder.decode([("x", text)])
            #expect(snapshot == nil)
            #expect(!diagnostics.isEmpty)
            #expect(diagnostics.allSatisfy { $0.description.count < 600 })
        }
    }

    @Test func `a mutated policy loads or gives a place in the text, never more nor less`() throws {
        let originals = try goodTexts().map { Array($0.utf8) }
        var generator = SeededBytes(seed: 20_260_101)
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "1", "-", "null", "true", "\"x\"", "\u{0}", "é", " ", "\n", "e9",
        ]
        .map { Array($0.utf8) }
        var loaded = 0
        var refused = 0
        for round in 0..<6_000 {
            var text = originals[round % originals.count]
            for _ in 0...generator.next(3) {
                let start = generator.next(text.count)
                let end = min(text.count, start + generator.next(9))
                switch generator.next(4) {
                case 0: text.removeSubrange(start..<end)
                case 1: text.insert(contentsOf: pieces[generator.next(pieces.count)], at: start)
                case 2: text[start] = UInt8(generator.next(256))
                default: text.insert(contentsOf: Array(text[start..<end]), at: generator.next(text.count))
                }
                if text.isEmpty { text = [0x20] }
            }
            let (snapshot, diagnostics) = PolicyDecoder.decode([("x", text)])
            let lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)
            for diagnostic in diagnostics {
                #expect((1...lines.count).contains(diagnostic.line))
                #expect((1...lines[diagnostic.line - 1].count + 1).contains(diagnostic.column))
                #expect(diagnostic.path.hasPrefix("$") && !diagnostic.message.isEmpty)
            }
            #expect((snapshot == nil) == diagnostics.contains { $0.severity == .error })
            #expect(diagnostics == diagnostics.sorted())
            // The same text always means the same.
            if round % 10 == 0 { #expect(PolicyDecoder.decode([("x", text)]).snapshot == snapshot) }
            if snapshot == nil { refused += 1 } else { loaded += 1 }
        }
        #expect(loaded > 100)
        #expect(refused > 1_000)
    }
}
