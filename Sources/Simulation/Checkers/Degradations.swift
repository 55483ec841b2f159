import Policy
import RecoveryEngine
import ResilienceCore

/// The level is never deeper than what is down, what checks have seen, or what DEGRADE has asked for.
struct LevelsAreJustified: Checker {
    static let invariant = "a level of degradation is justified"
    /// What DEGRADE is asking for within one batch.
    private var asks = false
    private var seen = SeenResults()
    /// Components that lie still by somebody's wish, as the engine takes it.
    private var resting: Set<String> = []

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .decided: self.asks = false
        case .supervisorStarted(_, let restored):
            self.seen = SeenResults()
            self.resting = Set(restored.components.filter(\.value.stoppedByOperator).keys)
        case .told(.probeFinished(_, let component, let check, let result)):
            self.seen.add(CheckReference(component: component, check: check), result, at: now)
        case .considered(.record(let record)):
            if case .actionIntended(_, "DEGRADE", _, _, _, _) = record.body, record.component != nil {
                self.asks = true
            }
            if case .timeCounts(let counts, _) = record.body, let name = record.component {
                if counts || knowledge.isShed(name) { self.resting.remove(name) } else { self.resting.insert(name) }
            }
            guard case .degradationChanged(let from, let to, let why) = record.body, to > from else { return nil }
            guard let policy = knowledge.policy.degradation, let level = policy.levels[to] else {
                return "\(to.rawValue) is entered, which the policy does not have"
            }
            if self.asks { return nil }
            let down = Set(knowledge.incidents.keys)
            if let enter = level.enter {
                if !down.isDisjoint(with: enter.components) { return nil }
                if let share = enter.unhealthy, self.share(down, knowledge) >= share - 1e-9 { return nil }
                if let rate = enter.errorRate, self.seen.mayExceed(rate, at: now) { return nil }
                if let time = enter.p95, self.seen.mayExceed(time, at: now) { return nil }
            }
            return "\(to.rawValue) is entered (\(why)) with only \(down.sorted()) down"
        default: break
        }
        return nil
    }

    private func share(_ down: Set<String>, _ knowledge: Knowledge) -> Double {
        func weight(_ names: some Sequence<String>) -> Int {
            names.reduce(0) { $0 + (knowledge.components[$1]?.criticality.weight ?? 0) }
        }
        // What a level does without counts as well: it is no reason for a deeper one.
        let all = weight(knowledge.components.keys.filter { !self.resting.contains($0) })
        return all == 0 ? 0 : Double(weight(down)) / Double(all)
    }
}

/// What checks said lately, as far as it bounds what the engine may make of it: that leaves out what was seen in the grace
/// of a start, in others' hands or before a repair, so that of all results only the number of bad ones is certain.
struct SeenResults {
    private struct Result {
        var at: MonotonicInstant
        var hasFailed: Bool
        var took: Duration
    }
    private static let slack = Duration.seconds(1)
    private var results: [CheckReference: [Result]] = [:]

    mutating func add(_ check: CheckReference, _ result: CheckResult, at now: MonotonicInstant) {
        guard result.verdict != .unknown else { return }
        var seen = self.results[check, default: []].filter { now - $0.at < .seconds(120) }
        seen.append(
            Result(at: now, hasFailed: result.verdict == .down, took: result.finishedAt - result.startedAt))
        self.results[check] = seen
    }

    private func seen(_ checks: [CheckReference], _ within: Duration, at now: MonotonicInstant) -> [Result] {
        checks.flatMap { (self.results[$0] ?? []).filter { now - $0.at < within + Self.slack } }
    }

    func mayExceed(_ rate: ErrorRateCondition, at now: MonotonicInstant) -> Bool {
        let seen = self.seen(rate.checks, rate.within, at: now)
        let failures = seen.count(where: \.hasFailed)
        guard seen.count >= LevelCondition.resultsLeast else { return false }
        return Double(failures) / Double(max(LevelCondition.resultsLeast, failures)) > rate.above
    }

    func mayExceed(_ time: ResponseTimeCondition, at now: MonotonicInstant) -> Bool {
        let seen = self.seen(time.checks, time.within, at: now)
        return seen.count >= LevelCondition.resultsLeast && seen.contains { $0.took > time.above }
    }
}

/// On the way back one level is left at a time, and not before its time.
struct LevelsAreLeftInSteps: Checker {
    static let invariant = "levels are left one at a time"
    private var changedAt: MonotonicInstant?

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        // Another policy may not have the level at all.
        case .told(.policyLoaded), .supervisorStarted, .supervisorEnded: self.changedAt = nil
        case .considered(.record(let record)):
            guard case .degradationChanged(let from, let to, _) = record.body else { return nil }
            defer { self.changedAt = now }
            guard to < from, let policy = knowledge.policy.degradation, policy.levels[from] != nil else { return nil }
            if policy.shallower(than: from) != to { return "\(from.rawValue) is left for \(to.rawValue)" }
            guard let before = self.changedAt, now - before < policy.stepUpAfter - .milliseconds(1) else { return nil }
            return "\(from.rawValue) is left \(seconds(now - before)) after the last change; "
                + "\(seconds(policy.stepUpAfter)) have to pass"
        default: break
        }
        return nil
    }
}

