import ResilienceCore

/// What must hold between the levels of degradation, and between them and the components.
struct DegradationRules {
    /// The section as one file has it.
    let node: JSONNode
    let policy: DegradationPolicy
    let components: [Component]

    func report(_ context: inout DecodingContext) {
        for level in self.policy.order where level != .normal {
            guard let node = self.node[level.rawValue], node.members != nil, let own = self.policy.levels[level] else {
                continue
            }
            self.reportEnter(node, level, own, &context)
            self.reportUnits(node, level, own, &context)
            self.reportIdle(node, level, own, &context)
        }
    }

    // MARK: Conditions

    private func reportEnter(
        _ node: JSONNode, _ level: DegradationLevel, _ own: LevelPolicy, _ context: inout DecodingContext
    ) {
        guard let enter = own.enter, let node = node["enter"] else { return }
        if ["unhealthy", "errorRate", "p95", "component"].allSatisfy({ node[$0] == nil }) {
            context.report(
                at: node.offset, .semantic,
                "nothing leads to the level; give \"unhealthy\", \"errorRate\", \"p95\" or \"component\", or leave out "
                    + "\"enter\" where only DEGRADE does")
        }
        if let rate = enter.errorRate { self.reportChecks(node["errorRate"], rate.checks, rate.within, &context) }
        if let time = enter.p95 {
            self.reportChecks(node["p95"], time.checks, time.within, &context)
            self.reportOutOfReach(time, node["p95"], &context)
        }
        for shallower in self.policy.order where shallower < level {
            guard let before = self.policy.levels[shallower]?.enter, enter.duration <= before.duration else { continue }
            for key in enter.parts(thatFollowFrom: before) {
                context.report(
                    at: (node[key] ?? node).offset, .semantic,
                    "whenever \(shallower.rawValue) is asked for by its \(quoted(key)), \(level.rawValue) is too: the "
                        + "deeper level has to ask for more, or for longer")
            }
        }
    }

    private func reportChecks(
        _ node: JSONNode?, _ checks: [CheckReference], _ within: Duration, _ context: inout DecodingContext
    ) {
        guard let node, let list = node["checks"] else { return }
        CheckReference.reportUnknown(in: list, among: self.components, &context) { check in
            guard !check.kind.isProbed || !check.enabled else { return nil }
            let why =
                check.enabled ? "it is a \(check.kind.type) check, which takes no time of its own" : "it is disabled"
            return "has no results to count: \(why)"
        }
        let found = checks.compactMap { self.check($0) }.filter { $0.enabled && $0.kind.isProbed }
        guard found.count == checks.count, !found.isEmpty else { return }
        let results = found.reduce(0) { $0 + within.inSeconds / $1.interval.inSeconds }
        if results < Double(LevelCondition.resultsLeast) {
            context.report(
                at: (node["within"] ?? node).offset, .semantic,
                "there are about \(Int(results)) results within \(within.policyText), and fewer than "
                    + "\(LevelCondition.resultsLeast) say nothing; give a longer \"within\" or a shorter \"interval\" "
                    + "of the checks")
        }
    }

    /// No check waits longer than its timeout.
    private func reportOutOfReach(
        _ time: ResponseTimeCondition, _ node: JSONNode?, _ context: inout DecodingContext
    ) {
        let found = time.checks.compactMap { self.check($0) }
        guard found.count == time.checks.count, let longest = found.map(\.timeout).max(), time.above >= longest,
            let above = node?["above"]
        else { return }
        context.report(
            at: above.offset, .semantic,
            "it can never be reached: the checks give up after \(longest.policyText)")
    }

    private func check(_ reference: CheckReference) -> Check? {
        self.components.first { $0.name == reference.component }?.checks.first { $0.name == reference.check }
    }

    // MARK: Units

    private func reportUnits(
        _ node: JSONNode, _ level: DegradationLevel, _ own: LevelPolicy, _ context: inout DecodingContext
    ) {
        for (key, units) in [("stop", own.stop), ("freeze", own.freeze)] {
            var seen: Set<String> = []
            for item in node[key]?.items ?? [] {
                guard let unit = item.string, units.contains(unit) else { continue }
                if let why = self.whyNot(unit, key, level, isRepeated: !seen.insert(unit).inserted) {
                    context.report(at: item.offset, .semantic, why)
                } else if let owner = self.owner(of: unit), owner.mode != .auto {
                    context.report(
                        at: item.offset, .semantic,
                        "\(unit) is left as it is: the mode of its component \(owner.name) is \(owner.mode.rawValue)",
                        severity: .warning)
                }
            }
        }
    }

