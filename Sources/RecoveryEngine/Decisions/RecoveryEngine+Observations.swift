import Policy
import ResilienceCore

// How observations reach the machines.

extension RecoveryEngine {
    mutating func observe(unit: String, _ observation: UnitObservation) {
        if self.host.unitsUnknown != nil { self.host.unitsUnknown = nil }
        guard let index = self.indexByUnit[unit] else { return self.observeShed(unit, observation) }
        guard unit == self.machines[index].activeUnit else { return self.observeOther(index, unit, observation) }
        let before = self.machines[index].unit
        var observation = observation
        if observation.invocationID == nil, observation.activeState == .active, before?.activeState == .active {
            // The first word on a running unit may lack the details, which follow. Until then it is the one we knew:
            // should it be another, acting on it is refused.
            observation.invocationID = before?.invocationID
        }
        if let forgiven = self.machines[index].forgivenStop {
            // A stop that is still under way, or a new one, is another matter than the one forgiven.
            if forgiven == observation.invocationID ?? "", observation.job == nil {
                observation.stoppedByOther = false
            } else {
                self.machines[index].forgivenStop = nil
            }
        }
        if before?.stoppedByOther == true, !observation.stoppedByOther, observation.invocationID == before?.invocationID
        {
            // A stop that an earlier run of ours had begun shows as somebody's until it is known for ours.
            self.machines[index].stoppedByOperator = false
        }
        // One that a level has stopped was not left so by somebody.
        let isFirst =
            !self.machines[index].hasSeenUnit && self.machines[index].incident == nil && self.isShed(index) == nil
        if !self.machines[index].hasSeenUnit { self.machines[index].restartsWhenUp = observation.restarts }
        self.machines[index].unit = observation
        self.machines[index].hasSeenUnit = true
        self.machines[index].isUnitInDoubt = false
        self.machines[index].readUnit(observation, isFirst: isFirst, at: self.now)
        self.leaveToAbandoned(index, observation)
        self.takeRequirements(index, observation)
        if !observation.isForetold { self.takeOwnAccount(index, observation) }
        self.graceAfterStart(index, before: before, observation)
        self.touched.insert(index)
        self.evaluateLater(index)
    }

    /// systemd's own account of a death that was foretold: its time, and its reason where that is another.
    private mutating func takeOwnAccount(_ index: Int, _ observation: UnitObservation) {
        guard let foretold = self.machines[index].foretoldIncident else { return }
        self.machines[index].foretoldIncident = nil
        guard var incident = self.machines[index].incident, incident.id == foretold,
            observation.activeState == .failed, let exit = observation.exit
        else { return }
        let failure = observation.exitFailure
        let cause = IncidentCause(
            check: incident.cause.check, category: failure.category, reason: failure.reason, message: failure.message)
        // It may have been seen before systemd looked at its clock.
        let failedAt = min(exit.at, incident.detectedAt)
        guard cause != incident.cause || failedAt != incident.failedAt else { return }
        if cause != incident.cause {
            self.record(index, .evidence(kind: .exit, text: "\(exit.text), result \(observation.result)"))
        }
        incident.cause = cause
        incident.failedAt = failedAt
        self.machines[index].incident = incident
        self.record(index, .incidentCorrected(cause: cause, failedAt: failedAt))
    }

    /// A unit that somebody (re)started gets its startup grace, and its endpoint checks look at once.
    private mutating func graceAfterStart(_ index: Int, before: UnitObservation?, _ observation: UnitObservation) {
        guard observation.activeState == .active || observation.activeState == .activating,
            observation.invocationID != before?.invocationID || before?.activeState != observation.activeState
        else { return }
        let startedAt =
            observation.activeState == .active
            ? observation.activeEnteredAt.map(self.now.monotonic(at:)) ?? self.now.monotonic : self.now.monotonic
        let graceUntil = startedAt + self.machines[index].component.startupGrace
        let wasUp = before?.activeState == .active || before?.activeState == .reloading
        let isNewlyUp = observation.activeState == .active && !wasUp
        let isNewProcess = before?.invocationID != nil && before?.invocationID != observation.invocationID
        if before != nil, isNewProcess || isNewlyUp {
            self.lookAtRelease(index)
            // What the endpoints of the last process said is no evidence against this one.
            self.machines[index].restartEvidence(graceUntil: graceUntil, at: self.now.monotonic)
            self.armHurried(index)
            self.prolongProof(index, until: graceUntil, isByPerson: observation.startedByOther)
            return
        }
        guard graceUntil > self.now.monotonic else { return }
        for check in self.machines[index].trackers.indices
        where !self.machines[index].trackers[check].check.kind.isUnit
            && (self.machines[index].trackers[check].failures == 0 || before == nil)
        {
            self.machines[index].trackers[check].graceUntil = graceUntil
            if self.machines[index].trackers[check].pulse?.last == nil {
                self.machines[index].trackers[check].pulse?.awaitFirst(from: graceUntil)
            }
        }
    }

    /// A new start in the middle of a look, or of the proof of something that starts nothing, gets its own time, once. One
    /// by a person always does.
    private mutating func prolongProof(_ index: Int, until graceUntil: MonotonicInstant, isByPerson: Bool) {
        guard case .verifying(var verification) = self.machines[index].phase, let deadline = verification.deadline,
            deadline < graceUntil
        else { return }
        let startsNothing = verification.isLook || verification.action?.startsAnew == false
        guard isByPerson || startsNothing && !verification.isProlonged else { return }
        verification.isProlonged = true
        verification.deadline = graceUntil
        self.enter(index, .verifying(verification))
    }

