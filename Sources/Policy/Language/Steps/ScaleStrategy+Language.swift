extension ScaleStrategy {
    static let upVariant = Variant<Strategy>(
        "SCALE_UP", "SCALE",
        keys: ObjectSpec("step-scale-up", title: "a SCALE_UP step", initial: ScaleStrategy(.up), [])
    ) { strategy, _, _ in .scale(strategy) }

    static let downVariant = Variant<Strategy>(
        "SCALE_DOWN", keys: ObjectSpec("step-scale-down", title: "a SCALE_DOWN step", initial: ScaleStrategy(.down), [])
    ) { strategy, _, _ in .scale(strategy) }
}
