/// When a breaker of calls opens, for how long, and what closes it again.
public struct BreakerSettings: Hashable, Sendable, Codable {
    /// What opens it.
    public let rule: BreakerRule
    /// When slowness opens it; `nil`: never.
    public let slow: SlowCalls?
    /// How long it stays open before trials, the first time.
    public let openFor: Duration
    /// By what that time grows each time it opens again without having stayed closed for as long as it was open; at
    /// least 1. Once a recovery has held, it starts from `openFor` again.
    public let openGrowth: Double
    /// It never stays open for longer than this.
    public let openMax: Duration
    /// What passes in half-open.
    public let halfOpen: HalfOpenPlan
    /// Trials that have not ended this long after the last of them began count as failed.
    public let hungAfter: Duration

    /// - Parameter openMax: `nil` for `openFor`, where it does not grow.
    /// - Throws: `SettingsError` for what can never hold: times that are not positive, shares outside 0 ... 1, counts
    ///   outside 1 ... 100 000, slow calls beside a rule without a window, a growth without a cap.
    public init(
        rule: BreakerRule, slow: SlowCalls? = nil, openFor: Duration, openGrowth: Double = 1,
        openMax: Duration? = nil, halfOpen: HalfOpenPlan = .trials(1), hungAfter: Duration = .seconds(60)
    ) throws(SettingsError) {
        try rule.check()
        try halfOpen.check()
        try SettingsError.positive(openFor, "openFor")
        try SettingsError.growth(openGrowth, "openGrowth")
        try SettingsError.positive(hungAfter, "hungAfter")
        guard slow == nil || rule.hasWindow else {
            throw SettingsError(
                what: "slow is set beside the rule \(rule).", why: "That rule does not know how many calls there were.",
                howToFix: "Use a countWindow or timeWindow rule, or leave slow out.")
        }
        if let openMax, openMax < openFor {
            throw SettingsError(
                what: "openMax \(openMax) is less than openFor \(openFor).",
                why: "It would be open for too long the first time.", howToFix: "Set openMax to at least openFor.")
        }
        guard openGrowth == 1 || openMax != nil else {
            throw SettingsError(
                what: "openGrowth is \(openGrowth) without openMax.", why: "The open time would grow without end.",
                howToFix: "Set openMax, for example to .seconds(600).")
        }
        self.init(
            known: rule, slow: slow, openFor: openFor, openGrowth: openGrowth, openMax: openMax ?? openFor,
            halfOpen: halfOpen, hungAfter: hungAfter)
    }

    private init(
        known rule: BreakerRule, slow: SlowCalls? = nil, openFor: Duration, openGrowth: Double = 1, openMax: Duration,
        halfOpen: HalfOpenPlan = .trials(1), hungAfter: Duration = .seconds(60)
    ) {
        self.rule = rule
        self.slow = slow
        self.openFor = openFor
        self.openGrowth = openGrowth
        self.openMax = openMax
        self.halfOpen = halfOpen
        self.hungAfter = hungAfter
    }

    /// For remote APIs and databases: 5 failures in a row open it for 60 s.
    public static let fiveFailures = BreakerSettings(
        known: .consecutive(failures: 5), openFor: .seconds(60), openMax: .seconds(60))

    /// For one host of a fleet: 3 failures of severity HIGH or CRITICAL within 60 s open it for 60 s; one trial.
    public static let threeSevere = BreakerSettings(
        known: .severity(atLeast: .high, failures: 3, within: .seconds(60)), openFor: .seconds(60),
        openMax: .seconds(60))

    private enum CodingKeys: CodingKey { case rule, slow, openFor, openGrowth, openMax, halfOpen, hungAfter }

    /// Checks what was stored as it checks what is written by hand.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            rule: values.decode(BreakerRule.self, forKey: .rule),
            slow: values.decodeIfPresent(SlowCalls.self, forKey: .slow),
            openFor: values.decode(Duration.self, forKey: .openFor),
            openGrowth: values.decode(Double.self, forKey: .openGrowth),
            openMax: values.decode(Duration.self, forKey: .openMax),
            halfOpen: values.decode(HalfOpenPlan.self, forKey: .halfOpen),
            hungAfter: values.decode(Duration.self, forKey: .hungAfter))
    }

    /// How long it stays open for the `level`th time in a row, counted from 0.
    func openTime(level: Int) -> Duration {
        var unused = SeededGenerator(seed: 0)
        return Backoff(initial: self.openFor, factor: self.openGrowth, max: self.openMax, jitter: 0)
            .delay(after: level + 1, using: &unused)
    }
}
