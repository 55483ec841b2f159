/// A problem that a text itself has.
struct JSONProblem: Error, Hashable, Sendable {
    var offset: Int
    /// The text is not RFC 8259; otherwise it is, and policies do not allow it.
    var isSyntax: Bool
    var message: String
    /// Where in the document it happened, as far as the text was understood.
    var path: [PathSegment]
}

/// Reads one JSON text, strictly by RFC 8259, in UTF-8, with limits on size and depth.
///
/// Foundation's readers accept trailing commas, say nothing of duplicate keys and know no positions. This one takes
/// linear time, and its recursion is bounded by `depthLimit`.
struct JSONReader {
    static let sizeLimit = 1 << 20
    static let depthLimit = 32

    let bytes: [UInt8]
    var position = 0
    var path: [PathSegment] = []
    /// What is wrong, and yet leaves the text readable: duplicate keys, lone surrogates.
    var problems: [JSONProblem] = []

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// - Returns: the document, `nil` where it cannot be read to its end, and all problems found.
    static func read(_ bytes: [UInt8]) -> (document: JSONNode?, problems: [JSONProblem]) {
        var reader = JSONReader(bytes)
        do throws(JSONProblem) {
            return (try reader.document(), reader.problems)
        } catch {
            return (nil, reader.problems + [error])
        }
    }

    private mutating func document() throws(JSONProblem) -> JSONNode {
        guard self.bytes.count <= Self.sizeLimit else {
            throw self.limit("the file has more than 1 MiB; split it", at: 0)
        }
        try self.checkEncoding()
        self.skipSpace()
        guard self.position < self.bytes.count else {
            throw self.syntax("the file is empty; expected an object such as {\"version\": 1, \"components\": {…}}")
        }
        let node = try self.value(depth: 1)
        self.skipSpace()
        guard self.position == self.bytes.count else {
            throw self.syntax("\(self.found) after the end of the document; a file holds one value")
        }
        return node
    }

    private func checkEncoding() throws(JSONProblem) {
        if self.bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw self.syntax("a byte order mark; save the file as UTF-8 without one", at: 0)
        }
        if self.bytes.starts(with: [0xFF, 0xFE]) || self.bytes.starts(with: [0xFE, 0xFF])
            || self.bytes.prefix(4).contains(0)
        {
            throw self.syntax("not UTF-8 text; save the file as UTF-8", at: 0)
        }
        if let offset = firstInvalidUTF8(in: self.bytes) {
            let byte = String(self.bytes[offset], radix: 16, uppercase: true)
            throw self.syntax("byte 0x\(byte) is not valid UTF-8 here; save the file as UTF-8", at: offset)
        }
    }

    // MARK: Values

    private mutating func value(depth: Int) throws(JSONProblem) -> JSONNode {
        guard self.position < self.bytes.count else { throw self.syntax("the text ends where a value is expected") }
        let start = self.position
        switch self.bytes[start] {
        case UInt8(ascii: "{"): return JSONNode(value: .object(try self.members(depth: depth)), offset: start)
        case UInt8(ascii: "["): return JSONNode(value: .array(try self.elements(depth: depth)), offset: start)
        case UInt8(ascii: "\""): return JSONNode(value: .string(try self.text()), offset: start)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return JSONNode(value: .number(try self.number()), offset: start)
        default: return JSONNode(value: try self.literal(), offset: start)
        }
    }

    private mutating func members(depth: Int) throws(JSONProblem) -> [JSONMember] {
        try self.open(depth: depth)
        var members: [JSONMember] = []
        var seen: Set<String> = []
        if self.take(UInt8(ascii: "}")) { return members }
        while true {
            let keyOffset = self.position
            guard self.peek == UInt8(ascii: "\"") else { throw self.expected("a key in double quotes", closing: "}") }
            let key = try self.text()
            self.path.append(.key(key))
            self.skipSpace()
            guard self.take(UInt8(ascii: ":")) else { throw self.expected("\":\" after the key") }
            let node = try self.value(depth: depth + 1)
            if self.isNew(key, among: members, &seen) {
                members.append(JSONMember(key: key, keyOffset: keyOffset, node: node))
            } else {
                self.problems.append(
                    JSONProblem(
                        offset: keyOffset, isSyntax: false,
                        message: "duplicate key \(quoted(key)); a key may be given once in an object", path: self.path))
            }
            self.path.removeLast()
            self.skipSpace()
            if self.take(UInt8(ascii: "}")) { return members }
            guard self.take(UInt8(ascii: ",")) else { throw self.expected("\",\" or \"}\"") }
        }
    }

    /// Most objects have a few keys, and for them comparing is cheaper than hashing.
    private func isNew(_ key: String, among members: [JSONMember], _ seen: inout Set<String>) -> Bool {
        if members.count < 8 { return !members.contains { $0.key == key } }
        if seen.isEmpty { seen = Set(members.map(\.key)) }
        return seen.insert(key).inserted
    }

    private mutating func elements(depth: Int) throws(JSONProblem) -> [JSONNode] {
        try self.open(depth: depth)
        var elements: [JSONNode] = []
        if self.take(UInt8(ascii: "]")) { return elements }
        while true {
            if self.peek == UInt8(ascii: "]") { throw self.expected("a value", closing: "]") }
            self.path.append(.index(elements.count))
            elements.append(try self.value(depth: depth + 1))
            self.path.removeLast()
            self.skipSpace()
            if self.take(UInt8(ascii: "]")) { return elements }
            guard self.take(UInt8(ascii: ",")) else { throw self.expected("\",\" or \"]\"") }
        }
    }

    private mutating func open(depth: Int) throws(JSONProblem) {
        guard depth <= Self.depthLimit else {
            throw self.limit("nested more than \(Self.depthLimit) levels deep", at: self.position)
        }
        self.position += 1
        self.skipSpace()
    }

    private mutating func literal() throws(JSONProblem) -> JSONNode.Value {
        let start = self.position
        var end = start
        while end < self.bytes.count, end - start < 20, isLetterOrDigit(self.bytes[end]) { end += 1 }
        let word = String(decoding: self.bytes[start..<end], as: UTF8.self)
        switch word {
        case "true", "false", "null":
            self.position = end
            return word == "null" ? .null : .bool(word == "true")
        case "":
            throw self.expected("a value")
        case "NaN", "Infinity":
            throw self.syntax("\(word) is not a JSON number")
        default:
            let lower = word.lowercased()
            if ["true", "false", "null"].contains(lower) {
                throw self.syntax("\(quoted(word)) is not JSON; write \(lower)")
            }
            throw self.syntax("\(quoted(word)) is not JSON; texts need double quotes")
        }
    }
}

