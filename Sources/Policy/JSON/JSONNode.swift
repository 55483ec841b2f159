/// A value of a JSON text, and where it stood.
struct JSONNode: Hashable, Sendable {
    enum Value: Hashable, Sendable {
        case null
        case bool(Bool)
        /// As written; what it means is decided where it is used, so that no digit is lost.
        case number(String)
        case string(String)
        case array([JSONNode])
        case object([JSONMember])
    }

    var value: Value
    /// Offset of its first byte in the text.
    var offset: Int

    /// The members, where it is an object.
    var members: [JSONMember]? {
        if case .object(let members) = self.value { members } else { nil }
    }

    /// The text, where it is a string.
    var string: String? {
        if case .string(let text) = self.value { text } else { nil }
    }

    /// The number, where it is one without a fraction, however it is written (`3`, `3.0`, `3e0`).
    var wholeNumber: Int? {
        guard case .number(let text) = self.value, text.utf8.count <= 40 else { return nil }
        return Int(text) ?? Double(text).flatMap { Int(exactly: $0) }
    }

    /// The elements, where it is an array; otherwise the value itself: for keys that take one or many.
    var items: [JSONNode] {
        if case .array(let elements) = self.value { elements } else { [self] }
    }

    /// The members of an object whose keys an operator chooses, without the description that every object may have.
    var entries: [JSONMember]? {
        self.members?.filter { $0.key != "description" || $0.node.string == nil }
    }

    /// The value of a key, where it is an object that has it.
    subscript(key: String) -> JSONNode? {
        self.members?.first { $0.key == key }?.node
    }

    /// As it is quoted in a diagnostic: short, on one line, without control characters.
    var shown: String {
        switch self.value {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let text): text.count > 40 ? "a number of \(text.count) characters" : text
        case .string(let text): quoted(text)
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// One key of an object with its value.
struct JSONMember: Hashable, Sendable {
    var key: String
    var keyOffset: Int
    var node: JSONNode
}

/// A text in quotes for a person to read: cut to a length, control and direction-changing characters escaped.
func quoted(_ text: String, limit: Int = 60) -> String {
    var result = "\""
    var count = 0
    for scalar in text.unicodeScalars {
        if count == limit {
            result += "…"
            break
        }
        count += 1
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        default:
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }
    return result + "\""
}
