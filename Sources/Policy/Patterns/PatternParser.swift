/// Takes a pattern apart.
struct PatternParser {
    private let scalars: [UInt32]
    private var position = 0
    private var flags = PatternFlags()

    static let lengthMax = 1_024
    static let depthMax = 32
    static let repeatMax = 255

    init(_ text: String) { self.scalars = text.unicodeScalars.map(\.value) }

    mutating func pattern() throws(Pattern.Invalid) -> (PatternNode, PatternFlags) {
        guard self.scalars.count <= Self.lengthMax else {
            throw Pattern.Invalid(why: "a pattern may have at most \(Self.lengthMax) characters")
        }
        try self.readFlags()
        let node = try self.alternatives(depth: 0)
        guard self.position == self.scalars.count else { throw self.problem("this \")\" closes nothing; write \\)") }
        return (node, self.flags)
    }

    // MARK: Structure

    private mutating func readFlags() throws(Pattern.Invalid) {
        guard self.looksAt("(?"), let next = self.peek(2), "imsx".unicodeScalars.contains(where: { $0.value == next })
        else { return }
        self.position += 2
        while !self.take(")") {
            switch self.peek() {
            case Self.code("i"): self.flags.ignoresCase = true
            case Self.code("m"): self.flags.isMultiline = true
            case Self.code("s"): self.flags.dotMatchesAll = true
            default: throw self.problem("only the flags i, m and s are known, as in (?i)")
            }
            self.position += 1
        }
    }

    private mutating func alternatives(depth: Int) throws(Pattern.Invalid) -> PatternNode {
        guard depth <= Self.depthMax else { throw self.problem("groups nest more than \(Self.depthMax) deep") }
        var branches = [try self.sequence(depth: depth)]
        while self.take("|") { branches.append(try self.sequence(depth: depth)) }
        return branches.count == 1 ? branches[0] : .alternatives(branches)
    }

