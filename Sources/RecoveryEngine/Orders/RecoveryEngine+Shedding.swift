import Policy
import ResilienceCore

// The units that a level does without: each is stopped or frozen once, on record before it is done, and given back one
// after another. What somebody else took into their hands is theirs.

extension RecoveryEngine {
    /// A unit that was given back is left alone for this long, however the level comes and goes.
    static let shedRest = Duration.seconds(60)
    /// A stopped unit that cannot be started is given up, with an alert, after so many attempts.
    static let returnsMost = 3
    /// So many units are stopped or frozen at once.
    static let sheddingMost = 8
    /// What waits for something that tells nobody of its end is looked at again.
    private static let shedPatience = Duration.seconds(5)

    /// Units that the level does without now.
    private var unitsToShed: [UnitToShed] {
        guard let policy = self.policy.degradation, !policy.isObserved else { return [] }
        return policy.units(at: self.host.degradation.level).filter { unit in
            self.owner(of: unit.unit).map { self.machines[$0].component.mode == .auto } ?? true
        }
    }

    var shedCandidates: [String] {
        (self.policy.degradation?.allUnits.map(\.unit) ?? []) + self.host.degradation.units.keys
    }

    var unitsToWatch: Set<String> { Set(self.indexByUnit.keys).union(self.shedCandidates) }

    mutating func tendShedUnits() {
        self.host.degradation.notBefore = self.host.degradation.notBefore.filter { $0.value > self.now.monotonic }
        let wanted = self.unitsToShed
        self.noticeOtherHands()
        self.giveBackShed(wanted)
        guard self.reasonAgainstShedding() == nil else { return }
        for unit in wanted { self.shed(unit) }
    }

    /// The component rests while a level does without its unit.
    func isShed(_ index: Int) -> ShedUnit? {
        guard let unit = self.machines[index].activeUnit else { return nil }
        return self.host.degradation.units[unit].flatMap { $0.isOurs ? $0 : nil }
    }

    private func owner(of unit: String) -> Int? {
        self.indexByUnit[unit].flatMap { self.machines[$0].activeUnit == unit ? $0 : nil }
    }

    private func observation(ofShed unit: String) -> UnitObservation? {
        guard let index = self.indexByUnit[unit] else { return self.host.degradation.seen[unit] }
        return self.machines[index].isUnitInDoubt ? nil : self.machines[index].observation(of: unit)
    }

    /// - Returns: whether it concerns a unit that belongs to no component.
    mutating func observeShed(_ unit: String, _ observation: UnitObservation) {
        guard self.indexByUnit[unit] == nil, self.shedCandidates.contains(unit) else { return }
        self.host.degradation.seen[unit] = observation
    }

    // MARK: - Taking away

    private func reasonAgainstShedding() -> Hold? {
        if let until = self.host.pausedUntil, until > self.now.monotonic { return .paused(until: until) }
        if self.host.unrecorded != nil { return .unrecorded }
        if self.host.unitsUnknown != nil { return .evidence }
        return self.host.isFrozen ? .frozen(group: nil) : nil
    }

    /// What concerns this unit alone, in both directions.
    private func isUntouchable(_ unit: String) -> Bool {
        if let until = self.host.degradation.notBefore[unit], until > self.now.monotonic { return true }
        if self.isInHand([unit], besides: -1) { return true }
        guard let index = self.owner(of: unit) else { return false }
        let machine = self.machines[index]
        if let until = machine.pausedUntil, until > self.now.monotonic { return true }
        return self.openWindow(machine.component) != nil
    }

    private mutating func shed(_ wanted: UnitToShed) {
        let known = self.host.degradation.units[wanted.unit]
        guard known == nil || known?.hold == .asked, !self.isUntouchable(wanted.unit),
            self.host.orphans.values.count(where: \.isOfHost) < Self.sheddingMost,
            let seen = self.observation(ofShed: wanted.unit), seen.job == nil
        else { return }
        if let known {
            // Asked for, and in vain so far.
            guard seen.isUp, known.failures < Self.returnsMost else { return }
        } else if seen.isUp, self.isTakenSince(seen) {
            self.host.degradation.units[wanted.unit] = ShedUnit(level: wanted.level, way: wanted.way, hold: .left)
            return
        } else if !seen.isUp {
            guard seen.isDown, wanted.way == .stop, let index = self.owner(of: wanted.unit),
                !self.machines[index].stoppedByOperator
            else { return }
            self.leaveResting(wanted, seen)
            return
        } else if wanted.way == .freeze {
            guard let isFrozen = self.isFrozen(wanted.unit) else { return }
            self.host.frost.use([wanted.unit])
            if isFrozen {
                self.record(nil, .note("\(wanted.unit) is frozen already: it is left so, and not thawed either"))
                self.leaveResting(wanted, seen)
                return
            }
        }
        self.host.degradation.units[wanted.unit] = ShedUnit(
            level: wanted.level, way: wanted.way, hold: .asked, invocationID: seen.invocationID,
            failures: known?.failures ?? 0)
        self.actOnShed(
            wanted.unit, wanted.way == .stop ? .stop([wanted.unit]) : .limit(units: [wanted.unit], []),
            invocation: seen.invocationID, why: "degradation level \(wanted.level.rawValue)")
        if let index = self.owner(of: wanted.unit) { self.evaluateLater(index) }
    }

