extension RestartStrategy {
    static let variant = Variant<Strategy>(
        "RESTART",
        keys: ObjectSpec(
            "step-restart", title: "a RESTART step", initial: RestartStrategy(),
            [
                Key(
                    "signal", optional: \.signal, .choice(), default: "none",
                    "Sent to the main process a second before, for example SIGQUIT for a dump of its threads."),
                Key(
                    "with", \.with, .list(of: UnitName.actionable, count: 1...16), default: "none",
                    "Further units of the component, restarted after it in this order."),
                Key(
                    "dependents", \.dependents, .boolean,
                    "Whether the components that need it are restarted after it, each after those that it needs."),
            ])
    ) { strategy, _, _ in .restart(strategy) }
}