/// Units are taken away only for a level in force, and none while heald keeps its hands off.
struct LevelsTouchOnlyTheirUnits: Checker {
    static let invariant = "a level touches only its units"
    private var level = DegradationLevel.normal

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .supervisorStarted(_, let restored): self.level = restored.host.degradation?.level ?? .normal
        case .considered(.record(let record)):
            if case .degradationChanged(_, let to, _) = record.body { self.level = to }
        case .considered(.act(let request)) where request.isOfHost:
            let units: [String]
            switch request.order {
            case .stop(let stopped): units = stopped
            case .limit(let frozen, _): units = frozen
            default: return nil
            }
            let what = "action \(request.id) takes \(units) away"
            guard let policy = knowledge.policy.degradation, !policy.isObserved else { return "\(what) unasked" }
            if !Set(units).isSubset(of: policy.units(at: self.level).map(\.unit)) {
                return "\(what), which \(self.level.rawValue) does not name"
            }
            if let end = knowledge.pausedUntil[nil], now < end { return "\(what) while paused" }
            if knowledge.isFrozen { return "\(what) while frozen" }
            if knowledge.isUnrecorded { return "\(what) while nothing can be recorded" }
        default: break
        }
        return nil
    }
}

/// What somebody else had frozen before heald meant to is never thawed by it.
///
/// A freeze by hand while one of ours is on its way, in force, or not known to have ended, is not told from it by anybody.
struct OthersFreezesAreTheirs: Checker {
    static let invariant = "what somebody else froze is left frozen"
    private var theirs: [String: MonotonicInstant] = [:]
    /// Frozen by us, or perhaps: intended, and not known to have come to nothing.
    private var ours: Set<String> = []
    private var freezes: [Int64: ActionRequest] = [:]
    private var thaws: [Int64: [String]] = [:]

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .frozenByHand(let unit, true): if !self.ours.contains(unit) { self.theirs[unit] = now }
        case .frozenByHand(let unit, false): self.theirs[unit] = nil
        case .processEnded(let unit, _):
            self.theirs[unit] = nil
            self.ours.remove(unit)
        case .considered(.act(let request)): self.note(request, at: now)
        case .told(.actionFinished(let id, let outcome)):
            if let units = self.thaws.removeValue(forKey: id) { self.ours.subtract(units) }
            guard let request = self.freezes.removeValue(forKey: id), case .limit(let units, _) = request.order,
                outcome.result == .refused || (outcome.result != .succeeded && !request.isOfHost)
            else { return nil }
            self.ours.subtract(units)
        case .thawed(let unit, _): if self.theirs.removeValue(forKey: unit) != nil { return "\(unit) is thawed" }
        default: break
        }
        return nil
    }

    private mutating func note(_ request: ActionRequest, at now: MonotonicInstant) {
        switch request.order {
        case .limit(let units, []):
            self.freezes[request.id] = request
            self.ours.formUnion(units)
            // Frozen between the look and the intent: where heald dies right then, it cannot know.
            for unit in units {
                if let at = self.theirs[unit], now - at < .seconds(5) { self.theirs[unit] = nil }
            }
        case .unlimit(let units, []): self.thaws[request.id] = units
        default: break
        }
    }
}

/// What a level has stopped runs again in the end, unless it still is in force.
struct ShedUnitsComeBack: Checker {
    static let invariant = "what a level has stopped is given back"
    /// Stops on their way.
    private var asked: Set<String> = []
    private var stopped: Set<String> = []
    private var held: Set<String> = []
    private var told = false

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .stepTaken(let request, .stop(let unit, _)) where request.isOfHost: self.asked.insert(unit)
        case .processEnded(let unit, by: .us): if self.asked.remove(unit) != nil { self.stopped.insert(unit) }
        case .processBegan(let unit, _, _):
            self.asked.remove(unit)
            self.stopped.remove(unit)
        case .considered(.saveHost(let host)): self.held = Set(host.degradation?.units.keys.map(\.self) ?? [])
        case .considered(.alert(let message)):
            if message.event == .healingFailed, message.component == nil { self.told = true }
        case .left:
            let left = self.stopped.subtracting(self.held).sorted()
            return left.isEmpty || self.told ? nil : "\(left) were stopped and never started again"
        default: break
        }
        return nil
    }
}
