extension RollbackStrategy {
    static let variant = Variant<Strategy>(
        "ROLLBACK", keys: ObjectSpec("step-rollback", title: "a ROLLBACK step", initial: RollbackStrategy(), [])
    ) { strategy, _, _ in .rollback(strategy) }
}
