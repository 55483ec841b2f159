/// The language of the host-wide limits.
enum GuardsLanguage {
    static let spec = ObjectSpec(
        "guards", title: "guards", initial: Guards(),
        unavailable: ["minHealthyInGroup", "stormCooldown", "connectivity", "overload", "flap"],
        [
            Key("maxActions", over: \.maxActions, budget, "Disruptive actions on the whole host."),
            Key("maxConcurrent", \.maxConcurrent, .wholeNumber(1...100), "Disruptive actions in flight at once."),
            Key(
                "maxUnhealthy", \.maxUnhealthy, .share(0.01...1),
                "Share of components down above which automation freezes with one alert; it says nothing about fewer "
                    + "than \(Guards.maxUnhealthyOfAtLeast) components."),
        ])

    private static let budget = ObjectSpec(
        "max-actions", title: "maxActions", initial: Guards.ActionBudget(),
        [
            Key("count", \.count, .wholeNumber(1...10_000), "At most so many …"),
            Key("per", \.per, .duration(.seconds(1)...(.seconds(7 * 86_400))), "… in any span of this length."),
        ])
}
