/// The language of the limits on what is done to the whole host, and to a group of components.
enum GuardsLanguage {
    static let spec = ObjectSpec(
        "guards", title: "guards", initial: Guards(),
        [
            Key("maxActions", over: \.maxActions, budget, "Disruptive actions on the whole host."),
            Key("maxConcurrent", \.maxConcurrent, concurrent, "Disruptive actions in flight at once."),
            Key(
                "maxUnhealthy", \.maxUnhealthy, unhealthy,
                "Share of components down above which automation freezes with one alert; it says nothing about fewer "
                    + "than \(Guards.maxUnhealthyOfAtLeast) components."),
            Key(
                "minHealthyInGroup", optional: \.minHealthyInGroup, healthy,
                "What holds for every group that does not set it itself."),
            Key(
                "stormCooldown", \.stormCooldown, .duration(.zero...(.seconds(86_400))),
                "After a freeze has ended, or once `maxActions` has run out, no disruptive action is begun for this "
                    + "long."),
            Key(
                "connectivity", over: \.connectivity, connectivity,
                "A gate: while it fails, checks that ask over the network say nothing about anybody."),
            Key(
                "overload", over: \.overloadLag, overload,
                "When heald itself is held up so that what it saw counts no more."),
            Key("flap", over: \.flap, flap, "When a component comes and goes too often to be repaired each time."),
        ])

    static let group = ObjectSpec(
        "group", title: "a group", initial: GroupLimits(),
        [
            Key("maxActions", optional: \.maxActions, .object(budget), "Disruptive actions on members of the group."),
            Key(
                "maxConcurrent", optional: \.maxConcurrent, concurrent,
                "Disruptive actions on members in flight at once."),
            Key(
                "maxUnhealthy", optional: \.maxUnhealthy, unhealthy,
                "Share of the members down above which the group freezes with one alert; it says nothing about fewer "
                    + "than \(Guards.maxUnhealthyOfAtLeast) members."),
            Key(
                "minHealthyInGroup", optional: \.minHealthyInGroup, healthy, default: "as in `guards`",
                "No disruptive action is begun that would leave fewer members in service than this. Repairing a member "
                    + "that is down takes none away."),
        ])

    static let groupLimit = 1000

    private static let concurrent = ValueType<Int>.wholeNumber(1...100)
    private static let unhealthy = ValueType<Double>.share(0.01...1)
    private static let healthy = ValueType<Int>.wholeNumber(0...10_000)

    private static let connectivity = ObjectSpec(
        "connectivity", title: "connectivity", initial: [CheckReference](),
        [
            Key(
                "checks", \.self, .list(of: .checkReference, count: 1...10), required: true,
                "Checks as `component/check`. The gate fails while all of them are down.")
        ])

    private static let overload = ObjectSpec(
        "overload", title: "overload", initial: Guards().overloadLag,
        [
            Key(
                "lag", \.self, .duration(.milliseconds(50)...(.seconds(60))),
                "Being late by more than this makes what checks said until then count as unknown.")
        ])

    private static let flap = ObjectSpec(
        "flap", title: "flap", initial: FlapPolicy(),
        [
            Key(
                "high", \.high, .share(0.01...1),
                "Share of changes among the last results, newer ones weighing more, above which it is latched; "
                    + "`\"100%\"` is never reached."),
            Key("low", \.low, .share(0...1), "It stays latched until the share is this or less."),
            Key(
                "results", \.results, .wholeNumber(3...100),
                "So many results are looked at. A result is a change, or one interval of its most frequent check "
                    + "without one."),
        ])

    /// A latch that ends above where it begins would never hold.
    static func reportFlap(_ node: JSONNode, _ flap: FlapPolicy, _ context: inout DecodingContext) {
        guard flap.low >= flap.high, let flapNode = node["flap"] else { return }
        context.report(
            at: (flapNode["low"] ?? flapNode["high"] ?? flapNode).offset, .semantic,
            "low (\(shareText(flap.low))) has to be less than high (\(shareText(flap.high)))")
    }

    private static let budget = ObjectSpec(
        "max-actions", title: "maxActions", initial: Guards.ActionBudget(),
        [
            Key("count", \.count, .wholeNumber(1...10_000), "At most so many …"),
            Key("per", \.per, .duration(.seconds(1)...(.seconds(7 * 86_400))), "… in any span of this length."),
        ])
}

extension GuardsLanguage {
    /// Limits that say nothing about anything are probably not what was meant.
    ///
    /// - Parameter sizes: how many members each group has.
    static func reportIdle(
        _ member: JSONMember, _ limits: GroupLimits, sizes: [String: Int], _ context: inout DecodingContext
    ) {
        let least = Guards.maxUnhealthyOfAtLeast
        guard let size = sizes[member.key] else {
            let hint = suggestion(for: member.key, among: Array(sizes.keys)).map { "; did you mean \"\($0)\"?" } ?? ""
            context.report(
                at: member.keyOffset, .semantic, "no component has the group \(quoted(member.key))\(hint)",
                severity: .warning)
            return
        }
        if limits.maxUnhealthy != nil, size < least, let node = member.node["maxUnhealthy"] {
            context.report(
                at: node.offset, .semantic,
                "maxUnhealthy says nothing about fewer than \(least) members, and the group has \(size); "
                    + "minHealthyInGroup also protects small groups", severity: .warning)
        }
        if let healthy = limits.minHealthyInGroup, healthy >= size, let node = member.node["minHealthyInGroup"] {
            context.report(
                at: node.offset, .semantic,
                "the group has \(size) member\(size == 1 ? "" : "s"): none that serves may ever be taken out for a repair",
                severity: .warning)
        }
    }
}
