import ResilienceCore

/// The language of `degradation`.
enum DegradationLanguage {
    struct Draft: Sendable {
        var stepUpAfter = DegradationPolicy().stepUpAfter
        var normal: LevelPolicy?
        var degraded: LevelPolicy?
        var minimal: LevelPolicy?
        var emergency: LevelPolicy?

        var policy: DegradationPolicy {
            var levels: [DegradationLevel: LevelPolicy] = [:]
            levels[.normal] = self.normal
            levels[.degraded] = self.degraded
            levels[.minimal] = self.minimal
            levels[.emergency] = self.emergency
            return DegradationPolicy(levels: levels, stepUpAfter: self.stepUpAfter)
        }
    }

    static let spec = ObjectSpec(
        "degradation", title: "degradation", initial: Draft(),
        [
            Key(
                "stepUpAfter", \.stepUpAfter, .duration(.seconds(1)...(.seconds(86_400))),
                "A level is left, for the one above it, when nothing has asked for it or a deeper one for this long."),
            Key("NORMAL", optional: \.normal, .object(normal), "What holds while nothing is wrong."),
            Key("DEGRADED", optional: \.degraded, .object(level), "Without what is merely pleasant."),
            Key("MINIMAL", optional: \.minimal, .object(level), "What the host is there for, and nothing else."),
            Key("EMERGENCY", optional: \.emergency, .object(level), "What keeps data and people safe."),
        ])

    /// The levels that can be entered, as a section declares them.
    static func declaredLevels(_ node: JSONNode) -> [DegradationLevel] {
        DegradationLevel.allCases.filter { $0 != .normal && node[$0.rawValue] != nil }
    }

    private static let features = Key<LevelPolicy>(
        "features", \.features, .map(keys: .name, of: .boolean, count: 0...200), default: "as one level above",
        "Which features services are to offer, by name.")

    private static let normal = ObjectSpec(
        "degradation-normal", title: "the level NORMAL", initial: LevelPolicy(), [features])

    private static let level = ObjectSpec(
        "degradation-level", title: "a degradation level", initial: LevelPolicy(),
        [
            Key(
                "enter", optional: \.enter, .object(enter), default: "only DEGRADE leads to it",
                "When it is entered: any of the conditions that are given."),
            Key("stop", \.stop, units, default: "none", "Units that are stopped, and started again on the way back."),
            Key("freeze", \.freeze, units, default: "none", "Units that are frozen, and thawed on the way back."),
            features,
        ])

    private static let units = ValueType<[String]>.list(of: UnitName.actionable, count: 1...50)

    private static let enter = ObjectSpec(
        "degradation-enter", title: "enter", initial: LevelCondition(),
        [
            Key(
                "unhealthy", optional: \.unhealthy, .share(0.01...1),
                "Components that are down have at least this share of the weight of all: `critical` counts "
                    + "\(Criticality.critical.weight), `important` \(Criticality.important.weight), `optional` "
                    + "\(Criticality.optional.weight)."),
            Key("errorRate", optional: \.errorRate, .object(errorRate), "Too many failures."),
            Key("p95", optional: \.p95, .object(p95), "Too slow."),
            Key(
                "component", \.components,
                .oneOrMany(of: .reference(to: "component", among: \.components), atMost: 100), default: "–",
                "One of these components is down."),
            Key(
                "for", \.duration, .duration(.zero...(.seconds(86_400))),
                "How long it has to hold without a break."),
        ])

    private static let errorRate = ObjectSpec(
        "error-rate", title: "errorRate", initial: ErrorRateCondition(),
        [
            Key("checks", \.checks, checks, required: true, "Whose results are counted, together."),
            Key(
                "above", \.above, .share(0...0.99), required: true,
                "A larger share of the results are failures."),
            Key("within", \.within, within, "How far back results count."),
        ])

    private static let p95 = ObjectSpec(
        "p95", title: "p95", initial: ResponseTimeCondition(),
        [
            Key("checks", \.checks, checks, required: true, "Whose times are counted, together."),
            Key(
                "above", \.above, .duration(.milliseconds(1)...(.seconds(3_600))), required: true,
                "One in twenty answers takes longer."),
            Key("within", \.within, within, "How far back results count."),
        ])

    private static let checks = ValueType<[CheckReference]>.list(of: .checkReference, count: 1...20)
    private static let within = ValueType<Duration>.duration(.seconds(1)...(.seconds(600)))
}
