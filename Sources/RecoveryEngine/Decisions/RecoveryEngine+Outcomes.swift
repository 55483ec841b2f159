import Policy
import ResilienceCore

// What became of an action, and the proof that the component is well.

extension RecoveryEngine {
    mutating func finishAction(_ id: Int64, _ outcome: ActionOutcome) {
        if self.finishDrillAction(id, outcome) { return }
        self.noteDrillRepairEnded(id)
        if let orphan = self.host.orphans.removeValue(forKey: id) {
            self.effects.append(
                .record(
                    AuditRecord(
                        at: self.now.wall, component: orphan.isOfHost ? nil : orphan.component,
                        incident: orphan.incident == 0 ? nil : orphan.incident, .actionFinished(id: id, outcome))))
            if orphan.isOfHost {
                self.finishShedding(orphan, outcome)
            } else if self.finishAside(orphan, outcome) {
                self.tellOfFailedReturn(orphan, outcome)
            }
            self.evaluateWaiting()
            return
        }
        guard
            let index = self.machines.firstIndex(where: { machine in
                if case .recovering(let attempt) = machine.phase { attempt.request.id == id } else { false }
            }), case .recovering(let attempt) = self.machines[index].phase
        else { return }  // told twice
        let isUnspent = outcome.result == .refused || outcome.result == .skipped
        if attempt.isDisruptive {
            self.host.inFlight = max(0, self.host.inFlight - 1)
            self.endInGroup(index, unspent: isUnspent ? self.machines[index].lastActedAt : nil)
        }
        self.effects.append(
            .record(
                AuditRecord(
                    at: self.now.wall, component: attempt.request.component, incident: attempt.request.incident,
                    .actionFinished(id: id, outcome))))
        if outcome.result == .succeeded {
            self.noteDone(index, attempt.request)
        } else if case .failOver(let order) = attempt.request.order, order.isPutBack, outcome.result != .refused {
            self.activate(index, order.to, isDown: self.machines[index].facts.others[order.to]?.isDown == true)
        }
        if self.machines[index].incident == nil {
            // Planned, outside of any incident: its checks tell how it is now.
            self.rememberWayBack(index, attempt.request, outcome.result)
            // What they said while it was moved says nothing of how it does now.
            let graceUntil = self.now.monotonic + self.machines[index].component.startupGrace
            self.machines[index].restartEvidence(graceUntil: graceUntil, at: self.now.monotonic)
            self.armHurried(index)
            self.enter(index, .starting)
            self.evaluateLater(index)
        } else {
            self.goOn(index, after: attempt, outcome)
        }
        self.evaluateWaiting()
    }

    private mutating func goOn(_ index: Int, after attempt: Attempt, _ outcome: ActionOutcome) {
        switch outcome.result {
        case .succeeded where attempt.request.order == .isolate: self.beginIsolation(index)
        case .succeeded where !attempt.request.isUndo: self.expectRecovery(index, attempt)
        case .succeeded: self.tryAgain(index)
        case .failed, .timedOut, .interrupted:
            self.planUndo(index, after: attempt.request)
            self.countFailedRecovery(index, why: "\(attempt.request.action) \(outcome.result.rawValue)")
            self.tryAgain(index)
        case .refused, .skipped:
            // Nothing was done: a unit that systemd restarts itself must not use up what would heal others.
            if attempt.isDisruptive, let acted = self.machines[index].lastActedAt { self.host.budget.refund(acted) }
            self.tryAgain(index)
        }
    }

    /// What was lent to a component has to come back; where it did not, a person has to see to it.
    private mutating func tellOfFailedReturn(_ request: ActionRequest, _ outcome: ActionOutcome) {
        switch request.order {
        case .unlimit, .endIsolation:
            guard outcome.result != .succeeded else { return }
            self.effects.append(
                .alert(
                    AlertMessage(
                        event: .healingFailed, component: request.component, incident: request.incident,
                        severity: .high, channels: [],
                        text: "What \(request.action) did for \(request.component) could not be taken back: "
                            + outcome.detail, at: self.now.wall)))
        case .start, .stop, .limit:
            guard outcome.result != .succeeded else { return }
            self.effects.append(
                .alert(
                    AlertMessage(
                        event: .healingFailed, component: request.component, incident: nil, severity: .medium,
                        channels: [],
                        text: "\(request.action) of \(request.component), for its load, did not succeed: "
                            + outcome.detail, at: self.now.wall)))
        default: break
        }
    }

