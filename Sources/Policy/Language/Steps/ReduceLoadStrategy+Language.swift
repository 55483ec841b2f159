import ResilienceCore

extension ReduceLoadStrategy {
    static let variant = Variant<Strategy>(
        "REDUCE_LOAD",
        keys: ObjectSpec(
            "step-reduce-load", title: "a REDUCE_LOAD step", initial: ReduceLoadStrategy(units: []),
            [
                Key(
                    "units", \.units, .list(of: UnitName.actionable, count: 1...50), required: true,
                    "The units that step back."),
                Key(
                    "properties", \.properties, UnitProperty.list, default: "they are frozen",
                    "What is set on them while they step back."),
                Key(
                    "restoreAfter", \.restoreAfter, .duration(.seconds(1)...(.seconds(7 * 86_400))),
                    "How long the component has to be up before they get everything back."),
            ])
    ) { strategy, _, _ in .reduceLoad(strategy) }
}
