import Foundation
import Testing

/// Docs/resilience.md, and its parts that are made rather than written: they stand between `<!-- name -->` and
/// `<!-- end of name -->`.
enum ResiliencePage {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let url = Self.root.appending(path: "Docs/resilience.md")

    static func text() throws -> String { try String(contentsOf: Self.url, encoding: .utf8) }

    static func section(_ name: String) throws -> String {
        let text = try Self.text()
        let start = try #require(text.range(of: "<!-- \(name) -->\n"))
        let end = try #require(text.range(of: "\n<!-- end of \(name) -->"))
        return String(text[start.upperBound..<end.lowerBound])
    }

    static func section(_ name: String, is expected: String) throws {
        let found = try Self.section(name)
        if found != expected, ProcessInfo.processInfo.environment["HEALD_REWRITE"] != nil {
            try Self.text().replacingOccurrences(of: found, with: expected).write(
                to: Self.url, atomically: true, encoding: .utf8)
        }
        #expect(try Self.section(name) == expected, "run the tests once with HEALD_REWRITE=1, and read the difference")
    }
}
