import Policy
import ResilienceCore

// The life of a drill: a fault goes in, on record before it does; what follows is decided as at any other failure and
// only watched from here; and whatever came of it, nothing of the fault stays behind.

extension RecoveryEngine {
    /// The last drill, under way or over.
    public var drill: SavedDrill? { self.host.drill }

    mutating func beginDrill(_ index: Int, _ fault: DrillFault, by name: String, reason: String?) {
        let verdict = self.judgeDrill(index, fault)
        let machine = self.machines[index]
        guard verdict.isSafe, let unit = verdict.unit, let invocation = machine.unit?.invocationID else { return }
        let cause = DrillCause(id: self.host.nextAction, fault: fault, by: name, reason: reason)
        let beginning = DrillBeginning(
            cause: cause, unit: unit, invocationID: invocation, mainPID: verdict.mainPID,
            noticedBy: self.now.wall + verdict.noticeWithin)
        self.record(index, .drillBegun(beginning))
        let request = self.intendForDrill(
            machine.component.name, unit, invocation, .inject(fault), attempt: 1, why: "drill by \(cause.text)")
        self.host.drill = SavedDrill(
            component: machine.component.name, beginning: beginning, at: self.now.wall,
            healWithin: verdict.healWithin, inFlight: request)
        self.host.drillDueAt = nil
        self.effects.append(.act(request))
    }

    private mutating func intendForDrill(
        _ component: String, _ unit: String, _ invocation: String, _ order: DrillOrder, attempt: Int, why: String
    ) -> ActionRequest {
        let request = ActionRequest(
            id: self.host.nextAction, incident: 0, component: component, action: ActionRequest.drillAction, unit: unit,
            attempt: attempt, timeout: .seconds(15), expectedInvocationID: invocation,
            policyGeneration: self.generation, rivals: self.indexByName[component].flatMap { self.machines[$0].rivals },
            drill: order)
        self.host.nextAction += 1
        self.effects.append(
            .record(
                AuditRecord(
                    at: self.now.wall, component: component,
                    .actionIntended(
                        id: request.id, action: request.action, attempt: attempt, step: 0, unit: unit, why: why))))
        return request
    }

    /// An earlier run began it.
    mutating func goOnWithDrill() {
        guard let drill = self.host.drill else { return }
        if let request = drill.inFlight { self.effects.append(.reconcile(request)) }
        guard drill.isUnderWay else { return }
        // No longer than from now on, whatever the wall clock did meanwhile.
        let longest = drill.stage == .noticed ? drill.healWithin : drill.until - drill.begunAt
        self.setDrillDeadline(self.now.monotonic + min(max(.zero, drill.until - self.now.wall), max(.zero, longest)))
    }

    private mutating func setDrillDeadline(_ deadline: MonotonicInstant) {
        self.host.drillDueAt = deadline
        self.armHostTimer(.drill, at: deadline)
    }

    // MARK: - What its own actions came to

    /// - Returns: whether the action is one of a drill.
    mutating func finishDrillAction(_ id: Int64, _ outcome: ActionOutcome) -> Bool {
        guard let drill = self.host.drill, let request = drill.inFlight, request.id == id else { return false }
        self.host.drill?.inFlight = nil
        self.effects.append(
            .record(
                AuditRecord(at: self.now.wall, component: drill.component, .actionFinished(id: id, outcome))))
        switch request.drill {
        case .inject: self.takeInjection(outcome)
        case .takeBack: self.takeTakingBack(outcome)
        case nil: break
        }
        return true
    }

    private mutating func takeInjection(_ outcome: ActionOutcome) {
        // It may be over before systemd's answer comes.
        guard let drill = self.host.drill, drill.isUnderWay else { return }
        switch outcome.result {
        case .refused, .skipped:
            self.disownIncidents(of: drill)
            self.host.drill?.incident = nil
            return self.end(.notInjected, "nothing was done: \(outcome.detail)")
        case .succeeded: self.host.drill?.injectedAt = self.now.wall
        case .failed, .timedOut, .interrupted:
            // It may have been sent all the same: what follows tells, and it is taken back in any case.
            self.host.drill?.isUncertain = true
            self.host.drill?.injectedAt = drill.begunAt
        }
        guard drill.stage == .injecting else { return }
        self.host.drill?.stage = .injected
        if self.host.drillDueAt == nil {
            self.setDrillDeadline(self.now.monotonic + (drill.until - drill.begunAt))
        }
    }

    // MARK: - Its incident

