import ResilienceCore

extension DegradeStrategy {
    static let variant = Variant<Strategy>(
        "DEGRADE",
        keys: ObjectSpec(
            "step-degrade", title: "a DEGRADE step", initial: DegradeStrategy(),
            [
                Key(
                    "level", optional: \.level, .choice([.degraded, .minimal, .emergency]),
                    default: "one deeper than the present one", "The level of `degradation` that it asks for.")
            ])
    ) { strategy, node, context in
        if context.degradationLevels.isEmpty {
            context.report(
                at: node.offset, .semantic,
                "the step can never run: DEGRADE needs the policy's \"degradation\", and it declares no level")
        } else if let level = strategy.level, !context.degradationLevels.contains(level), let value = node["level"] {
            let known = context.degradationLevels.sorted().map { quoted($0.rawValue) }.joined(separator: ", ")
            context.report(
                at: value.offset, .reference,
                "the policy's \"degradation\" has no level \(quoted(level.rawValue)); it has \(known)")
        }
        return .degrade(strategy)
    }
}
