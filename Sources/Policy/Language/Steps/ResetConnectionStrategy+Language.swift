extension ResetConnectionStrategy {
    static let variant = Variant<Strategy>(
        "RESET_CONNECTION",
        keys: ObjectSpec(
            "step-reset-connection", title: "a RESET_CONNECTION step", initial: ResetConnectionStrategy(),
            [
                Key(
                    "signal", optional: \.signal, .choice(), default: "systemd's reload of the unit",
                    "Sent to the unit's main process instead of a reload.")
            ])
    ) { strategy, _, _ in .resetConnection(strategy) }
}
