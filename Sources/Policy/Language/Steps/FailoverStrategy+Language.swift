extension FailoverStrategy {
    static let variant = Variant<Strategy>(
        "FAILOVER", keys: ObjectSpec("step-failover", title: "a FAILOVER step", initial: FailoverStrategy(), [])
    ) { strategy, _, _ in .failover(strategy) }
}

extension SwitchEndpointStrategy {
    static let variant = Variant<Strategy>(
        "SWITCH_ENDPOINT",
        keys: ObjectSpec(
            "step-switch-endpoint", title: "a SWITCH_ENDPOINT step", initial: SwitchEndpointStrategy(), [])
    ) { strategy, _, _ in .switchEndpoint(strategy) }
}
