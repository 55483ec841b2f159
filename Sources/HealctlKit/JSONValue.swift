/// A JSON value whose keys keep the order they are given in, so that the same data always gives the same text.
public enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// A number that is not finite becomes null: JSON has none.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([(String, JSONValue)])

    public static func string(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
    public static func integer(_ number: Int64?) -> JSONValue { number.map { .integer($0) } ?? .null }
    public static func number(_ number: Double?) -> JSONValue { number.map { .number($0) } ?? .null }

    /// The value as indented text, ending in a line end. Whatever could act on a terminal is escaped.
    ///
    /// - SeeAlso: RFC 8259.
    public var text: String {
        var output = ""
        self.write(to: &output, indent: 0)
        return output + "\n"
    }

    private func write(to output: inout String, indent: Int) {
        switch self {
        case .null: output += "null"
        case .bool(let value): output += value ? "true" : "false"
        case .integer(let value): output += String(value)
        case .number(let value): output += Self.text(of: value)
        case .string(let value): Self.write(value, to: &output)
        case .array(let elements):
            Self.writeList(elements, "[", "]", to: &output, indent: indent) { element, output in
                element.write(to: &output, indent: indent + 1)
            }
        case .object(let members):
            Self.writeList(members, "{", "}", to: &output, indent: indent) { member, output in
                Self.write(member.0, to: &output)
                output += ": "
                member.1.write(to: &output, indent: indent + 1)
            }
        }
    }

    private static func writeList<Element>(
        _ elements: [Element], _ opening: String, _ closing: String, to output: inout String, indent: Int,
        _ writeElement: (Element, inout String) -> Void
    ) {
        output += opening
        for (index, element) in elements.enumerated() {
            output += (index == 0 ? "\n" : ",\n") + String(repeating: "  ", count: indent + 1)
            writeElement(element, &output)
        }
        if !elements.isEmpty { output += "\n" + String(repeating: "  ", count: indent) }
        output += closing
    }

    private static func text(of number: Double) -> String {
        guard number.isFinite else { return "null" }
        let text = String(number)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private static func write(_ text: String, to output: inout String) {
        output += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\t": output += "\\t"
            case "\r": output += "\\r"
            case " "..."~": output.unicodeScalars.append(scalar)
            default:
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
                    for unit in Character(scalar).utf16 {
                        let digits = String(unit, radix: 16)
                        output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                    }
                default: output.unicodeScalars.append(scalar)
                }
            }
        }
        output += "\""
    }
}
