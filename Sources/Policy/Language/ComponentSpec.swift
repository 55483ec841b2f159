import ResilienceCore

/// One entry of a ladder as it is written: a name that may stand for several steps, or a step.
struct LadderItem: Sendable {
    var steps: [Step]
    var place: Place
    /// The name of the strategy, where it is not inline.
    var name: String?
}

/// A component on its way.
struct ComponentDraft: Sendable {
    var unit: String?
    var criticality: Criticality = .important
    var group: String?
    var tags: [String] = []
    var dependsOn: [String] = []
    var desired: Desired = .follow
    var mode: Mode = .auto
    var approvalExpires: Duration = .seconds(30 * 60)
    var startupGrace: Duration = .seconds(10)
    var stable: Duration = .seconds(2)
    var checks: [Check] = []
    /// `nil`: the built-in ladder.
    var recovery: [LadderItem]?
    var rearm: Duration = .seconds(15 * 60)
    var breaker = BreakerPolicy()
    var facts = ComponentFacts()
}

/// The language of components.
enum ComponentLanguage {
    static let spec = ObjectSpec(
        "component", title: "a component", initial: ComponentDraft(),
        [
            Key(
                "unit", optional: \.unit, UnitName.type,
                "The systemd unit it runs as, full name. Without it the component is an endpoint only, and actions "
                    + "that need a unit are errors."),
            Key("group", optional: \.group, .name, "The group that it belongs to."),
            Key("tags", \.tags, .list(of: .tag, count: 0...32), "Words to find it by."),
            Key(
                "dependsOn", \.dependsOn, .list(of: .component, count: 0...100),
                "Components that it needs. While one of them is down, its own incident waits and names the root cause. "
                    + "`\"unit\"` stands for the components whose units its own unit requires, by systemd."),
            Key(
                "desired", \.desired, .choice(),
                "`follow`: an operator's stop is respected. `running`: its unit is started whenever it is inactive."),
            Key("checks", \.checks, .checks, required: true, "How to see whether it is well, by name."),
        ] + facts + shared)

    private static let facts: [Key<ComponentDraft>] = [
        Key("cache", optional: \.facts.cache, CachePolicy.type, "What CLEAR_CACHE empties."),
        Key("release", optional: \.facts.release, ReleasePolicy.type, "Where its releases lie, for ROLLBACK."),
        Key(
            "failover", optional: \.facts.failover, FailoverPolicy.type,
            "Who takes over, for FAILOVER and SWITCH_ENDPOINT."),
        Key(
            "scale", optional: \.facts.scale, ScalePolicy.type, "How it grows and shrinks, for SCALE_UP and SCALE_DOWN."
        ),
        Key("isolate", optional: \.facts.isolate, IsolatePolicy.type, "How CIRCUIT_BREAK isolates it."),
    ]

    /// The keys that `defaults.component` can set.
    static let shared: [Key<ComponentDraft>] = [
        Key("criticality", \.criticality, .choice(), "How much it matters when it is down."),
        Key(
            "mode", \.mode, .choice(),
            "`auto` repairs it; `approve` asks an operator before each repair; `observe` only records what it would "
                + "do."),
        Key(
            "approvalExpires", \.approvalExpires, .duration(.seconds(1)...(.seconds(30 * 86_400))),
            "In mode `approve`, how long a step waits for an operator before it is skipped."),
        Key(
            "startupGrace", \.startupGrace, .duration(.zero...(.seconds(86_400))),
            "After a start or a repair, failures of its endpoint checks do not count until the first pass or this "
                + "long. A unit that has failed is down at once."),
        Key(
            "stable", \.stable, .duration(.zero...(.seconds(86_400))),
            "How long it must stay up after `rise` before its incident closes."),
        Key(
            "recovery", optional: \.recovery, .ladder, default: "`[\"default\"]`",
            "The ladder: names of strategies or steps, in order. `default` is RESTART three times, then ALERT; the "
                + "part that needs a unit is left out where there is none and nothing was written."),
        Key(
            "rearm", \.rearm, .duration(.seconds(1)...(.seconds(30 * 86_400))),
            "How long after the ladder is used up before it may begin again."),
        Key("breaker", over: \.breaker, breaker, "When repairs have to pause because they do not help."),
    ]