    /// What fails because of a drill is marked: the component itself, and those that wait for it.
    mutating func linkToDrill(_ index: Int, root: String?) {
        guard let drill = self.host.drill, drill.isUnderWay, let incident = self.machines[index].incident,
            incident.drill == nil
        else { return }
        let isOwn = self.machines[index].component.name == drill.component
        let isSuffered =
            root.flatMap { self.indexByName[$0] }.flatMap { self.machines[$0].incident?.drill }?.id == drill.id
        guard isOwn ? root == nil && self.mayBeFault(of: drill, index) : isSuffered else { return }
        self.machines[index].incident?.drill = drill.cause
        self.touched.insert(index)
        self.record(index, .drillCaused(drill.cause))
        guard isOwn, drill.incident == nil, drill.stage == .injecting || drill.stage == .injected else { return }
        self.host.drill?.incident = incident.id
        self.host.drill?.stage = .noticed
        self.host.drill?.failedAt = incident.failedAt
        self.host.drill?.noticedAt = self.now.wall
        self.host.drill?.until = self.now.wall + drill.healWithin
        self.setDrillDeadline(self.now.monotonic + drill.healWithin)
    }

    /// Where it is not known whether the signal was sent, another kind of death is another failure.
    private func mayBeFault(of drill: SavedDrill, _ index: Int) -> Bool {
        guard drill.isUncertain, let unit = self.machines[index].unit else { return true }
        guard drill.cause.fault == .kill, let exit = unit.exit, !unit.isUp else {
            return unit.invocationID == drill.invocationID
        }
        return exit.kind == .killed && exit.status == 9
    }

    /// It failed by itself at the very moment: that counts.
    private mutating func disownIncidents(of drill: SavedDrill) {
        for index in self.machines.indices where self.machines[index].incident?.drill?.id == drill.id {
            self.machines[index].incident?.drill = nil
            self.touched.insert(index)
            self.record(index, .drillCaused(nil))
        }
    }

    mutating func noteDrillRepair(_ request: ActionRequest) {
        guard let drill = self.host.drill, drill.stage == .noticed, drill.incident == request.incident else { return }
        if drill.decidedAt == nil { self.host.drill?.decidedAt = self.now.wall }
        self.host.drill?.action = request.id
        self.host.drill?.actionName = request.action
        self.host.drill?.repairedAt = nil
        self.host.drill?.repairs += 1
    }

    mutating func noteDrillRepairEnded(_ id: Int64) {
        guard let drill = self.host.drill, drill.stage == .noticed, drill.action == id else { return }
        self.host.drill?.repairedAt = self.now.wall
    }

    mutating func noteDrillIncidentResolved(_ incident: SavedIncident, at resolvedAt: WallTime, by healer: Healer) {
        guard let drill = self.host.drill, drill.stage == .noticed, drill.incident == incident.id else { return }
        self.host.drill?.failedAt = incident.failedAt
        self.host.drill?.upAt = resolvedAt
        self.host.drill?.provenAt = self.now.wall
        self.host.drill?.healer = healer
        switch healer {
        case .heald, .systemd: self.conclude(.healed, "healed by \(healer.rawValue)")
        case .person: self.conclude(.notHealed, "a person repaired it")
        case .itself: self.conclude(.notHealed, "it came back by itself")
        case .dependency, .withdrawn: self.conclude(.interrupted, "its incident was closed without a repair")
        }
    }

    // MARK: - Its limits

    /// After each event: has anything overtaken it, or is its time up?
    mutating func reviewDrill() {
        guard self.isStarted, let drill = self.host.drill, drill.isUnderWay else { return }
        guard drill.stage != .takingBack else { return self.continueTakingBack(drill) }
        guard let index = self.indexByName[drill.component] else {
            return self.conclude(.interrupted, "the component has left the policy")
        }
        let machine = self.machines[index]
        if machine.phase == .stopped { return self.conclude(.interrupted, "somebody stopped the unit") }
        if drill.stage == .noticed {
            guard let incident = machine.incident, incident.id == drill.incident else {
                return self.conclude(.interrupted, "its incident was closed without a repair")
            }
            if incident.failedAt != drill.failedAt { self.host.drill?.failedAt = incident.failedAt }
            if case .exhausted = machine.phase {
                return self.conclude(.notHealed, "every step of the ladder was tried")
            }
        }
        guard drill.inFlight == nil, let due = self.host.drillDueAt, self.now.monotonic >= due else { return }
        if drill.stage != .noticed, machine.incident != nil {
            return self.conclude(.interrupted, "it failed for another reason meanwhile")
        }
        switch drill.stage {
        case .noticed:
            self.conclude(.notHealed, "not proven up within \(drill.healWithin.brief) of its detection")
        case .injecting, .injected:
            let limit = (drill.until - drill.begunAt).brief
            if drill.isUncertain {
                self.conclude(.interrupted, "whether the signal was sent is not known, and nothing failed in \(limit)")
            } else {
                self.conclude(.notNoticed, "no check noticed it within \(limit)")
                self.tellOfBlindness(drill)
            }
        case .takingBack, .ended: break
        }
    }

