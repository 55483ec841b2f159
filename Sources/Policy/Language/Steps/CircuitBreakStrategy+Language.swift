extension CircuitBreakStrategy {
    static let variant = Variant<Strategy>(
        "CIRCUIT_BREAK",
        keys: ObjectSpec("step-circuit-break", title: "a CIRCUIT_BREAK step", initial: CircuitBreakStrategy(), [])
    ) { strategy, _, _ in .circuitBreak(strategy) }
}
