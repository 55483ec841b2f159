extension ValueType where Value == Pattern {
    /// A regular expression; it is compiled when the policy is read.
    static let pattern = ValueType(
        shape: .text(TextShape(pattern: "^[^\\u0000]*$", length: 1...1024, name: "regular expression")),
        read: { node, context in
            guard let text = ValueType<String>.text(1...1024).read(node, &context) else { return nil }
            do throws(Pattern.Invalid) {
                return try Pattern(text)
            } catch {
                context.report(at: node.offset, .schema, "the regular expression \(quoted(text)), \(error.why)")
                return nil
            }
        }, show: { "\"\($0.text)\"" })
}

extension ValueType where Value == [JSONExpectation] {
    private struct Draft: Sendable {
        var path: JSONPath?
        var equals: JSONScalar?
    }

    private static let expectation = ObjectSpec(
        "expect-json", title: "an expectation of JSON", initial: Draft(),
        [
            Key("path", optional: \.path, .jsonPath, required: true, "The place, such as `$.status.db[0].state`."),
            Key(
                "equals", optional: \.equals, .jsonScalar, required: true,
                "What stands there; numbers are compared by their value."),
        ])

    static let jsonExpectations = ValueType<[Draft]>.list(of: .object(expectation), count: 1...20)
        .map(show: { (_: [JSONExpectation]) in nil }) { drafts, _, _ in
            drafts.compactMap { draft in
                // What is absent here was wrong and has been reported.
                guard let path = draft.path, let equals = draft.equals else { return nil }
                return JSONExpectation(path: path, equals: equals)
            }
        }
}

extension ValueType where Value == JSONPath {
    fileprivate static let jsonPath = ValueType(
        shape: .text(TextShape(pattern: JSONPath.pattern, length: 1...500, name: "path")),
        read: { node, context in
            let expected = "a path such as \"$.status.db[0].state\""
            guard let text = node.string, text.utf8.count <= 500 else {
                context.report(node, expected: expected)
                return nil
            }
            do throws(JSONPath.Invalid) {
                return try JSONPath(text)
            } catch {
                context.report(node, expected: "\(expected): \(error.why)")
                return nil
            }
        }, show: { "\"\($0)\"" })
}

extension ValueType where Value == JSONScalar {
    fileprivate static let jsonScalar = ValueType(
        shape: .scalar,
        read: { node, context in
            if let scalar = JSONScalar(node) { return scalar }
            context.report(node, expected: "a text, a number, true, false or null")
            return nil
        }, show: { $0.description })
}
