extension ValueType {
    /// An array. Elements that are wrong are reported and left out.
    static func list<Element>(of type: ValueType<Element>, count: ClosedRange<Int>) -> ValueType
    where Value == [Element] {
        ValueType(
            shape: .list(type.shape, count),
            read: { node, context in
                guard case .array(let elements) = node.value else {
                    context.report(node, expected: node.string == nil ? "an array" : "an array such as [\(node.shown)]")
                    return nil
                }
                guard checkCount(elements.count, count, "element", node, &context) else { return nil }
                return elements.compactMap { type.read($0, &context) }
            },
            show: { values in
                let texts = values.compactMap(type.show)
                return texts.count == values.count ? "[\(texts.joined(separator: ", "))]" : nil
            })
    }

    /// One value or an array of them.
    static func oneOrMany<Element>(of type: ValueType<Element>, atMost most: Int) -> ValueType
    where Value == [Element] {
        let list = ValueType.list(of: type, count: 1...most)
        return ValueType(
            shape: .anyOf([type.shape, list.shape]),
            read: { node, context in
                if case .array = node.value { return list.read(node, &context) }
                return type.read(node, &context).map { [$0] }
            }, show: list.show)
    }

    /// An object whose keys the operator chooses. Entries that are wrong are reported and left out.
    static func map<Element>(
        keys: NamePattern, of type: ValueType<Element>, count: ClosedRange<Int>
    ) -> ValueType where Value == [String: Element] {
        ValueType(
            shape: .map(keyPattern: keys.pattern, type.shape, count),
            read: { node, context in
                guard let members = node.members else {
                    context.report(node, expected: "an object")
                    return nil
                }
                guard checkCount(members.count, count, "entry", node, &context) else { return nil }
                var result: [String: Element] = [:]
                for member in members {
                    guard keys.check(member, &context) else { continue }
                    if let value = type.read(member.node, &context) { result[member.key] = value }
                }
                return result
            },
            show: { $0.isEmpty ? "{}" : nil })
    }

    /// An object with keys of the language that begins as `initial`.
    static func object(_ spec: ObjectSpec<Value>) -> ValueType {
        ValueType(
            shape: .object(spec.shape),
            read: { node, context in
                var value = spec.initial
                return spec.read(node, into: &value, &context) ? value : nil
            }, show: { _ in nil })
    }
}

private func checkCount(
    _ count: Int, _ range: ClosedRange<Int>, _ what: String, _ node: JSONNode, _ context: inout DecodingContext
) -> Bool {
    if range.contains(count) { return true }
    let plural = what == "entry" ? "entries" : what + "s"
    context.report(
        at: node.offset, .schema,
        count < range.lowerBound
            ? "expected at least \(range.lowerBound) \(range.lowerBound == 1 ? what : plural)"
            : "got \(count) \(plural); expected at most \(range.upperBound)")
    return false
}

/// What the keys that an operator chooses may look like.
struct NamePattern: Sendable {
    let pattern: String
    let expected: String
    let matches: @Sendable (String) -> Bool

    /// The name of a component, check, strategy, channel or group.
    static let name = NamePattern(
        pattern: "^[a-z0-9][a-z0-9._-]{0,62}$",
        expected: "1 to 63 of a-z, 0-9, \".\", \"_\" and \"-\", beginning with a letter or digit"
    ) { text in
        let bytes = text.utf8
        guard (1...63).contains(bytes.count), let first = bytes.first else { return false }
        func isLower(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || isDigit(byte) }
        return isLower(first)
            && bytes.allSatisfy {
                isLower($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
            }
    }

    /// The full name of a unit.
    static let unit = NamePattern(
        pattern: "^[A-Za-z0-9:_.\\\\@-]+[.][a-z]+$", expected: "the full name of a unit such as \"nginx.service\""
    ) { text in
        (3...255).contains(text.utf8.count) && text.contains(".")
            && text.utf8.allSatisfy { isLetterOrDigit($0) || ":-_.\\@".utf8.contains($0) }
    }

    /// The name of an environment variable.
    static let variable = NamePattern(
        pattern: "^[A-Za-z_][A-Za-z0-9_]{0,127}$", expected: "letters, digits and \"_\", not beginning with a digit"
    ) { text in
        let bytes = text.utf8
        guard (1...128).contains(bytes.count), let first = bytes.first, !isDigit(first) else { return false }
        return bytes.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "_") }
    }

    func check(_ member: JSONMember, _ context: inout DecodingContext) -> Bool {
        if self.matches(member.key) { return true }
        context.report(
            at: member.keyOffset, .schema, "the name \(quoted(member.key)) is not valid; use \(self.expected)")
        return false
    }
}