    /// The action is done; now its component has to prove itself.
    mutating func expectRecovery(_ index: Int, _ attempt: Attempt) {
        let component = self.machines[index].component
        let verify = attempt.step < component.recovery.count ? component.recovery[attempt.step].verify : .seconds(15)
        // A proof cannot fail for slowness that the startup grace allows, nor for a report that is not due yet.
        let allowed = component.startupGrace + self.machines[index].heartbeatPatience
        let deadline = self.now.monotonic + max(verify, allowed)
        self.machines[index].restartEvidence(
            graceUntil: self.now.monotonic + component.startupGrace, at: self.now.monotonic)
        self.armHurried(index)
        if self.isUnitStillTheOldOne(index, attempt.request) {
            self.machines[index].forgetUnitChecks()
        }
        self.enter(
            index,
            .verifying(Verification(action: attempt.request, since: self.now.monotonic, deadline: deadline)))
        self.evaluateLater(index)
    }

    /// What is known of the unit is of the time before the action: systemd's word on a new start may come after the
    /// action's end, and a hook may have asked for a start that is still to come.
    private func isUnitStillTheOldOne(_ index: Int, _ request: ActionRequest) -> Bool {
        guard let unit = self.machines[index].unit else { return false }
        let isSame = unit.invocationID == request.expectedInvocationID
        // Somebody's start that is under way decides about it, whatever this action was for.
        if unit.activeState == .activating { return request.mayStart || !unit.isAutoRestart }
        if request.startsAnew { return request.unit != nil && isSame }
        return request.mayStart && isSame && !unit.isUp
    }

    /// The next attempt, after the backoff.
    private mutating func tryAgain(_ index: Int) {
        let machine = self.machines[index]
        if machine.ladder.step < machine.component.recovery.count {
            let step = machine.component.recovery[machine.ladder.step]
            let delay = step.backoff.delay(after: machine.ladder.backoffLevel, using: &self.generator)
            if delay > .zero, step.attempts.allows(machine.ladder.attempts + 1) {
                self.machines[index].ladder.notBefore = .backoff(until: self.now.monotonic + delay)
            }
        }
        self.enter(index, .failing(.none))
        self.evaluateLater(index)
    }

    // MARK: - Proof

    /// It looks well without an action of ours.
    mutating func beginProof(
        _ index: Int, afterDependency: Bool = false, exhaustedUntil: MonotonicInstant? = nil
    ) {
        self.enter(
            index,
            .verifying(
                Verification(
                    since: self.now.monotonic, afterDependency: afterDependency, exhaustedUntil: exhaustedUntil)))
        self.evaluateLater(index)
    }

    mutating func continueVerifying(_ index: Int, _ verification: Verification) {
        let machine = self.machines[index]
        switch machine.verdict {
        case .up: self.waitOutStable(index, verification)
        case .degraded:
            if machine.actsOnDegraded {
                self.failProof(index, verification)
            } else {
                self.waitOutStable(index, verification)
            }
        case .down:
            let mayChange = verification.isLook || self.showsOldUnit(index, verification)
            if mayChange, self.now.monotonic < (verification.deadline ?? self.now.monotonic) {
                self.waitForEvidence(index, verification)
            } else {
                self.failProof(index, verification)
            }
        case .unknown: self.waitForEvidence(index, verification)
        }
    }

    private func showsOldUnit(_ index: Int, _ verification: Verification) -> Bool {
        guard let request = verification.action, self.machines[index].rootCulprit?.check.kind.isUnit == true else {
            return false
        }
        return self.isUnitStillTheOldOne(index, request)
    }

    private mutating func waitOutStable(_ index: Int, _ verification: Verification) {
        var verification = verification
        let upAt = verification.upAt ?? self.now.monotonic
        verification.upAt = upAt
        let closesAt = upAt + self.machines[index].component.stable
        if self.now.monotonic >= closesAt {
            self.resolve(index, verification)
        } else {
            self.enter(index, .verifying(verification))
            self.setDeadline(index, closesAt)
        }
    }

    private mutating func waitForEvidence(_ index: Int, _ verification: Verification) {
        var verification = verification
        verification.upAt = nil
        if verification.action != nil, self.isBlinded(index) {
            self.enter(index, .verifying(verification))
            return
        }
        guard verification.action != nil, let deadline = verification.deadline else {
            if let rearmAt = verification.exhaustedUntil {
                self.enter(index, .exhausted(rearmAt: rearmAt))
                self.setDeadline(index, rearmAt)
            } else {
                self.hold(index, .evidence)
            }
            return
        }
        if self.now.monotonic >= deadline {
            self.failProof(index, verification)
        } else {
            self.enter(index, .verifying(verification))
            self.setDeadline(index, deadline)
        }
    }

