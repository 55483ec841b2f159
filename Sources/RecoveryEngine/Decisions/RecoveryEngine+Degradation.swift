import Policy
import ResilienceCore

// What the host does without while it is not well: at which level it is, and why.

extension RecoveryEngine {
    /// Looks at everything anew: what asks for a level, the level, the units that it does without, and what is told.
    mutating func reviewDegradation() {
        guard self.isStarted, self.policy.degradation != nil || !self.host.degradation.isIdle else { return }
        self.endRequests()
        self.reviewLevel()
        self.tellOfLevel()
        self.tendShedUnits()
        self.publishDegradation()
        self.armDegradationTimer()
    }

    /// Prepares what the policy counts; a level that it no longer has is left at once.
    mutating func adoptDegradation() {
        var counted: [CheckReference: Duration] = [:]
        for level in self.policy.degradation?.levels.values.compactMap(\.enter) ?? [] {
            let windows = [level.errorRate.map { ($0.checks, $0.within) }, level.p95.map { ($0.checks, $0.within) }]
            for case (let checks, let within)? in windows {
                for check in checks { counted[check] = max(counted[check] ?? .zero, within) }
            }
        }
        self.host.degradation.counted = counted
        for index in self.machines.indices {
            let name = self.machines[index].component.name
            for position in self.machines[index].trackers.indices {
                let check = CheckReference(
                    component: name, check: self.machines[index].trackers[position].check.name)
                self.machines[index].trackers[position].keepHistory(for: counted[check])
            }
        }
        let watched = Set(self.shedCandidates)
        self.host.degradation.seen = self.host.degradation.seen.filter { watched.contains($0.key) }
        guard self.isStarted, let change = self.host.degradation.machine.adopt(self.policy.degradation) else { return }
        self.noteLevel(change, why: "the policy no longer has the level \(change.from.rawValue)")
    }

    /// Takes up what an earlier run left behind.
    mutating func restoreDegradation(_ saved: SavedDegradation?) {
        if let saved {
            self.host.degradation.restore(saved, at: self.now.monotonic)
            self.watchEverything()
        }
        if let change = self.host.degradation.machine.adopt(self.policy.degradation) {
            self.noteLevel(change, why: "the policy no longer has the level \(change.from.rawValue)")
        }
    }

    // MARK: - The level

    /// DEGRADE asks while its incident is open, and no longer.
    private mutating func endRequests() {
        self.host.degradation.requests = self.host.degradation.requests.filter { name, request in
            self.indexByName[name].map { self.machines[$0].incident?.id == request.incident } ?? false
        }
    }

    private mutating func reviewLevel() {
        guard let policy = self.policy.degradation else { return }
        let evidence = policy.levels.compactMapValues { $0.enter.map(self.evidence) }
        let requested = self.host.degradation.requests.values.map(\.level).max()
        let change = self.host.degradation.machine.review(
            policy, evidence, requested: requested, at: self.now.monotonic)
        guard let change else { return }
        self.noteLevel(
            change, why: change.to > change.from ? self.reason(for: change.to, policy) : self.wayBack(policy))
    }

    private mutating func noteLevel(_ change: DegradationMachine.Change, why: String) {
        self.host.degradation.since = self.now.wall
        self.host.degradation.why = why
        self.record(nil, .degradationChanged(from: change.from, to: change.to, why: why))
    }

    private func wayBack(_ policy: DegradationPolicy) -> String {
        "nothing has asked for more for \(policy.stepUpAfter.brief)"
    }

    /// What asks for the level, for people.
    private func reason(for level: DegradationLevel, _ policy: DegradationPolicy) -> String {
        var reasons = self.host.degradation.requests.filter { $0.value.level >= level }.keys.sorted()
            .map { "DEGRADE of \($0)" }
        guard let enter = policy.levels[level]?.enter else { return reasons.joined(separator: "; ") }
        if let share = enter.unhealthy, self.host.degradation.weights.evidence(ofAtLeast: share) == .present {
            reasons.append("\(self.host.degradation.weights.text) of the weight of all components is down")
        }
        if let rate = enter.errorRate, rate.evidence(self.entries(rate.checks, rate.within)) == .present {
            reasons.append("the error rate of \(Self.names(rate.checks)) is above \(Self.percent(rate.above))")
        }
        if let time = enter.p95, time.evidence(self.entries(time.checks, time.within)) == .present {
            reasons.append("p95 of \(Self.names(time.checks)) is above \(time.above.brief)")
        }
        reasons += enter.components.filter { self.isDown($0) == .present }.map { "\($0) is down" }
        return reasons.joined(separator: "; ")
    }

    private static func names(_ checks: [CheckReference]) -> String {
        checks.map { "\($0.component)/\($0.check)" }.joined(separator: ", ")
    }

    private static func percent(_ share: Double) -> String { "\((share * 1_000).rounded() / 10) %" }

    // MARK: - Evidence

    private func evidence(of condition: LevelCondition) -> Evidence {
        var parts = condition.components.map(self.isDown)
        if let share = condition.unhealthy {
            parts.append(self.host.degradation.weights.evidence(ofAtLeast: share))
        }
        if let rate = condition.errorRate { parts.append(rate.evidence(self.entries(rate.checks, rate.within))) }
        if let time = condition.p95 { parts.append(time.evidence(self.entries(time.checks, time.within))) }
        return Evidence.any(parts)
    }

