import ResilienceCore

/// What must hold of a component as a whole and of components together, once each key is well formed.
struct ComponentRules {
    /// Where each unit was first named.
    var units: [String: Place] = [:]
    private var dependencies = DependencyGraph()

    mutating func addDependencies(of member: JSONMember, draft: ComponentDraft, file: Int) {
        guard let node = member.node["dependsOn"] else { return }
        for item in node.items {
            guard let name = item.string, draft.dependsOn.contains(name) else { continue }
            self.dependencies.add(from: member.key, to: name, at: Place(file: file, offset: item.offset))
        }
    }

    func reportCycles(_ context: inout DecodingContext) {
        for cycle in self.dependencies.cycles() {
            context.file = cycle.place.file
            let names =
                cycle.names.count > 20 ? cycle.names.prefix(20) + ["…"] + cycle.names.suffix(1) : cycle.names[...]
            context.report(
                at: cycle.place.offset, .semantic,
                cycle.names.count == 2
                    ? "the component depends on itself" : "dependency cycle: \(names.joined(separator: " → "))")
        }
    }

    /// Makes the component, and reports what cannot work.
    ///
    /// - Parameter isSound: nothing is wrong with it so far. Otherwise parts of it may be missing, and what only their
    ///   absence would make wrong is not reported.
    func finish(
        _ member: JSONMember, draft: ComponentDraft, isSound: Bool, _ context: inout DecodingContext
    ) -> Component {
        let ladder = self.ladder(member, draft: draft, isSound: isSound, &context)
        self.reportUnit(member.node, draft: draft, ladder: ladder, &context)
        CompositeRules.report(member.node, checks: draft.checks, isSound: isSound, &context)
        FactRules(node: member.node, draft: draft, ladder: ladder).report(&context)
        if isSound { self.reportWarnings(member, draft: draft, ladder: ladder, &context) }
        let readsUnit = draft.dependsOn.contains(requiredByUnit) && context.components[requiredByUnit] == nil
        var seen: Set<String> = readsUnit ? [requiredByUnit] : []
        return Component(
            name: member.key, unit: draft.unit, criticality: draft.criticality, group: draft.group, tags: draft.tags,
            dependsOn: draft.dependsOn.filter { seen.insert($0).inserted }, mode: draft.mode,
            startupGrace: draft.startupGrace, stable: draft.stable,
            checks: draft.checks.map { $0.of(unit: draft.unit) }, recovery: ladder,
            rearm: draft.rearm, breaker: draft.breaker, approvalExpires: draft.approvalExpires, facts: draft.facts,
            needsWhatUnitRequires: readsUnit, desired: draft.desired)
    }

    // MARK: The ladder

    private func ladder(
        _ member: JSONMember, draft: ComponentDraft, isSound: Bool, _ context: inout DecodingContext
    ) -> [Step] {
        let own = member.node["recovery"]
        let place = Place(file: context.file, offset: (own ?? member.node).offset)
        let items =
            draft.recovery
            ?? [LadderItem(steps: builtInLadder(context.defaults), place: place, name: StepLanguage.builtIn)]
        if let own, member.node["unit"] == nil {
            let written = Set(own.items.map(\.offset))
            self.reportMissingUnit(
                items.filter { $0.place.file == context.file && written.contains($0.place.offset) }, &context)
        }
        self.reportMissingFacts(items, member, draft: draft, isOwn: own != nil, fallback: place, &context)
        self.reportMissingChecks(items, isOwn: own != nil, fallback: place, &context)
        CompositeRules.reportConditions(items, isOwn: own != nil, fallback: place, checks: draft.checks, &context)
        if isSound { self.reportUnreachable(items, &context) }
        let steps = items.flatMap(\.steps)
        guard own == nil, draft.unit == nil else { return steps }
        // A ladder that was not written for this component: what it cannot do is left out, the alert never.
        let possible = steps.filter { !$0.strategy.traits.needsUnit }
        return possible.isEmpty ? [Step(name: StepLanguage.builtIn, strategy: .alert(AlertStrategy()))] : possible
    }

    private func reportMissingUnit(_ items: [LadderItem], _ context: inout DecodingContext) {
        for item in items {
            guard let step = item.steps.first(where: { $0.strategy.traits.needsUnit }) else { continue }
            context.report(
                at: item.place.offset, .semantic,
                "the step can never run: \(step.strategy.action) needs a unit, and the component has none")
        }
    }

    private func reportMissingFacts(
        _ items: [LadderItem], _ member: JSONMember, draft: ComponentDraft, isOwn: Bool, fallback: Place,
        _ context: inout DecodingContext
    ) {
        for item in items {
            for step in item.steps {
                // One that is written and wrong has been reported where it stands.
                guard let fact = step.strategy.traits.needsFact, member.node[fact.rawValue] == nil else { continue }
                context.report(
                    at: isOwn ? item.place.offset : fallback.offset, .semantic,
                    "the step can never run: \(step.strategy.action) needs the component's \(quoted(fact.rawValue)), "
                        + "and it has none")
            }
            for step in item.steps where step.when.releaseChangedWithin != nil && member.node["release"] == nil {
                guard step.strategy.traits.needsFact != .release else { continue }
                context.report(
                    at: isOwn ? item.place.offset : fallback.offset, .semantic,
                    "the step can never run: its \"releaseChangedWithin\" needs the component's \"release\"")
            }
        }
    }

