extension ValueType where Value == String {
    /// Any text without the character NUL.
    static func text(_ length: ClosedRange<Int>, name: String = "text") -> ValueType {
        matching(
            pattern: "^[^\\u0000]*$", length: length, name: name,
            expected: length.lowerBound > 0 ? "a text that is not empty" : "a text"
        ) { _ in true }
    }

    /// An absolute path.
    static let path = matching(
        pattern: "^/[^\\u0000]*$", length: 1...4095, name: "absolute path", expected: "an absolute path"
    ) { $0.hasPrefix("/") }

    /// The path of a Unix socket; sockaddr_un has room for 107 bytes.
    static let socketPath = matching(
        pattern: "^/[^\\u0000]*$", length: 1...107, name: "absolute path",
        expected: "an absolute path of at most 107 bytes"
    ) { $0.hasPrefix("/") }

    /// A name of the language.
    static let name = matching(
        pattern: NamePattern.name.pattern, length: 1...63, name: "name", expected: NamePattern.name.expected,
        NamePattern.name.matches)

    /// A tag.
    static let tag = matching(
        pattern: "^[A-Za-z0-9][A-Za-z0-9._:/-]{0,62}$", length: 1...63, name: "tag",
        expected: "1 to 63 letters, digits, \".\", \"_\", \":\", \"/\" and \"-\", beginning with a letter or digit"
    ) { text in
        guard let first = text.utf8.first, isLetterOrDigit(first) else { return false }
        return text.utf8.allSatisfy { isLetterOrDigit($0) || "._:/-".utf8.contains($0) }
    }

    /// A user of the system, by name.
    static let user = matching(
        pattern: "^[A-Za-z_][A-Za-z0-9_.-]{0,30}$", length: 1...31, name: "user name", expected: "the name of a user"
    ) { text in
        guard let first = text.utf8.first, isLetterOrDigit(first) || first == UInt8(ascii: "_"), !isDigit(first) else {
            return false
        }
        return text.utf8.allSatisfy { isLetterOrDigit($0) || "_.-".utf8.contains($0) }
    }

    /// A host: name, IPv4 or IPv6 address.
    static let host = matching(
        pattern: "^[A-Za-z0-9._:-]+$", length: 1...253, name: "host",
        expected: "a host name, an IPv4 address or an IPv6 address such as \"::1\""
    ) { isHostName($0) || isIPv6($0) }

    /// A text that passes a test; the pattern is for the schema and may be a little wider than the test.
    ///
    /// - Parameter isSecret: it may be a credential and is never shown.
    static func matching(
        pattern: String, length: ClosedRange<Int>, name: String, expected: String, isSecret: Bool = false,
        _ isValid: @escaping @Sendable (String) -> Bool
    ) -> ValueType {
        ValueType(
            shape: .text(TextShape(pattern: pattern, length: length, name: name)),
            read: { node, context in
                guard let text = node.string else {
                    context.report(node, expected: expected)
                    return nil
                }
                guard length.contains(text.utf8.count) else {
                    context.report(
                        at: node.offset, .schema,
                        text.isEmpty
                            ? "got an empty text; expected \(expected)"
                            : "got a text of \(text.utf8.count) bytes; at most \(length.upperBound) are allowed")
                    return nil
                }
                guard !text.utf8.contains(0) else {
                    context.report(at: node.offset, .schema, "got \(node.shown); the character NUL is not allowed")
                    return nil
                }
                if isValid(text) { return text }
                if isSecret {
                    context.report(at: node.offset, .schema, "expected \(expected)")
                } else {
                    context.report(node, expected: expected)
                }
                return nil
            }, show: { "\"\($0)\"" })
    }

    // MARK: References

    /// The name of something that some file declares.
    static func reference(
        to what: String, among declared: @escaping @Sendable (DecodingContext) -> [String: Place],
        builtIn: [String] = []
    ) -> ValueType {
        ValueType(
            shape: ValueType.name.shape,
            read: { node, context in
                guard let name = node.string else {
                    context.report(node, expected: "the name of a \(what)")
                    return nil
                }
                let known = declared(context)
                if known[name] != nil || builtIn.contains(name) { return name }
                let candidates = known.count <= 2_000 ? Array(known.keys) + builtIn : builtIn
                let hint = suggestion(for: name, among: candidates).map { "; did you mean \"\($0)\"?" } ?? ""
                context.report(at: node.offset, .reference, "no \(what) \(quoted(name)) is declared\(hint)")
                return nil
            }, show: { "\"\($0)\"" })
    }

    /// The name of a check of the component in which it stands; strategies that several components share are checked
    /// where they are used.
    static let checkName = ValueType(
        shape: ValueType.name.shape,
        read: { node, context in
            guard let name = ValueType.name.read(node, &context) else { return nil }
            guard let known = context.currentChecks, !known.contains(name) else { return name }
            let hint = suggestion(for: name, among: Array(known)).map { "; did you mean \"\($0)\"?" } ?? ""
            context.report(at: node.offset, .reference, "the component has no check \(quoted(name))\(hint)")
            return nil
        }, show: { "\"\($0)\"" })
}
