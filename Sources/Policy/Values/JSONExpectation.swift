/// A place in a JSON document has a value.
public struct JSONExpectation: Hashable, Sendable {
    public var path: JSONPath
    public var equals: JSONScalar

    public init(path: JSONPath, equals: JSONScalar) {
        self.path = path
        self.equals = equals
    }
}

/// A value without parts.
public enum JSONScalar: Hashable, Sendable, CustomStringConvertible {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case text(String)

    /// As JSON, fit for a message.
    public var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let number): number.text
        case .text(let text): quoted(text)
        }
    }

    /// `nil` where the node has parts.
    init?(_ node: JSONNode) {
        switch node.value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .number(let text): self = .number(JSONNumber(text))
        case .string(let text): self = .text(text)
        case .array, .object: return nil
        }
    }
}

/// A number as a document writes it; `1`, `1.0` and `10e-1` are the same, and no digit is lost.
public struct JSONNumber: Hashable, Sendable {
    public let text: String
    private let isNegative: Bool
    /// Without zeros at its ends; empty for zero.
    private let digits: [UInt8]
    /// Of the last digit, in powers of ten.
    private let exponent: Int

    /// - Parameter text: a number by RFC 8259.
    init(_ text: String) {
        self.text = text.utf8.count <= 40 ? text : text.prefix(40) + "…"
        let parts = text.split(whereSeparator: { $0 == "e" || $0 == "E" })
        let mantissa = (parts.first ?? "").split(separator: ".", omittingEmptySubsequences: false)
        var digits = mantissa.flatMap { $0.utf8.filter(isDigit) }
        // An exponent beyond an Int is beyond every document that means something by it.
        var exponent = parts.count > 1 ? Int(parts[1]) ?? (parts[1].hasPrefix("-") ? Int.min / 2 : Int.max / 2) : 0
        exponent = min(max(exponent, Int.min / 2), Int.max / 2) - (mantissa.count > 1 ? mantissa[1].utf8.count : 0)
        while digits.last == UInt8(ascii: "0") {
            digits.removeLast()
            exponent += 1
        }
        self.digits = Array(digits.drop { $0 == UInt8(ascii: "0") })
        self.exponent = self.digits.isEmpty ? 0 : exponent
        self.isNegative = !self.digits.isEmpty && text.hasPrefix("-")
    }

    public static func == (left: JSONNumber, right: JSONNumber) -> Bool {
        left.isNegative == right.isNegative && left.exponent == right.exponent && left.digits == right.digits
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.isNegative)
        hasher.combine(self.digits)
        hasher.combine(self.exponent)
    }
}

/// A document as a server sends it, read by the reader of policies: strictly, within bounds of size and depth.
public struct JSONDocument: Sendable {
    public struct Unreadable: Error, Hashable, Sendable {
        public var why: String
        /// It may well be JSON, but is beyond this reader's bounds.
        public var isBeyondLimits: Bool
    }

    private let root: JSONNode

    /// - Throws: `Unreadable`, also where a key is there twice: which one counts, no two readers agree on.
    public init(_ bytes: [UInt8]) throws(Unreadable) {
        let (document, problems) = JSONReader.read(bytes)
        if let problem = problems.first {
            // What comes after is advice for whoever writes a policy.
            let why = problem.message.split(separator: "; ", maxSplits: 1).first.map(String.init) ?? ""
            let isBeyondLimits = !problem.isSyntax && document == nil
            throw Unreadable(why: why, isBeyondLimits: isBeyondLimits)
        }
        guard let document else { throw Unreadable(why: "it cannot be read", isBeyondLimits: false) }
        self.root = document
    }

    /// What is not as expected, as a message has it: `$.status is "down"; expected "ok"`.
    public func mismatch(with expectation: JSONExpectation) -> String? {
        guard let node = expectation.path.node(in: self.root) else {
            return "\(expectation.path) is not there; expected \(expectation.equals)"
        }
        guard JSONScalar(node) != expectation.equals else { return nil }
        return "\(expectation.path) is \(JSONScalar(node)?.description ?? node.shown); expected \(expectation.equals)"
    }
}
