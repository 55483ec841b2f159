extension CompositeCheck {
    /// As it is written: exactly one of the three.
    struct Draft: Sendable {
        var all: [String]?
        var any: [String]?
        var atLeast: AtLeast?
    }

    struct AtLeast: Sendable {
        var count = 0
        var of: [String] = []
    }

    static let variant = Variant<CheckKind>(
        "composite",
        keys: ObjectSpec(
            "check-composite", title: "a composite check", initial: Draft(),
            [
                Key("all", optional: \.all, names, "It passes when all of these checks do."),
                Key("any", optional: \.any, names, "It passes when one of these checks does."),
                Key("atLeast", optional: \.atLeast, .object(atLeast), "It passes when so many of these checks do."),
            ])
    ) { draft, node, context in
        reportOwnPace(of: node, &context)
        guard ["all", "any", "atLeast"].count(where: { node[$0] != nil }) == 1 else {
            context.report(
                at: node.offset, .semantic, "a composite check needs exactly one of \"all\", \"any\", \"atLeast\"")
            return nil
        }
        if let names = draft.all { return .composite(CompositeCheck(.all, of: names)) }
        if let names = draft.any { return .composite(CompositeCheck(.any, of: names)) }
        guard let rule = draft.atLeast, let rules = node["atLeast"] else { return nil }
        if !rule.of.isEmpty, rule.count > rule.of.count, let count = rules["count"] {
            context.report(
                at: count.offset, .semantic,
                "got \(rule.count); the rule can never pass, since the number of its members is \(rule.of.count)")
            return nil
        }
        return .composite(CompositeCheck(.atLeast(rule.count), of: rule.of))
    }

    private static let atLeast = ObjectSpec(
        "at-least", title: "atLeast", initial: AtLeast(),
        [
            Key("count", \.count, .wholeNumber(1...100), required: true, "So many …"),
            Key("of", \.of, names, required: true, "… of these checks."),
        ])

    /// Checks of the same component, each once.
    private static let names = ValueType<[String]>.list(of: .checkName, count: 1...100).map { names, node, context in
        var seen: Set<String> = []
        for item in node.items {
            guard let name = item.string, !seen.insert(name).inserted else { continue }
            context.report(at: item.offset, .semantic, "the check \(quoted(name)) is named twice")
        }
        return names
    }

    /// It has no runs of its own that such a key could be about.
    private static func reportOwnPace(of node: JSONNode, _ context: inout DecodingContext) {
        for key in ["interval", "timeout", "fall", "rise", "window", "fastInterval", "jitter"] {
            guard let value = node[key] else { continue }
            context.report(
                at: value.offset, .semantic, "a composite check follows its members at once and has no \(key)")
        }
    }
}