    /// It is already as the level wants it, by somebody else's hand: nothing of it is taken, nor given back.
    private mutating func leaveResting(_ wanted: UnitToShed, _ seen: UnitObservation) {
        self.host.degradation.units[wanted.unit] = ShedUnit(
            level: wanted.level, way: wanted.way, hold: .resting, invocationID: seen.invocationID)
        if let index = self.owner(of: wanted.unit) { self.evaluateLater(index) }
    }

    /// Somebody started it since the level was entered: they want it to run.
    private func isTakenSince(_ seen: UnitObservation) -> Bool {
        guard seen.startedByOther, let at = seen.activeEnteredAt else { return false }
        return at > self.host.degradation.since
    }

    private mutating func actOnShed(_ unit: String, _ order: ActionOrder, invocation: String?, why: String) {
        let request = ActionRequest(
            id: self.host.nextAction, incident: 0, component: ActionRequest.ofHost, action: "DEGRADE", unit: unit,
            attempt: (self.host.degradation.units[unit]?.failures ?? 0) + 1, timeout: .seconds(60),
            expectedInvocationID: invocation, policyGeneration: self.generation, order: order,
            rivals: self.owner(of: unit).flatMap { self.machines[$0].rivals })
        self.host.nextAction += 1
        self.record(
            nil,
            .actionIntended(
                id: request.id, action: request.action, attempt: request.attempt, step: 0, unit: unit, why: why))
        self.host.orphans[request.id] = request
        self.effects.append(.act(request))
    }

    // MARK: - Giving back

    /// A unit that runs as another invocation than the one that was taken away was started by somebody.
    private mutating func noticeOtherHands() {
        for (name, unit) in self.host.degradation.units.sorted(by: { $0.key < $1.key }) {
            guard unit.hold == .held || unit.hold == .resting, let seen = self.observation(ofShed: name), seen.isUp,
                let invocation = seen.invocationID, invocation != unit.invocationID,
                !self.isInHand([name], besides: -1)
            else { continue }
            self.leave(name, "\(name) was started by somebody else: it is left to run")
        }
    }

    private mutating func leave(_ name: String, _ note: String) {
        self.host.degradation.units[name]?.hold = .left
        self.record(nil, .note(note))
        if let index = self.owner(of: name) { self.evaluateLater(index) }
    }

    /// The last taken away comes back first, one at a time.
    private mutating func giveBackShed(_ wanted: [UnitToShed]) {
        let kept = Set(wanted.map { "\($0.way.rawValue) \($0.unit)" })
        let free = self.host.degradation.units.filter { !kept.contains("\($0.value.way.rawValue) \($0.key)") }
        guard !free.isEmpty else { return }
        let order = free.sorted { left, right in
            (right.value.level, left.value.way.rawValue, left.key) < (
                left.value.level, right.value.way.rawValue, right.key
            )
        }
        var isBusy = self.host.orphans.values.contains { $0.isOfHost && $0.givesBack }
        for (name, unit) in order {
            switch self.wayBack(of: name, unit) {
            case .over(let note):
                if let note { self.record(nil, .note(note)) }
                self.forgetShed(name, isStartedAnew: false)
            case .wait: continue
            case .act(let order, let invocation):
                guard !isBusy else { continue }
                isBusy = true
                self.actOnShed(name, order, invocation: invocation, why: "back from \(unit.level.rawValue)")
            }
        }
    }

    private enum WayBack {
        case over(String?)
        case wait
        case act(ActionOrder, invocation: String?)
    }

