import ResilienceCore

extension JournalCheck {
    private struct Draft: Sendable {
        var pattern: Pattern?
        var count = 1
        var within = Duration.seconds(300)
        var unit: String?
    }

    static let variant = Variant<CheckKind>(
        "journal",
        keys: ObjectSpec(
            "check-journal", title: "a journal check", initial: Draft(),
            [
                Key(
                    "pattern", optional: \.pattern, .pattern, required: true,
                    "A regular expression, as `expect.matches` of an http check, that need not match the whole line."),
                Key("count", \.count, .wholeNumber(1...10_000), "So many lines that match are too many."),
                Key("within", \.within, .duration(.seconds(1)...(.seconds(7 * 86_400))), "How far it looks back."),
                Key("unit", optional: \.unit, UnitName.type, default: "the component's", "Whose lines."),
            ])
    ) { draft, _, _ in
        // What is absent here was wrong and has been reported.
        guard let pattern = draft.pattern else { return nil }
        return .journal(
            JournalCheck(unit: draft.unit ?? "", pattern: pattern, count: draft.count, within: draft.within))
    }
}