    /// Nothing is known of any unit: hold what depends on it, forget nothing.
    mutating func loseSight(of why: String) {
        self.host.unitsUnknown = why
        self.host.degradation.seen.removeAll()
        for index in self.machines.indices where !self.machines[index].watchedUnits.isEmpty {
            self.machines[index].facts.others.removeAll()
            guard self.machines[index].component.unit != nil else { continue }
            self.machines[index].isUnitInDoubt = true
            self.machines[index].forgetUnitChecks()
            self.evaluateLater(index)
        }
    }

    mutating func takeProbe(id: UInt64, component: String, check: String, _ result: CheckResult) {
        guard let index = self.indexByName[component],
            let position = self.machines[index].trackers.firstIndex(where: { $0.check.name == check }),
            self.machines[index].trackers[position].outstanding == id
        else { return }  // of an older policy, or begun before a repair: it says nothing about now
        self.machines[index].trackers[position].outstanding = nil
        let tellsNothing =
            self.machines[index].unit?.isInOthersHands == true
            || self.host.isDisconnected && self.isGated(index, position)
        let result = tellsNothing ? result.withheld : result
        self.machines[index].trackers[position].take(result, at: self.now)
        self.takeLoad(index, position, result)
        self.takeGateResult(index, position)
        // Within the grace of a new start a failure says nothing yet.
        self.endLookOnFailure(index, position, result)
        self.repace(index, position, retryAfter: result.retryAfter)
        if result.verdict == .down {
            self.askGate(index, position)
            if self.machines[index].incident == nil { self.askDependencies(index) }
        }
        self.evaluateLater(index)
    }

    /// The supervisor did not run for a while: failures seen meanwhile may be its own, and proofs get their time back.
    mutating func doubtMyself(_ duration: Duration) {
        for index in self.machines.indices {
            // How long answers took may be our own doing.
            self.machines[index].facts.load = nil
            for check in self.machines[index].trackers.indices {
                self.machines[index].trackers[check].doubtStreak()
                self.machines[index].trackers[check].isStale = true
                self.machines[index].trackers[check].pulse?.excuse(duration, at: self.now.monotonic)
                let isAwaited = self.machines[index].trackers[check].outstanding != nil
                if isAwaited || self.machines[index].incident != nil {
                    self.machines[index].trackers[check].outstanding = nil
                    self.machines[index].hurry(check, to: self.now.monotonic)
                }
            }
            self.armHurried(index)
            if case .verifying(var verification) = self.machines[index].phase, let deadline = verification.deadline {
                // Never more than a whole proof: a clock that does not run in suspend has taken nothing away.
                let whole = self.now.monotonic + (deadline - verification.since)
                verification.deadline = max(deadline, min(deadline + duration, whole))
                self.enter(index, .verifying(verification))
                self.evaluateLater(index)
            }
        }
    }

    mutating func setUnrecorded(_ why: String?) {
        let was = self.host.unrecorded
        self.host.unrecorded = why
        if let why, was == nil {
            self.alert(
                nil, .frozen, .critical,
                "The audit trail cannot be written, so nothing disruptive is done until it can: \(why)")
        }
        if why == nil, was != nil {
            self.record(nil, .note("the audit trail can be written again"))
            self.evaluateWaiting()
        }
    }
}

extension ComponentMachine {
    /// Feeds the unit's state to its `unit` checks and to what is known of operators' wishes.
    mutating func readUnit(_ observation: UnitObservation, isFirst: Bool, at now: Moment) {
        // A component without a unit check still must not be repaired against an operator's will.
        let own = self.trackers.lazy.compactMap { tracker -> UnitCheck? in
            if case .unit(let check) = tracker.check.kind { check } else { nil }
        }.first
        switch observation.reading(by: own ?? UnitCheck(), isFirst: isFirst) {
        case .stopped: self.stoppedByOperator = true
        case .up: self.stoppedByOperator = false
        case .pending:
            if observation.activeState == .activating { self.stoppedByOperator = false }
        case .down(_) where observation.stoppedByOther: break
        case .down, .unknown:
            if observation.activeState == .failed { self.stoppedByOperator = false }
        }
        for index in self.trackers.indices {
            guard case .unit(let check) = self.trackers[index].check.kind else { continue }
            switch observation.reading(by: check, isFirst: isFirst) {
            case .up:
                let since = observation.activeEnteredAt.map { min($0, now.wall) } ?? now.wall
                self.trackers[index].takeUnit(.up, failure: nil, since: since, at: now)
            case .down(var failure):
                var since = observation.exit?.at ?? observation.inactiveEnteredAt ?? now.wall
                if self.forgivenStop != nil, observation.activeState == .inactive, observation.isLoaded {
                    // Until then it was as it was wanted.
                    failure = Failure(reason: .exited, message: "the unit was stopped, and ought to run")
                    since = self.trackers[index].failingSince ?? now.wall
                }
                self.trackers[index].takeUnit(.down, failure: failure, since: min(since, now.wall), at: now)
            case .stopped: self.trackers[index].takeUnit(.unknown, failure: nil, since: now.wall, at: now)
            case .pending: break
            case .unknown: self.trackers[index].takeUnit(.unknown, failure: nil, since: now.wall, at: now)
            }
        }
    }
}
