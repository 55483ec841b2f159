extension ClearCacheStrategy {
    static let variant = Variant<Strategy>(
        "CLEAR_CACHE",
        keys: ObjectSpec("step-clear-cache", title: "a CLEAR_CACHE step", initial: ClearCacheStrategy(), [])
    ) { strategy, _, _ in .clearCache(strategy) }
}
