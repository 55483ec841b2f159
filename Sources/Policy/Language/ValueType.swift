/// A kind of value: what it looks like, how it is read and how a default of it is shown.
struct ValueType<Value: Sendable>: Sendable {
    let shape: Shape
    /// Returns `nil` after having reported what is wrong.
    let read: @Sendable (JSONNode, inout DecodingContext) -> Value?
    /// The value as JSON; `nil` where a table should show nothing.
    let show: @Sendable (Value) -> String?
}

extension ValueType {
    /// The same texts with a further condition or another meaning.
    func map<Other: Sendable>(
        show: @escaping @Sendable (Other) -> String? = { _ in nil },
        _ transform: @escaping @Sendable (Value, JSONNode, inout DecodingContext) -> Other?
    ) -> ValueType<Other> {
        let read = self.read
        return ValueType<Other>(
            shape: self.shape,
            read: { node, context in
                guard let value = read(node, &context) else { return nil }
                return transform(value, node, &context)
            }, show: show)
    }
}

extension ValueType where Value == Bool {
    static let boolean = ValueType(
        shape: .boolean,
        read: { node, context in
            if case .bool(let value) = node.value { return value }
            context.report(node, expected: "true or false")
            return nil
        }, show: { $0 ? "true" : "false" })
}

extension ValueType where Value == Int {
    static func wholeNumber(_ range: ClosedRange<Int>) -> ValueType {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return ValueType(
            shape: .wholeNumber(range),
            read: { node, context in
                if let number = node.wholeNumber, range.contains(number) { return number }
                context.report(node, expected: expected)
                return nil
            }, show: { String($0) })
    }
}

extension ValueType where Value == Double {
    static func number(_ range: ClosedRange<Double>) -> ValueType {
        let expected = "a number from \(plain(range.lowerBound)) to \(plain(range.upperBound))"
        return ValueType(
            shape: .number(range),
            read: { node, context in
                if case .number(let text) = node.value, text.utf8.count <= 40, let number = Double(text),
                    range.contains(number)
                {
                    return number
                }
                context.report(node, expected: expected)
                return nil
            }, show: { plain($0) })
    }

    /// A share such as `"40%"`, as 0...1.
    static func share(_ range: ClosedRange<Double>) -> ValueType {
        let bounds = "from \(shareText(range.lowerBound)) to \(shareText(range.upperBound))"
        return ValueType(
            shape: .share(range),
            read: { node, context in
                guard let text = node.string, let share = parseShare(text) else {
                    context.report(node, expected: "a share such as \"25%\"")
                    return nil
                }
                if range.contains(share) { return share }
                context.report(node, expected: "a share \(bounds)")
                return nil
            }, show: { "\"\(shareText($0))\"" })
    }
}

extension ValueType where Value == Duration {
    static func duration(_ range: ClosedRange<Duration>) -> ValueType {
        let bounds = "from \(range.lowerBound.policyText) to \(range.upperBound.policyText)"
        return ValueType(
            shape: .duration(range),
            read: { node, context in
                guard let text = node.string, let duration = Duration(policyText: text) else {
                    context.report(node, expected: "a duration such as \"500ms\" or \"10s\"")
                    return nil
                }
                if range.contains(duration) { return duration }
                context.report(node, expected: "a duration \(bounds)")
                return nil
            }, show: { "\"\($0.policyText)\"" })
    }
}

extension ValueType where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of an enumeration's words.
    static func choice(_ cases: [Value] = Array(Value.allCases), unavailable: [String] = []) -> ValueType {
        let words = cases.map(\.rawValue)
        return ValueType(
            shape: .choice(words, unavailable: unavailable),
            read: { node, context in
                if let text = node.string, let value = cases.first(where: { $0.rawValue == text }) { return value }
                reportUnknownWord(node, words: words, unavailable: unavailable, &context)
                return nil
            }, show: { "\"\($0.rawValue)\"" })
    }
}

/// Says what is wrong with a word that is none of the known ones.
func reportUnknownWord(_ node: JSONNode, words: [String], unavailable: [String], _ context: inout DecodingContext) {
    if let text = node.string, unavailable.contains(text) {
        // Actions are known by their names in capitals; other words need quotes to be told from the sentence.
        context.report(at: node.offset, .schema, notAvailable(text == text.uppercased() ? text : quoted(text)))
        return
    }
    let hint = node.string.flatMap { suggestion(for: $0, among: words) }.map { "; did you mean \"\($0)\"?" } ?? ""
    let list = words.map { "\"\($0)\"" }.joined(separator: ", ")
    context.report(node, expected: (words.count == 1 ? list : "one of \(list)") + hint)
}

/// `"25%"` as 0.25, at most two decimals.
func parseShare(_ text: String) -> Double? {
    guard text.utf8.count <= 8, text.hasSuffix("%") else { return nil }
    let parts = text.dropLast().split(separator: ".", omittingEmptySubsequences: false)
    let isWellFormed =
        parts.count <= 2 && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isDigit) }
        && parts[0].utf8.count <= 3 && (parts.count == 1 || parts[1].utf8.count <= 2)
    return isWellFormed ? Double(text.dropLast()).map { $0 / 100 } : nil
}

let sharePattern = "^[0-9]{1,3}([.][0-9]{1,2})?%$"

/// 0.25 as `25%`.
func shareText(_ share: Double) -> String { plain((share * 10_000).rounded() / 100) + "%" }

/// A number without a needless fraction.
func plain(_ number: Double) -> String { Int(exactly: number).map(String.init) ?? String(number) }
