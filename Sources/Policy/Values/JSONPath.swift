/// A place in a JSON document: `$.status.db[0].state`, `$["a key"]`.
///
/// Of RFC 9535 only what names one place: the root, names of members and indices from the front.
public struct JSONPath: Hashable, Sendable, CustomStringConvertible {
    /// What is wrong with a path.
    public struct Invalid: Error, Hashable, Sendable {
        public var why: String
    }

    private enum Segment: Hashable, Sendable {
        case member(String)
        case element(Int)
    }

    public let description: String
    private let segments: [Segment]

    /// As JSON schema has it.
    static let pattern =
        "^\\$([.][A-Za-z_][A-Za-z0-9_-]*|\\[(0|[1-9][0-9]{0,5})\\]|\\[\"[^\"\\\\\\u0000-\\u001F]+\"\\])*$"

    /// - Throws: `Invalid`.
    public init(_ text: String) throws(Invalid) {
        self.description = text
        guard text.hasPrefix("$") else { throw Invalid(why: "a path begins with \"$\", the whole document") }
        var segments: [Segment] = []
        var rest = text.utf8.dropFirst()
        while let first = rest.first {
            switch first {
            case UInt8(ascii: "."): segments.append(try Self.name(&rest))
            case UInt8(ascii: "["): segments.append(try Self.bracket(&rest))
            default: throw Invalid(why: "a path goes on with \".name\", \"[0]\" or [\"a key\"]")
            }
        }
        guard segments.count < JSONReader.depthLimit else {
            throw Invalid(why: "a document is read to a depth of \(JSONReader.depthLimit) only")
        }
        self.segments = segments
    }

    private static func name(_ rest: inout Substring.UTF8View) throws(Invalid) -> Segment {
        let name = rest.dropFirst().prefix {
            isLetterOrDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
        }
        guard let first = name.first, !isDigit(first), first != UInt8(ascii: "-") else {
            throw Invalid(
                why: "after \".\" comes a name of letters, digits, \"_\" and \"-\"; write other keys as [\"a key\"]")
        }
        rest = rest[name.endIndex...]
        return .member(String(Substring(name)))
    }

    private static func bracket(_ rest: inout Substring.UTF8View) throws(Invalid) -> Segment {
        let inner = rest.dropFirst()
        if inner.first == UInt8(ascii: "\"") {
            let key = inner.dropFirst().prefix { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") && $0 >= 0x20 }
            guard !key.isEmpty, inner[key.endIndex...].starts(with: "\"]".utf8) else {
                throw Invalid(why: "a key in brackets is written [\"a key\"], without \"\\\" and quotes inside")
            }
            rest = inner[key.endIndex...].dropFirst(2)
            return .member(String(Substring(key)))
        }
        let digits = inner.prefix(while: isDigit)
        guard (1...6).contains(digits.count), let index = Int(Substring(digits)),
            String(index).utf8.count == digits.count,
            inner[digits.endIndex...].first == UInt8(ascii: "]")
        else { throw Invalid(why: "in brackets stands a number from 0 to 999999 or a key in double quotes") }
        rest = inner[digits.endIndex...].dropFirst()
        return .element(index)
    }

    func node(in root: JSONNode) -> JSONNode? {
        var node = root
        for segment in self.segments {
            switch (segment, node.value) {
            case (.member(let key), .object):
                guard let next = node[key] else { return nil }
                node = next
            case (.element(let index), .array(let elements)) where index < elements.count: node = elements[index]
            default: return nil
            }
        }
        return node
    }
}
