import ResilienceCore

/// A bound of what a check measures, as it is written.
private enum LoadBound: Sendable {
    case time(Duration)
    case share(Double)

    var measure: LoadMeasure {
        switch self {
        case .time: .time
        case .share: .share
        }
    }

    var number: Double {
        switch self {
        case .time(let time): time.inSeconds
        case .share(let share): share
        }
    }
}

extension LoadTrigger {
    private struct Draft: Sendable {
        var check: String?
        var above: LoadBound?
        var below: LoadBound?
        var lasting: Duration = .seconds(60)
    }

    static let type = ValueType<Draft>.object(
        ObjectSpec(
            "scale-on", title: "\"on\"", initial: Draft(),
            [
                Key(
                    "check", optional: \.check, .checkName, required: true,
                    "The check of this component that measures the load."),
                Key(
                    "above", optional: \.above, .bound, required: true,
                    "Above this there is to be more: a duration where the check measures how long an answer takes "
                        + "(http, tcp, unix, exec), a share of its limits for resources."),
                Key("below", optional: \.below, .bound, required: true, "Below this there is to be less."),
                Key(
                    "for", \.lasting, .duration(.seconds(1)...(.seconds(86_400))),
                    "How long the measure has to stay there."),
            ])
    ).map { draft, node, context -> LoadTrigger? in
        guard let check = draft.check, let above = draft.above, let below = draft.below else { return nil }
        guard above.measure == below.measure else {
            context.report(
                at: (node["below"] ?? node).offset, .semantic, "\"above\" and \"below\" are of different kinds")
            return nil
        }
        guard below.number < above.number else {
            context.report(
                at: (node["below"] ?? node).offset, .semantic,
                "\"below\" is not less than \"above\": it would be scaled up and down in turn")
            return nil
        }
        return LoadTrigger(check: check, above: above.number, below: below.number, lasting: draft.lasting)
    }

    /// Reports a check that does not measure what the bounds are of.
    ///
    /// - Parameter node: the object as it is written.
    func reportMisfit(in node: JSONNode, among checks: [Check], _ context: inout DecodingContext) {
        guard let check = checks.first(where: { $0.name == self.check }), let value = node["check"] else { return }
        guard check.enabled, let measure = check.kind.loadMeasure else {
            let why = check.enabled ? "a \(check.kind.type) check measures no load" : "it is disabled"
            context.report(
                at: value.offset, .semantic, "the check \(quoted(check.name)) cannot decide on scale: \(why)")
            return
        }
        let isShare = node["above"]?.string?.hasSuffix("%") ?? false
        guard isShare != (measure == .share), let above = node["above"] else { return }
        context.report(
            at: above.offset, .semantic,
            measure == .share
                ? "a \(check.kind.type) check measures a share of its limits; give a share such as \"80%\""
                : "a \(check.kind.type) check measures how long an answer takes; give a duration such as \"500ms\"")
    }
}

extension ValueType where Value == LoadBound {
    fileprivate static let bound: ValueType = {
        let time = ValueType<Duration>.duration(.milliseconds(1)...(.seconds(3_600)))
        let share = ValueType<Double>.share(0...1)
        return ValueType(
            shape: .anyOf([time.shape, share.shape]),
            read: { node, context in
                guard let text = node.string, Duration(policyText: text) != nil || parseShare(text) != nil else {
                    context.report(node, expected: "a duration such as \"500ms\" or a share such as \"80%\"")
                    return nil
                }
                if parseShare(text) != nil { return share.read(node, &context).map { .share($0) } }
                return time.read(node, &context).map { .time($0) }
            }, show: { _ in nil })
    }()
}