    private static let breaker = ObjectSpec(
        "breaker", title: "a breaker", initial: BreakerPolicy(),
        [
            Key(
                "failures", \.failures, .wholeNumber(1...100),
                "Recoveries that failed or did not hold, within `window`, that open it."),
            Key("window", \.window, .duration(.seconds(1)...(.seconds(7 * 86_400))), "The span that it looks at."),
            Key("minSeverity", \.minSeverity, .choice(), "Failures that are less severe are not counted."),
            Key(
                "openFor", \.openFor, .duration(.seconds(1)...(.seconds(7 * 86_400))),
                "How long it stays open before a trial."),
            Key("halfOpen", \.halfOpen, .wholeNumber(1...10), "Trials that must succeed before it closes."),
        ])
}

/// In `dependsOn`: what systemd says that the unit requires.
let requiredByUnit = "unit"

extension ValueType where Value == String {
    fileprivate static let component: ValueType = {
        let reference = ValueType.reference(to: "component", among: { $0.components })
        return ValueType(
            shape: reference.shape,
            read: { node, context in
                // A component of that name is meant by it, where there is one.
                if node.string == requiredByUnit, context.components[requiredByUnit] == nil { return requiredByUnit }
                return reference.read(node, &context)
            }, show: reference.show)
    }()
}

extension ValueType where Value == [Check] {
    fileprivate static let checks: ValueType = {
        let one = ValueType<Check>(
            shape: .tagged(CheckLanguage.spec.shape), read: { _, _ in nil }, show: { _ in nil })
        let entries = ValueType<[String: Check]>.map(keys: .name, of: one, count: 1...100)
        return ValueType(
            shape: entries.shape,
            read: { node, context in
                guard let members = node.entries, (1...100).contains(members.count) else {
                    // Not even the form is right: let the map say so.
                    _ = entries.read(node, &context)
                    return nil
                }
                return members.compactMap { member in
                    guard NamePattern.name.check(member, &context) else { return nil }
                    return CheckLanguage.read(member.node, name: member.key, &context)
                }
            }, show: { _ in nil })
    }()
}

extension ValueType where Value == [LadderItem] {
    fileprivate static let ladder: ValueType = {
        let name = ValueType<String>.reference(
            to: "strategy", among: { $0.strategies }, builtIn: [StepLanguage.builtIn])
        let item = ValueType<LadderItem>(
            shape: .anyOf([name.shape, .tagged(StepLanguage.spec.shape)]),
            read: { node, context in
                let place = Place(file: context.file, offset: node.offset)
                switch node.value {
                case .string:
                    guard let strategy = name.read(node, &context) else { return nil }
                    let steps =
                        strategy == StepLanguage.builtIn
                        ? builtInLadder(context.defaults) : context.decodedStrategies[strategy].map { [$0] }
                    return steps.map { LadderItem(steps: $0, place: place, name: strategy) }
                case .object:
                    guard let step = StepLanguage.read(node, name: nil, &context) else { return nil }
                    return LadderItem(steps: [step], place: place, name: nil)
                case .null, .bool, .number, .array:
                    context.report(node, expected: "the name of a strategy or a step")
                    return nil
                }
            }, show: { _ in nil })
        return .list(of: item, count: 1...32)
    }()
}

/// The ladder `default`, with what `defaults.step` says.
func builtInLadder(_ defaults: Defaults) -> [Step] {
    Step.defaultLadder.map { step in
        var step = step
        step.backoff = defaults.step.backoff
        step.timeout = defaults.step.timeout
        step.verify = defaults.step.verify
        step.cooldown = defaults.step.cooldown
        if case .restart = step.strategy { step.attempts = defaults.restartAttempts ?? step.attempts }
        return step
    }
}