    /// A check that was asked again has failed again: the look is over.
    mutating func endLookOnFailure(_ index: Int, _ position: Int, _ result: CheckResult) {
        guard result.verdict == .down, self.machines[index].trackers[position].failures > 0,
            case .verifying(var verification) = self.machines[index].phase, verification.isLook,
            self.machines[index].hasFailedAgain(position, since: verification.since)
        else { return }
        verification.deadline = self.now.monotonic
        self.enter(index, .verifying(verification))
    }

    private mutating func failProof(_ index: Int, _ verification: Verification) {
        if let rearmAt = verification.exhaustedUntil {
            // One that comes and goes is not news each time.
            self.enter(index, .exhausted(rearmAt: rearmAt))
            self.evaluateLater(index)
            return
        }
        guard let request = verification.action else {
            self.record(index, .note("it did not stay up: \(self.machines[index].complaint)"))
            self.enter(index, .failing(.none))
            self.evaluateLater(index)
            return
        }
        let after = (self.now.monotonic - verification.since).brief
        let detail =
            "\(verification.upAt == nil ? "not up" : "down again") \(after) after it: \(self.machines[index].complaint)"
        self.record(index, .verification(action: request.id, succeeded: false, detail: detail))
        self.planUndo(index, after: request)
        if !verification.isLook { self.countFailedRecovery(index, why: "\(request.action) did not help") }
        // Down is what the proof says, whatever the checks have had time to say again.
        self.tryAgain(index)
        if self.machines[index].verdict == .unknown { self.takeProofAsFailure(index) }
    }

    /// The deadline of a proof passed without enough passes: that is a failure of its own, so the ladder may go on
    /// although each check by itself has not failed `fall` times since the repair.
    private mutating func takeProofAsFailure(_ index: Int) {
        for position in self.machines[index].trackers.indices {
            self.machines[index].trackers[position].failUnproven(at: self.now)
        }
    }

    private mutating func resolve(_ index: Int, _ verification: Verification) {
        let machine = self.machines[index]
        guard let incident = machine.incident else {
            self.enter(index, .healthy)
            return
        }
        self.withdrawApproval(index, why: "it is up again")
        let healer = self.healer(index, verification)
        if let request = verification.action {
            let after = ((verification.upAt ?? self.now.monotonic) - verification.since).brief
            self.record(index, .verification(action: request.id, succeeded: true, detail: "up \(after) after it"))
        }
        let upSince = machine.passingSince ?? self.now.wall
        // A wall clock that was set back meanwhile must not make a repair end before it began.
        let resolvedAt = max(min(upSince, self.now.wall), incident.detectedAt)
        self.record(index, .incidentResolved(at: resolvedAt, by: healer))
        self.noteDrillIncidentResolved(incident, at: resolvedAt, by: healer)
        if incident.alerted {
            self.alert(
                index, .resolved, machine.component.criticality.alertSeverity,
                "\(machine.component.name) is up again after \((resolvedAt - incident.failedAt).brief).")
        }
        if healer == .heald {
            let before = machine.breaker.state
            self.machines[index].breaker.recordSuccess(at: self.now.monotonic)
            self.recordBreaker(index, from: before, why: "the trial repair held")
        }
        self.machines[index].ladder.resolvedAt = self.now.monotonic
        self.machines[index].ladder.lastIncident = incident.id
        self.machines[index].ladder.healedByUs = healer == .heald
        self.machines[index].ladder.skipped.removeAll()
        if let request = verification.action { self.noteBadRelease(index, request) }
        self.machines[index].facts.saved.pendingUndo = nil
        self.machines[index].incident = nil
        self.machines[index].doubtUntil = nil
        self.machines[index].networkDoubtUntil = nil
        if !verification.afterDependency { self.noteFlap(index) }
        self.enter(index, .healthy)
        self.evaluateLater(index)
    }

    private func healer(_ index: Int, _ verification: Verification) -> Healer {
        if let request = verification.action, !verification.isLook, request.action != "HEALTH_CHECK" { return .heald }
        if let unit = self.machines[index].unit {
            if unit.startedByOther { return .person }
            if unit.restarts > self.machines[index].restartsSeen { return .systemd }
        }
        return verification.afterDependency ? .dependency : .itself
    }
}

extension CheckTracker {
    /// Not having passed in time counts as down.
    mutating func failUnproven(at now: Moment) {
        guard self.check.enabled, self.verdict == .unknown else { return }
        let failure = self.failure ?? Failure(reason: .timeout, message: "no pass since the repair")
        self.declareDown(failure, at: now)
    }
}