    private mutating func tellOfBlindness(_ drill: SavedDrill) {
        self.effects.append(
            .alert(
                AlertMessage(
                    event: .healingFailed, component: drill.component, incident: nil, severity: .medium, channels: [],
                    text: drill.cause.prefix + "no check of \(drill.component) noticed that \(drill.unit) "
                        + (drill.cause.fault == .kill ? "was killed." : "was stopped."), at: self.now.wall)))
    }

    // MARK: - Its end

    /// How it ends is decided. What nobody repaired is taken back before it is over.
    private mutating func conclude(_ outcome: DrillOutcome, _ detail: String) {
        self.host.drill?.outcome = outcome
        self.host.drill?.detail = detail
        guard let drill = self.host.drill, self.mustBeTakenBack(drill) else { return self.end(outcome, detail) }
        self.host.drill?.stage = .takingBack
        self.host.drillDueAt = nil
        self.continueTakingBack(drill)
    }

    /// - Returns: `true` also where it is not known: taking back looks for itself whether there is anything to it.
    private func mustBeTakenBack(_ drill: SavedDrill) -> Bool {
        let machine = self.indexByName[drill.component].map { self.machines[$0] }
        let seen = machine.flatMap { $0.isUnitInDoubt ? nil : $0.observation(of: drill.unit) }
        switch drill.cause.fault {
        case .hang:
            guard let seen else { return true }
            return !seen.isDown && (seen.invocationID ?? drill.invocationID) == drill.invocationID
        case .kill:
            // One that failed has its ladder, and one that somebody stopped is theirs.
            guard let machine, machine.incident == nil, !machine.stoppedByOperator, let seen else { return false }
            return seen.isDown && !seen.stoppedByOther && seen.invocationID == drill.invocationID
        }
    }

    private mutating func continueTakingBack(_ drill: SavedDrill) {
        guard drill.inFlight == nil else { return }
        guard self.mustBeTakenBack(drill) else { return self.end(drill.outcome ?? .interrupted, drill.detail ?? "") }
        if let due = self.host.drillDueAt, self.now.monotonic < due { return }
        let what = drill.cause.fault == .hang ? "the process goes on" : "the unit is started"
        let request = self.intendForDrill(
            drill.component, drill.unit, drill.invocationID, .takeBack(drill.cause.fault),
            attempt: drill.takeBacks + 1, why: "the drill is over: \(what)")
        self.host.drill?.takeBacks += 1
        self.host.drill?.inFlight = request
        self.effects.append(.act(request))
    }

    private mutating func takeTakingBack(_ outcome: ActionOutcome) {
        guard let drill = self.host.drill, drill.stage == .takingBack else { return }
        let isGone = self.indexByName[drill.component] == nil && outcome.result == .refused
        if outcome.result == .succeeded || isGone || !self.mustBeTakenBack(drill) {
            return self.end(drill.outcome ?? .interrupted, drill.detail ?? "")
        }
        if drill.takeBacks == Self.takeBacksUntilTold {
            let advice = drill.cause.fault == .hang ? "systemctl kill -s CONT --kill-whom=main" : "systemctl start"
            self.effects.append(
                .alert(
                    AlertMessage(
                        event: .healingFailed, component: drill.component, incident: drill.incident,
                        severity: .critical,
                        channels: [],
                        text: drill.cause.prefix + "what it did to \(drill.unit) cannot be taken back, and is tried "
                            + "again: \(advice) \(drill.unit). \(outcome.detail)", at: self.now.wall)))
        }
        let wait = Duration.seconds(5) * (1 << min(6, drill.takeBacks))
        self.setDrillDeadline(self.now.monotonic + min(.seconds(300), wait))
    }

    /// People hear of it after so many tries.
    private static let takeBacksUntilTold = 3

    private mutating func end(_ outcome: DrillOutcome, _ detail: String) {
        guard let drill = self.host.drill else { return }
        self.host.drill?.outcome = outcome
        self.host.drill?.detail = detail
        self.host.drill?.stage = .ended
        self.host.drill?.endedAt = self.now.wall
        self.host.drillDueAt = nil
        self.effects.append(
            .record(
                AuditRecord(
                    at: self.now.wall, component: drill.component, incident: drill.incident,
                    .drillEnded(id: drill.id, outcome, detail: detail))))
    }
}

extension ActionRequest {
    /// What an action of a drill is called; policies know no such strategy.
    public static let drillAction = "DRILL"
}

extension DrillCause {
    /// `anna: monthly exercise`.
    public var text: String { [self.by, self.reason].compactMap(\.self).joined(separator: ": ") }

    /// What a message about it begins with.
    var prefix: String { "[Drill \(self.id) by \(self.text)] " }
}

extension SavedIncident {
    /// Whoever is told of it is told that it is a drill.
    var drillPrefix: String { self.drill?.prefix ?? "" }
}