    private func isDown(_ name: String) -> Evidence {
        guard let index = self.indexByName[name] else { return .absent }
        // What fails may be the network. Whoever names the gate itself means just that.
        let health = self.isPartOfGate(index) ? nil : self.machines[index].countedHealth
        switch health ?? self.machines[index].serviceHealth {
        case .out: return .present
        case .doubtful: return .unknown
        case .fine, .resting: return .absent
        }
    }

    private func entries(_ checks: [CheckReference], _ within: Duration) -> [ResultHistory.Entry] {
        checks.flatMap { check in
            guard let index = self.indexByName[check.component] else { return [ResultHistory.Entry]() }
            if case .stopped = self.machines[index].phase { return [] }
            let tracker = self.machines[index].trackers.first { $0.check.name == check.check }
            return tracker?.history?.newer(than: within, at: self.now.monotonic) ?? []
        }
    }

    /// Tells the level's conditions what has changed about a component.
    mutating func publishToDegradation(_ index: Int) {
        var health = self.machines[index].serviceHealth
        if health == .out, self.isPerhapsTheNetwork(index) { health = .doubtful }
        // Else each unit that a level does without would make what is down a larger share, and lead to the next level.
        if health == .resting, self.isShed(index) != nil { health = .fine }
        let counted = self.machines[index].countedHealth
        guard health != counted else { return }
        let weight = self.machines[index].component.criticality.weight
        if let counted { self.host.degradation.weights.add(-weight, counted) }
        self.host.degradation.weights.add(weight, health)
        self.machines[index].countedHealth = health
    }

    /// What fails may be the network: the gate has yet to answer, or none of its checks passes, which are then the reason to
    /// doubt and no part of what is down.
    private mutating func isPerhapsTheNetwork(_ index: Int) -> Bool {
        self.isPartOfGate(index) ? !self.gatePasses : self.networkDoubt(of: index) != nil
    }

    mutating func recountHealth() {
        self.host.degradation.weights = HealthWeights()
        for index in self.machines.indices {
            self.machines[index].countedHealth = nil
            self.publishToDegradation(index)
        }
    }

    // MARK: - DEGRADE

    /// What a DEGRADE step comes to now.
    func degradationOrder(_ strategy: DegradeStrategy) -> StepOrder {
        guard let policy = self.policy.degradation else { return .unfit("the policy has no degradation") }
        if let level = strategy.level {
            return policy.levels[level] == nil ? .unfit("degradation has no level \(level.rawValue)") : .plain
        }
        let level = self.host.degradation.level
        return policy.deeper(than: level) == nil ? .unfit("\(level.rawValue) is the deepest level already") : .plain
    }

    /// The level is entered at once; whether it helps, the checks decide.
    mutating func degrade(_ request: ActionRequest, _ index: Int, _ strategy: DegradeStrategy) {
        let present = self.host.degradation.level
        let level = strategy.level ?? self.policy.degradation?.deeper(than: present) ?? present
        let name = self.machines[index].component.name
        let before = self.host.degradation.requests[name].flatMap { $0.incident == request.incident ? $0.level : nil }
        self.host.degradation.requests[name] = DegradationRequest(
            level: max(level, before ?? level), incident: request.incident)
        self.reviewLevel()
        let reached = self.host.degradation.level
        self.record(
            index,
            .actionFinished(id: request.id, ActionOutcome(.succeeded, detail: "the level is \(reached.rawValue)")))
        self.expectRecovery(
            index, Attempt(request: request, step: self.machines[index].ladder.step, isDisruptive: false))
    }

    // MARK: - What is told

    private mutating func publishDegradation() {
        let notice = self.policy.degradation.map { policy in
            DegradationNotice(
                level: self.host.degradation.level, features: policy.features(at: self.host.degradation.level))
        }
        guard notice != self.host.degradation.published else { return }
        self.host.degradation.published = notice
        self.effects.append(.publishDegradation(notice))
    }

    private mutating func armDegradationTimer() {
        var times = [self.nextShedding(), self.nextLevelNews]
        if let policy = self.policy.degradation {
            times.append(self.host.degradation.machine.nextReview(policy))
            times.append(self.nextExpiry())
        }
        guard let due = times.compactMap(\.self).min() else { return }
        // One that comes sooner looks at everything, too.
        if let armed = self.host.degradation.dueAt, armed <= due { return }
        let next = max(due, self.now.monotonic + .milliseconds(1))
        self.host.degradation.dueAt = next
        self.armHostTimer(.degradation, at: next)
    }

    /// When the oldest result that counts ceases to.
    private func nextExpiry() -> MonotonicInstant? {
        self.host.degradation.counted.compactMap { check, within -> MonotonicInstant? in
            guard let index = self.indexByName[check.component],
                let history = self.machines[index].trackers.first(where: { $0.check.name == check.check })?.history
            else { return nil }
            return history.entries.first { self.now.monotonic - $0.at < within }.map { $0.at + within }
        }.min()
    }
}
