/// A JSON value to be written, with its keys in the order given.
indirect enum SchemaValue: Hashable, Sendable {
    case text(String)
    case whole(Int)
    case number(Double)
    case boolean(Bool)
    case array([SchemaValue])
    case object([SchemaMember])
}

struct SchemaMember: Hashable, Sendable {
    var key: String
    var value: SchemaValue

    init(_ key: String, _ value: SchemaValue) {
        self.key = key
        self.value = value
    }
}

extension SchemaValue {
    /// Two spaces a level; arrays of plain values on one line.
    func written(indent: String = "") -> String {
        let inner = indent + "  "
        switch self {
        case .text(let text): return jsonText(text)
        case .whole(let number): return String(number)
        case .number(let number): return plain(number)
        case .boolean(let value): return value ? "true" : "false"
        case .array(let values):
            if values.allSatisfy({ !$0.hasParts }) {
                return "[" + values.map { $0.written() }.joined(separator: ", ") + "]"
            }
            let lines = values.map { inner + $0.written(indent: inner) }
            return "[\n" + lines.joined(separator: ",\n") + "\n\(indent)]"
        case .object(let members):
            if members.isEmpty { return "{}" }
            let lines = members.map { "\(inner)\(jsonText($0.key)): \($0.value.written(indent: inner))" }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        }
    }

    private var hasParts: Bool {
        switch self {
        case .text, .whole, .number, .boolean: false
        case .array, .object: true
        }
    }
}

/// A text as JSON.
func jsonText(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\u{0}"..<" ": result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