// MARK: - Small steps

extension JSONReader {
    var peek: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    /// Steps over a byte and the white space after it, if it is the next.
    mutating func take(_ byte: UInt8) -> Bool {
        guard self.peek == byte else { return false }
        self.position += 1
        self.skipSpace()
        return true
    }

    mutating func skipSpace() {
        while self.position < self.bytes.count {
            switch self.bytes[self.position] {
            case 0x20, 0x0A, 0x0D, 0x09: self.position += 1
            default: return
            }
        }
    }

    func syntax(_ message: String, at offset: Int? = nil) -> JSONProblem {
        JSONProblem(offset: offset ?? self.position, isSyntax: true, message: message, path: self.path)
    }

    private func limit(_ message: String, at offset: Int) -> JSONProblem {
        JSONProblem(offset: offset, isSyntax: false, message: message, path: self.path)
    }

    /// What stands at the current position, for a person.
    var found: String {
        guard let byte = self.peek else { return "the end of the text" }
        if byte < 0x20 || byte == 0x7F { return "control character U+00" + hexadecimal(byte) }
        let length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
        let end = min(self.position + length, self.bytes.count)
        return quoted(String(decoding: self.bytes[self.position..<end], as: UTF8.self))
    }

    func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }

    /// Names the habits of other languages where they are what stands here.
    private func expected(_ what: String, closing: String? = nil) -> JSONProblem {
        switch self.peek {
        case UInt8(ascii: "/"), UInt8(ascii: "#"):
            return self.syntax("JSON has no comments; use the key \"description\"")
        case UInt8(ascii: "'"):
            return self.syntax("single quotes are not JSON; use double quotes")
        case UInt8(ascii: "+"), UInt8(ascii: "."):
            return self.syntax("a JSON number begins with a digit or \"-\"")
        case .some(let byte) where closing.map { $0.utf8.elementsEqual([byte]) } ?? false:
            return self.syntax("a comma before \(quoted(closing ?? "")) is not JSON; remove it")
        default:
            return self.syntax("got \(self.found); expected \(what)")
        }
    }
}
