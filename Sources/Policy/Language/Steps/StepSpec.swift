import ResilienceCore

/// The keys that steps of every action have.
struct StepDraft: Sendable {
    var when = Condition()
    var attempts: Attempts = .limited(1)
    var backoff = Backoff()
    var timeout: Duration = .seconds(30)
    var verify: Duration = .seconds(15)
    var cooldown: Duration = .zero
}

/// The language of steps. A new action is a case of `Strategy`, a file beside this one and a line in `variants`.
enum StepLanguage {
    static let variants: [Variant<Strategy>] = [
        RestartStrategy.variant, HealthCheckStrategy.variant, AlertStrategy.variant, ResetConnectionStrategy.variant,
        ExecStrategy.variant, ClearCacheStrategy.variant, RollbackStrategy.variant, FailoverStrategy.variant,
        SwitchEndpointStrategy.variant, ScaleStrategy.upVariant, ScaleStrategy.downVariant,
        CircuitBreakStrategy.variant, ReduceLoadStrategy.variant, DegradeStrategy.variant,
    ]

    /// The name that stands for the built-in ladder.
    static let builtIn = "default"

    static let common = ObjectSpec(
        "step-common", title: "a step", initial: StepDraft(),
        [
            Key(
                "when", over: \.when, condition,
                "When it applies; every key that is given must match. Without `when`: as the action's default "
                    + "treatment says. A step that does not apply is skipped, and the skip is recorded."),
            Key("attempts", \.attempts, .attempts, "How often it is tried, a number or `\"unlimited\"`."),
        ] + patience)

    /// The keys that `defaults.step` can set.
    static let patience: [Key<StepDraft>] = [
        Key("backoff", over: \.backoff, backoff, "The wait between attempts; the first has none."),
        Key("timeout", \.timeout, .duration(.milliseconds(100)...(.seconds(3600))), "Limit on the action itself."),
        Key(
            "verify", \.verify, .duration(.milliseconds(100)...(.seconds(86_400))),
            "How long the checks get to reach `rise` after it."),
        Key("cooldown", \.cooldown, .duration(.zero...(.seconds(86_400))), "Wait before the next step."),
    ]

    static let spec = TaggedSpec(
        "step", tag: "action", tagSummary: "What the step does.", common: common, variants: variants,
        unavailable: [])

    private static let condition = ObjectSpec(
        "when", title: "a when", initial: Condition(),
        [
            Key(
                "category", optional: \.categories, .oneOrMany(of: .choice(), atMost: 10),
                "The failure's category is one of these."),
            Key(
                "reason", optional: \.reasons, .oneOrMany(of: .choice(), atMost: 30),
                "The failure's reason is one of these."),
            Key(
                "check", optional: \.checks, .oneOrMany(of: .checkName, atMost: 100),
                "The failing check is one of these."),
            Key(
                "verdict", optional: \.verdicts, .oneOrMany(of: .choice([.down, .degraded]), atMost: 2),
                default: "\"down\"", "The component's verdict is one of these."),
            Key("minSeverity", optional: \.minSeverity, .choice(), "The failing check's severity is at least this."),
            Key(
                "releaseChangedWithin", optional: \.releaseChangedWithin,
                .duration(.seconds(1)...(.seconds(3_650 * 86_400))), default: "`\"1h\"` for ROLLBACK",
                "The component's `release` changed at most so long before the failure began."),
        ])

    private static let backoff = ObjectSpec(
        "backoff", title: "a backoff", initial: Backoff(),
        [
            Key("initial", \.initial, .duration(.zero...(.seconds(86_400))), "The wait before the second attempt."),
            Key("factor", \.factor, .number(1...100), "By what each further wait grows."),
            Key(
                "max", \.max, .duration(.zero...(.seconds(7 * 86_400))), default: "\"30s\", or `initial` where longer",
                "No wait is longer, jitter apart."),
            Key("jitter", \.jitter, .share(0...1), "By how much each wait may differ, both ways."),
        ])

    /// One step, by itself or inline in a ladder.
    static func read(_ node: JSONNode, name: String?, _ context: inout DecodingContext) -> Step? {
        var draft = context.defaults.step
        let problemsBefore = context.problems.count
        guard let strategy = self.spec.read(node, into: &draft, &context), context.problems.count == problemsBefore
        else { return nil }
        self.adjustBackoff(node, &draft, &context)
        if case .restart = strategy, node["attempts"] == nil {
            draft.attempts = context.defaults.restartAttempts ?? draft.attempts
        }
        self.report(node, strategy: strategy, draft: draft, &context)
        return Step(
            name: name, strategy: strategy, when: draft.when, attempts: draft.attempts, backoff: draft.backoff,
            timeout: draft.timeout, verify: draft.verify, cooldown: draft.cooldown)
    }

    /// A first wait longer than the longest is a mistake where both are written, and otherwise raises the longest.
    static func adjustBackoff(_ node: JSONNode, _ draft: inout StepDraft, _ context: inout DecodingContext) {
        guard draft.backoff.initial > draft.backoff.max else { return }
        if let max = node["backoff"]?["max"] {
            context.report(
                at: max.offset, .semantic,
                "the longest wait \(draft.backoff.max.policyText) is shorter than the first, "
                    + draft.backoff.initial.policyText)
        }
        draft.backoff.max = draft.backoff.initial
    }

    private static func report(
        _ node: JSONNode, strategy: Strategy, draft: StepDraft, _ context: inout DecodingContext
    ) {
        if !strategy.traits.isVerified, draft.attempts != .limited(1), let attempts = node["attempts"] {
            context.report(
                at: attempts.offset, .semantic,
                "\(strategy.action) is done once; nothing tells whether it helped. A channel's \"repeat\" repeats it")
        }
        if let categories = draft.when.categories, let reasons = draft.when.reasons,
            !reasons.contains(where: { categories.contains($0.category) }), let reason = node["when"]?["reason"]
        {
            context.report(
                at: reason.offset, .semantic,
                "the step can never run: none of these reasons belongs to the category "
                    + categories.map(\.rawValue).joined(separator: " or "))
        }
    }
}

extension ValueType where Value == Attempts {
    fileprivate static let attempts = ValueType(
        shape: .anyOf([.wholeNumber(1...1000), .choice(["unlimited"])]),
        read: { node, context in
            if node.string == "unlimited" { return .unlimited }
            if let number = node.wholeNumber, (1...1000).contains(number) { return .limited(number) }
            context.report(node, expected: "a whole number from 1 to 1000 or \"unlimited\"")
            return nil
        },
        show: { attempts in
            switch attempts {
            case .limited(let number): String(number)
            case .unlimited: "\"unlimited\""
            }
        })
}
