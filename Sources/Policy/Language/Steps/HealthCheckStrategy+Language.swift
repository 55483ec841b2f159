extension HealthCheckStrategy {
    static let variant = Variant<Strategy>(
        "HEALTH_CHECK",
        keys: ObjectSpec(
            "step-health-check", title: "a HEALTH_CHECK step", initial: HealthCheckStrategy(),
            [
                Key(
                    "checks", \.checks, .oneOrMany(of: .checkName, atMost: 100), default: "all",
                    "The checks to run at once.")
            ])
    ) { strategy, _, _ in .healthCheck(strategy) }
}