    private func whyNot(_ unit: String, _ key: String, _ level: DegradationLevel, isRepeated: Bool) -> String? {
        if let other = self.policy.allUnits.first(where: { other in
            other.unit == unit && (other.level, other.way.rawValue) != (level, key)
        }), other.level < level || (other.level == level && key == "freeze") {
            return
                "\(other.level.rawValue) names \(unit) already (\(other.way.rawValue)), and a deeper level keeps what "
                + "those above it have done; name it once"
        }
        if isRepeated { return "\(unit) is named twice" }
        if let other = self.components.first(where: { $0.loads.contains(unit) }) {
            return "REDUCE_LOAD of \(other.name) freezes \(unit), too: one would thaw it under the other's hands"
        }
        if let other = self.components.first(where: { $0.facts.failover?.standbys.contains(unit) == true }) {
            return "\(unit) is a standby of \(other.name), which has to be there when it is needed"
        }
        if let other = self.components.first(where: { $0.facts.scale?.counts(unit) == true }) {
            return "\(unit) is an instance that \"scale\" of \(other.name) starts and stops"
        }
        return self.owner(of: unit).flatMap { self.whyNot($0, unit, level) }
    }

    private func owner(of unit: String) -> Component? { self.components.first { $0.unit == unit } }

    /// What a component is needed for.
    private func whyNot(_ component: Component, _ unit: String, _ level: DegradationLevel) -> String? {
        let gone = Set(self.policy.units(at: level).map(\.unit))
        if let dependent = self.components.first(where: { other in
            other.dependsOn.contains(component.name) && other.unit.map(gone.contains) != true
        }) {
            return "\(dependent.name) needs \(component.name), which runs as \(unit)"
        }
        if component.recovery.contains(where: { $0.strategy.action == "DEGRADE" }) {
            return "\(component.name), which runs as \(unit), asks for degradation itself (DEGRADE)"
        }
        for (deeper, policy) in self.policy.levels.sorted(by: { $0.key < $1.key }) where deeper >= level {
            guard policy.enter?.watches(component.name) == true else { continue }
            return "\(deeper.rawValue) is entered by \(component.name), which runs as \(unit)"
        }
        return nil
    }

    // MARK: Warnings

    private func reportIdle(
        _ node: JSONNode, _ level: DegradationLevel, _ own: LevelPolicy, _ context: inout DecodingContext
    ) {
        if own.stop.isEmpty, own.freeze.isEmpty, own.features.isEmpty,
            ["stop", "freeze", "features"].allSatisfy({ node[$0] == nil })
        {
            context.report(
                at: node.offset, .semantic, "the level changes nothing: it names no unit and no feature",
                severity: .warning)
        }
        let asks = self.components.contains { $0.recovery.contains { $0.strategy.action == "DEGRADE" } }
        if !asks, !self.policy.levels.contains(where: { $0.key >= level && $0.value.enter != nil }) {
            context.report(
                at: node.offset, .semantic,
                "the level is never entered: it has no \"enter\", and no step is DEGRADE", severity: .warning)
        }
    }
}

extension LevelCondition {
    /// It looks at the component, or at one of its checks.
    fileprivate func watches(_ component: String) -> Bool {
        self.components.contains(component)
            || (self.errorRate?.checks ?? []).contains { $0.component == component }
            || (self.p95?.checks ?? []).contains { $0.component == component }
    }

    /// Keys of this condition that hold whenever the same key of another does.
    fileprivate func parts(thatFollowFrom other: LevelCondition) -> [String] {
        var keys: [String] = []
        if let own = self.unhealthy, let before = other.unhealthy, own <= before { keys.append("unhealthy") }
        if let own = self.errorRate, let before = other.errorRate, own.above <= before.above,
            own.within == before.within, Set(own.checks) == Set(before.checks)
        {
            keys.append("errorRate")
        }
        if let own = self.p95, let before = other.p95, own.above <= before.above, own.within == before.within,
            Set(own.checks) == Set(before.checks)
        {
            keys.append("p95")
        }
        if !other.components.isEmpty, Set(other.components).isSubset(of: self.components) { keys.append("component") }
        return keys
    }
}

extension Component {
    /// Units that it has frozen while it is not well.
    fileprivate var loads: [String] {
        self.recovery.flatMap { step -> [String] in
            if case .reduceLoad(let load) = step.strategy, load.properties.isEmpty { load.units } else { [] }
        }
    }
}

extension ScalePolicy {
    fileprivate func counts(_ unit: String) -> Bool {
        guard case .instances(let template, _, let max, _) = self.kind else { return false }
        return (1...max).contains { ScalePolicy.instance($0, of: template) == unit }
    }
}
