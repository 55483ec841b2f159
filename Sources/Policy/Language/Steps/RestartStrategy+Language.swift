extension RestartStrategy {
    static let variant = Variant<Strategy>(
        "RESTART",
        keys: ObjectSpec(
            "step-restart", title: "a RESTART step", initial: RestartStrategy(),
            unavailable: ["signal", "with", "dependents"], [])
    ) { strategy, _, _ in .restart(strategy) }
}