    private mutating func sequence(depth: Int) throws(Pattern.Invalid) -> PatternNode {
        var parts: [PatternNode] = []
        while let scalar = self.peek(), scalar != Self.code("|"), scalar != Self.code(")") {
            parts.append(try self.repetition(of: try self.atom(depth: depth)))
        }
        return parts.isEmpty ? .empty : parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func repetition(of node: PatternNode) throws(Pattern.Invalid) -> PatternNode {
        guard let (least, most) = try self.quantifier() else { return node }
        if case .assertion = node { throw self.problem("a position cannot be repeated") }
        // A lazy one matches the same texts.
        _ = self.take("?")
        if self.looksAt("+") { throw self.problem("possessive repetition (a++) is not available") }
        let start = self.position
        if try self.quantifier() != nil {
            self.position = start
            throw self.problem("a repetition is repeated; put it into a group")
        }
        return .repeated(node, min: least, max: most)
    }

    private mutating func quantifier() throws(Pattern.Invalid) -> (Int, Int?)? {
        if self.take("*") { return (0, nil) }
        if self.take("+") { return (1, nil) }
        if self.take("?") { return (0, 1) }
        let start = self.position
        guard self.take("{"), let least = self.number() else {
            // A brace that counts nothing stands for itself.
            self.position = start
            return nil
        }
        var most: Int? = least
        if self.take(",") { most = self.number() }
        guard self.take("}") else {
            self.position = start
            return nil
        }
        guard least <= Self.repeatMax, most ?? 0 <= Self.repeatMax else {
            throw self.problem("a repetition counts to \(Self.repeatMax) at most")
        }
        guard most.map({ least <= $0 }) ?? true else { throw self.problem("the repetition's bounds are swapped") }
        return (least, most)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let scalar = self.peek(), ScalarSet.digit.contains(scalar), value ?? 0 < 100_000 {
            value = (value ?? 0) * 10 + Int(scalar - 0x30)
            self.position += 1
        }
        return value
    }

    // MARK: Atoms

    private mutating func atom(depth: Int) throws(Pattern.Invalid) -> PatternNode {
        let scalar = self.scalars[self.position]
        self.position += 1
        switch scalar {
        case Self.code("("): return try self.group(depth: depth)
        case Self.code("["): return .one(try self.bracket())
        case Self.code("."): return .one(self.flags.dotMatchesAll ? .all : ScalarSet.lineFeed.inverted)
        case Self.code("^"): return .assertion(self.flags.isMultiline ? .lineStart : .textStart)
        case Self.code("$"): return .assertion(self.flags.isMultiline ? .lineEnd : .textEnd)
        case Self.code("*"), Self.code("+"), Self.code("?"):
            self.position -= 1
            throw self.problem("there is nothing to repeat; for the character itself write a \\ before it")
        case Self.code("\\"): return try self.escape()
        default: return .one(ScalarSet([scalar...scalar]))
        }
    }

    private mutating func group(depth: Int) throws(Pattern.Invalid) -> PatternNode {
        let start = self.position - 1
        if self.looksAt("?"), !self.takeAll("?:") {
            throw self.problem(
                "only (…), (?:…) and flags at the very beginning are available; looking around would take unbounded time"
            )
        }
        let node = try self.alternatives(depth: depth + 1)
        guard self.take(")") else {
            self.position = start
            throw self.problem("this \"(\" is never closed; for the character itself write \\(")
        }
        return node
    }

    private mutating func escape() throws(Pattern.Invalid) -> PatternNode {
        switch self.peek() {
        case Self.code("b"): return self.assertion(.wordEdge)
        case Self.code("B"): return self.assertion(.noWordEdge)
        case Self.code("A"): return self.assertion(.textStart)
        case Self.code("z"): return self.assertion(.textEnd)
        default: return .one(try self.escapedSet())
        }
    }

    private mutating func assertion(_ assertion: PatternAssertion) -> PatternNode {
        self.position += 1
        return .assertion(assertion)
    }

    /// What a backslash and what follows it stand for, inside and outside of brackets.
    private mutating func escapedSet() throws(Pattern.Invalid) -> ScalarSet {
        guard let scalar = self.peek() else { throw self.problem("a \\ at the end escapes nothing") }
        self.position += 1
        switch scalar {
        case Self.code("d"): return .digit
        case Self.code("D"): return ScalarSet.digit.inverted
        case Self.code("w"): return .word
        case Self.code("W"): return ScalarSet.word.inverted
        case Self.code("s"): return .space
        case Self.code("S"): return ScalarSet.space.inverted
        case Self.code("t"): return ScalarSet("\t")
        case Self.code("n"): return .lineFeed
        case Self.code("r"): return ScalarSet("\r")
        case Self.code("x"): return try self.hexadecimal()
        case _ where ScalarSet.digit.contains(scalar):
            throw self.problem("back-references are not available: they would take unbounded time")
        case _ where ScalarSet.word.contains(scalar):
            throw self.problem("\\\(Unicode.Scalar(scalar).map(String.init) ?? "") is not known")
        default: return ScalarSet([scalar...scalar])
        }
    }

    /// `\x41` or `\x{1F600}`.
    private mutating func hexadecimal() throws(Pattern.Invalid) -> ScalarSet {
        let isLong = self.take("{")
        var digits = ""
        while let scalar = self.peek().flatMap(Unicode.Scalar.init), scalar.properties.isASCIIHexDigit,
            digits.utf8.count < (isLong ? 6 : 2)
        {
            digits.unicodeScalars.append(scalar)
            self.position += 1
        }
        guard let value = UInt32(digits, radix: 16), Unicode.Scalar(value) != nil,
            isLong ? self.take("}") : digits.utf8.count == 2
        else { throw self.problem("expected two hexadecimal digits after \\x, or \\x{…}") }
        return ScalarSet([value...value])
    }
}

// MARK: - Brackets

extension PatternParser {
    private mutating func bracket() throws(Pattern.Invalid) -> ScalarSet {
        let start = self.position - 1
        let isInverted = self.take("^")
        var set = ScalarSet()
        if self.looksAt("]") { throw self.problem("a \"]\" that belongs to the set is written \\]") }
        while !self.take("]") {
            guard self.peek() != nil else {
                self.position = start
                throw self.problem("this \"[\" is never closed; for the character itself write \\[")
            }
            if self.looksAt("[:") || self.looksAt("[.") || self.looksAt("[=") {
                throw self.problem("named sets such as [:digit:] are not available; write \\d or a range")
            }
            set = set.union(try self.bracketItem())
        }
        if self.flags.ignoresCase { set = set.ignoringCase }
        return isInverted ? set.inverted : set
    }

    private mutating func bracketItem() throws(Pattern.Invalid) -> ScalarSet {
        let (set, low) = try self.bracketMember()
        guard self.looksAt("-"), let next = self.peek(1), next != Self.code("]") else { return set }
        self.position += 1
        let (_, high) = try self.bracketMember()
        guard let low, let high, low <= high else { throw self.problem("this is not a range of characters") }
        return ScalarSet([low...high])
    }

    /// A member of a set, and its one character where it is only one.
    private mutating func bracketMember() throws(Pattern.Invalid) -> (ScalarSet, UInt32?) {
        guard let scalar = self.peek() else { return (ScalarSet(), nil) }
        self.position += 1
        guard scalar == Self.code("\\") else { return (ScalarSet([scalar...scalar]), scalar) }
        let set = try self.escapedSet()
        return (set, set.only)
    }

    // MARK: Small steps

    private static func code(_ scalar: Unicode.Scalar) -> UInt32 { scalar.value }

    private func peek(_ offset: Int = 0) -> UInt32? {
        let index = self.position + offset
        return index < self.scalars.count ? self.scalars[index] : nil
    }

    private func looksAt(_ text: String) -> Bool {
        self.scalars[self.position...].starts(with: text.unicodeScalars.map(\.value))
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard self.peek() == scalar.value else { return false }
        self.position += 1
        return true
    }

    private mutating func takeAll(_ text: String) -> Bool {
        guard self.looksAt(text) else { return false }
        self.position += text.unicodeScalars.count
        return true
    }

    private func problem(_ why: String) -> Pattern.Invalid {
        Pattern.Invalid(why: "character \(min(self.position + 1, max(1, self.scalars.count))): \(why)")
    }
}