    /// Named strategies are written apart from the component: only here is it known whether it has their checks.
    private func reportMissingChecks(
        _ items: [LadderItem], isOwn: Bool, fallback: Place, _ context: inout DecodingContext
    ) {
        let known = context.currentChecks ?? []
        for item in items {
            for step in item.steps {
                var wanted = step.when.checks ?? []
                if case .healthCheck(let strategy) = step.strategy { wanted += strategy.checks }
                // An inline step's own names were looked at where they stand.
                for name in wanted where !known.contains(name) && (item.name != nil || !isOwn) {
                    let what = item.name.map { "the strategy \(quoted($0))" } ?? "a step of defaults.component.recovery"
                    context.report(
                        at: isOwn ? item.place.offset : fallback.offset, .reference,
                        "\(what) names the check \(quoted(name)), which the component does not have")
                }
            }
        }
    }

    /// A step behind one that is tried without end.
    private func reportUnreachable(_ items: [LadderItem], _ context: inout DecodingContext) {
        var endless: (number: Int, step: Step)?
        var number = 0
        for item in items {
            for step in item.steps {
                number += 1
                if let blocker = endless, !self.canRun(step, behind: blocker.step) {
                    let file = context.file
                    defer { context.file = file }
                    context.file = item.place.file
                    let passed = FailureCategory.allCases.filter { !self.holds($0, blocker.step) }.map(\.rawValue)
                    let way = passed.isEmpty ? "" : ", or give it a \"when\" for \(passed.joined(separator: ", "))"
                    context.report(
                        at: item.place.offset, .semantic,
                        "the step can never run: step \(blocker.number) (\(blocker.step.strategy.action)) has unlimited "
                            + "attempts; put it before that one\(way)")
                }
                if endless == nil, step.attempts == .unlimited, step.when == Condition() {
                    endless = (number, step)
                }
            }
        }
    }

    /// The step asks for failures that the endless one before it does not treat.
    private func canRun(_ step: Step, behind endless: Step) -> Bool {
        let categories = step.when.categories ?? step.when.reasons?.map(\.category) ?? []
        let asksForMore = step.when.verdicts?.contains(.degraded) ?? false
        return asksForMore || categories.contains { !self.holds($0, endless) }
    }

    /// A failure of the category never gets past the endless step.
    private func holds(_ category: FailureCategory, _ endless: Step) -> Bool {
        endless.strategy.traits.treats(category, attempt: 1) && endless.strategy.traits.treats(category, attempt: 1_000)
    }

    // MARK: Unit and warnings

    private func reportUnit(
        _ node: JSONNode, draft: ComponentDraft, ladder: [Step], _ context: inout DecodingContext
    ) {
        guard let unit = draft.unit else {
            self.reportUnitKeys(node, draft: draft, &context)
            for check in draft.checks where check.kind.needsUnit && node["unit"] == nil {
                let offset = (node["checks"]?[check.name] ?? node).offset
                context.report(
                    at: offset, .semantic, "a \(check.kind.type) check needs the component's \"unit\", and it has none")
            }
            return
        }
        guard let why = ProtectedUnits.reason(for: unit), let value = node["unit"], draft.mode != .observe,
            let step = ladder.first(where: { $0.strategy.traits.needsUnit || $0.strategy.traits.isDisruptive })
        else { return }
        context.report(
            at: value.offset, .semantic,
            "\(unit) is never acted on: \(why). Its ladder has \(step.strategy.action); to watch it, set \"mode\": "
                + "\"observe\" or a \"recovery\" of ALERT alone")
    }

    /// Keys that mean nothing without a unit.
    private func reportUnitKeys(_ node: JSONNode, draft: ComponentDraft, _ context: inout DecodingContext) {
        guard node["unit"] == nil else { return }
        if draft.desired == .running, let value = node["desired"] {
            context.report(
                at: value.offset, .semantic, "\"desired\": \"running\" needs the component's \"unit\", and it has none")
        }
        guard context.components[requiredByUnit] == nil else { return }
        for item in node["dependsOn"]?.items ?? [] where item.string == requiredByUnit {
            context.report(
                at: item.offset, .semantic, "\"unit\" reads what the component's \"unit\" requires, and it has none")
        }
    }

    private func reportWarnings(
        _ member: JSONMember, draft: ComponentDraft, ladder: [Step], _ context: inout DecodingContext
    ) {
        if draft.criticality == .critical, !ladder.contains(where: { $0.strategy.action == "ALERT" }) {
            context.report(
                at: (member.node["recovery"] ?? member.node).offset, .semantic,
                "the component is critical and its ladder has no ALERT: nobody is told when repairing fails",
                severity: .warning)
        }
        let members = Set(draft.checks.lazy.flatMap(\.members))
        if !draft.checks.contains(where: { $0.enabled && !members.contains($0.name) }),
            let checks = member.node["checks"]
        {
            context.report(
                at: checks.offset, .semantic, "no check that counts is enabled: the component is never seen to fail",
                severity: .warning)
        }
    }
}