    private func wayBack(of name: String, _ unit: ShedUnit) -> WayBack {
        switch unit.hold {
        // Not our doing. One that was started anew runs thawed; frozen by now, it is somebody else's freeze.
        case .resting, .left: return .over(nil)
        case .asked, .held: break
        }
        if let until = self.host.pausedUntil, until > self.now.monotonic { return .wait }
        guard self.host.unrecorded == nil, self.host.unitsUnknown == nil, !self.isUntouchable(name),
            let seen = self.observation(ofShed: name), seen.job == nil
        else { return .wait }
        if let index = self.indexByUnit[name], self.machines[index].activeUnit != name {
            return .over("\(name) is not started again: \(self.machines[index].activeUnit ?? "another") took its place")
        }
        switch unit.way {
        case .freeze:
            if seen.isDown { return .over(nil) }
            return .act(.unlimit(units: [name], []), invocation: unit.invocationID)
        case .stop:
            if seen.isUp { return .over(nil) }
            guard seen.isDown else { return .wait }
            if seen.stoppedByOther { return .over("\(name) is not started again: somebody stopped it meanwhile") }
            if let invocation = seen.invocationID, invocation != unit.invocationID {
                return .over("\(name) is not started again: somebody started and stopped it meanwhile")
            }
            return .act(.start([name]), invocation: unit.invocationID)
        }
    }

    /// - Parameter isStartedAnew: what is known of it may be of the time before that.
    private mutating func forgetShed(_ name: String, isStartedAnew: Bool) {
        self.host.degradation.units[name] = nil
        self.host.degradation.notBefore[name] = self.now.monotonic + Self.shedRest
        guard let index = self.owner(of: name) else { return }
        if isStartedAnew, self.machines[index].unit?.isUp != true {
            self.machines[index].forgetUnitChecks()
            // That it has died since may have been told already.
            self.watchEverything()
        }
        self.evaluateLater(index)
    }

    /// What a level found frozen was the work of REDUCE_LOAD, which is over: now it is the level's turn.
    mutating func lookAgain(atThawed units: [String]) {
        for unit in units {
            guard let known = self.host.degradation.units[unit], known.way == .freeze, known.hold == .resting else {
                continue
            }
            self.host.degradation.units[unit] = nil
        }
    }

    // MARK: - Outcomes

    mutating func finishShedding(_ request: ActionRequest, _ outcome: ActionOutcome) {
        guard let name = request.unit, let unit = self.host.degradation.units[name] else { return }
        if request.givesBack {
            self.finishReturn(name, unit, outcome)
            return
        }
        switch outcome.result {
        case .succeeded:
            self.host.degradation.units[name]?.hold = .held
            self.host.degradation.units[name]?.failures = 0
        case .refused, .skipped:
            // Nothing was done: whatever it is now, it is not our doing.
            self.host.degradation.units[name] = nil
            self.host.degradation.notBefore[name] = self.now.monotonic + Self.asideRetry
        case .failed, .timedOut, .interrupted:
            self.host.degradation.units[name]?.failures += 1
            self.host.degradation.notBefore[name] = self.now.monotonic + Self.asideRetry
        }
        if let index = self.owner(of: name) { self.evaluateLater(index) }
    }

    private mutating func finishReturn(_ name: String, _ unit: ShedUnit, _ outcome: ActionOutcome) {
        if outcome.result == .succeeded { return self.forgetShed(name, isStartedAnew: unit.way == .stop) }
        self.host.degradation.units[name]?.failures += 1
        self.host.degradation.notBefore[name] = self.now.monotonic + Self.asideRetry
        let failures = unit.failures + 1
        // From here on its component's own ladder repairs it.
        let isGivenUp = unit.way == .stop && (self.owner(of: name) != nil || failures >= Self.returnsMost)
        if failures == 1 || isGivenUp {
            let what = unit.way == .stop ? "started again" : "thawed"
            self.alert(
                nil, .healingFailed, .high,
                "\(name), which the degradation level \(unit.level.rawValue) did without, could not be \(what)"
                    + (isGivenUp ? ", and is not tried any more: " : ": ") + outcome.detail)
        }
        if isGivenUp { self.forgetShed(name, isStartedAnew: false) }
    }

    /// When a unit that waits has to be looked at again.
    func nextShedding() -> MonotonicInstant? {
        let wanted = self.unitsToShed
        let waits = wanted.contains { self.host.degradation.units[$0.unit] == nil }
        let keys = Set(wanted.map(\.unit))
        let returns = self.host.degradation.units.contains { !keys.contains($0.key) || $0.value.hold == .asked }
        guard waits || returns else { return nil }
        let soonest = self.host.degradation.notBefore.values.min()
        let later = self.now.monotonic + Self.shedPatience
        return soonest.map { min($0, later) } ?? later
    }
}

extension ActionRequest {
    /// Stands in the place of a component where the whole host is meant; no component can be called so.
    public static let ofHost = "(host)"

    public var isOfHost: Bool { self.component == Self.ofHost }

    /// It ends what an action for a level of degradation has done.
    var givesBack: Bool {
        switch self.order {
        case .start, .unlimit: true
        case .restartAfterwards, .clearCache, .switchRelease, .failOver, .switchEndpoint, .stop, .limit, .isolate,
            .tryIsolated, .endIsolation, nil:
            false
        }
    }
}
