extension ValueType where Value == CheckReference {
    /// `component/check`. Whether it is there is known once all components are: `reportUnknown`.
    static let checkReference = ValueType<String>.matching(
        pattern: "^[a-z0-9][a-z0-9._-]{0,62}/[a-z0-9][a-z0-9._-]{0,62}$", length: 1...127, name: "component/check",
        expected: "a component and one of its checks such as \"gateway/ping\""
    ) { CheckReference(text: $0) != nil }.map(show: { "\"\($0.component)/\($0.check)\"" }) { text, _, _ in
        CheckReference(text: text)
    }
}

extension CheckReference {
    fileprivate init?(text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, parts.allSatisfy(NamePattern.name.matches) else { return nil }
        self.init(component: parts[0], check: parts[1])
    }

    /// Reports references to what is not there, or is of no use.
    ///
    /// - Parameters:
    ///   - node: the array of references.
    ///   - uselessness: why a check is of no use here.
    static func reportUnknown(
        in node: JSONNode, among components: [Component], _ context: inout DecodingContext,
        uselessness: (Check) -> String?
    ) {
        for item in node.items {
            guard let text = item.string, let reference = CheckReference(text: text) else { continue }
            let component = components.first { $0.name == reference.component }
            guard let check = component?.checks.first(where: { $0.name == reference.check }) else {
                let known = components.prefix(2_000).flatMap { one in one.checks.map { "\(one.name)/\($0.name)" } }
                let hint = suggestion(for: text, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
                context.report(at: item.offset, .reference, "no check \(quoted(text)) is declared\(hint)")
                continue
            }
            if let why = uselessness(check) {
                context.report(at: item.offset, .semantic, "the check \(quoted(text)) \(why)")
            }
        }
    }
}
