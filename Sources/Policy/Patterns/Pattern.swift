/// A regular expression whose matching takes time in proportion to the text, whatever both are.
///
/// What would break that is refused when the pattern is read: back-references and looking around. A pattern only tells
/// whether a text matches, so that greedy and lazy repetition are the same.
public struct Pattern: Hashable, Sendable {
    /// What is wrong with a pattern, and where: `character 3: …`.
    public struct Invalid: Error, Hashable, Sendable {
        public var why: String
    }

    /// As written; it says everything else.
    public let text: String
    let program: PatternProgram

    /// - Throws: `Invalid`.
    public init(_ text: String) throws(Invalid) {
        self.text = text
        var parser = PatternParser(text)
        let (node, flags) = try parser.pattern()
        self.program = try PatternProgram(node, flags: flags)
    }

    public static func == (left: Pattern, right: Pattern) -> Bool { left.text == right.text }

    public func hash(into hasher: inout Hasher) { hasher.combine(self.text) }
}

/// What holds for the whole pattern; letters in parentheses at its beginning: `(?i)`.
struct PatternFlags: Hashable, Sendable {
    /// `i`: letters of ASCII match in both cases.
    var ignoresCase = false
    /// `m`: `^` and `$` match at every line.
    var isMultiline = false
    /// `s`: `.` matches line feeds, too.
    var dotMatchesAll = false
}

/// A pattern, taken apart.
indirect enum PatternNode: Hashable, Sendable {
    case empty
    case one(ScalarSet)
    case assertion(PatternAssertion)
    case sequence([PatternNode])
    case alternatives([PatternNode])
    /// `max` is `nil` where there is no limit.
    case repeated(PatternNode, min: Int, max: Int?)
}

/// What must hold between two characters.
enum PatternAssertion: Hashable, Sendable {
    case textStart, textEnd, lineStart, lineEnd, wordEdge, noWordEdge

    /// - Parameters: the characters on both sides; `nil` at the ends of the text.
    func holds(before: UInt32?, after: UInt32?) -> Bool {
        switch self {
        case .textStart: before == nil
        case .textEnd: after == nil
        case .lineStart: before == nil || before == 0x0A
        case .lineEnd: after == nil || after == 0x0A
        case .wordEdge: Self.isWord(before) != Self.isWord(after)
        case .noWordEdge: Self.isWord(before) == Self.isWord(after)
        }
    }

    private static func isWord(_ scalar: UInt32?) -> Bool { scalar.map { ScalarSet.word.contains($0) } ?? false }
}
