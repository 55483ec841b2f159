import Policy
import ResilienceCore

// One look at one machine: which state does it belong in now?

extension RecoveryEngine {
    mutating func evaluate(_ index: Int) {
        self.followOperatorsFailover(index)
        self.respectOperator(index)
        self.machines[index].combine(at: self.now)
        self.endPauseIfDue(index)
        self.pointClients(index)
        self.endLatchIfQuiet(index)
        switch self.machines[index].phase {
        case .starting, .healthy, .suspect: self.watch(index)
        case .failing: self.continueFailing(index)
        case .recovering: break
        case .verifying(let verification): self.continueVerifying(index, verification)
        case .exhausted(let rearmAt): self.continueExhausted(index, rearmAt: rearmAt)
        case .suppressed(let root): self.continueSuppressed(index, root: root)
        case .isolated(let until): self.continueIsolated(index, until: until)
        case .stopped: self.startWhatOughtToRun(index)
        }
        self.reviewApproval(index)
        self.tendFacts(index)
        self.noticeUnknown(index)
        if self.machines[index].deadline == nil, let until = self.machines[index].pausedUntil {
            self.setDeadline(index, until)
        }
        self.armLatchTimer(index)
        self.publish(index)
    }

    // MARK: - Without an incident

    private mutating func watch(_ index: Int) {
        self.noticeVainRestarts(index)
        let machine = self.machines[index]
        let verdict = machine.verdict
        if verdict == .down || (verdict == .degraded && machine.actsOnDegraded) {
            self.openIncident(index)
            return
        }
        let next: Phase
        switch verdict {
        case .up, .degraded:
            let isDoubtful = machine.trackers.contains(where: \.isSuspicious) || machine.unit?.isInOthersHands == true
            next = isDoubtful ? .suspect : .healthy
        case .unknown: next = machine.phase == .starting ? .starting : .suspect
        case .down: next = machine.phase
        }
        guard next != machine.phase else { return }
        self.enter(index, next)
        for dependent in self.dependents[index] { self.evaluateLater(dependent) }
    }

    /// A unit that systemd starts again and again may never live long enough for an endpoint check to count: each start
    /// has its grace. That it does not get up is a failure all the same.
    private mutating func noticeVainRestarts(_ index: Int) {
        let machine = self.machines[index]
        guard let unit = machine.unit else { return }
        switch machine.verdict {
        case .up, .degraded: self.machines[index].restartsWhenUp = unit.restarts
        case .unknown:
            guard unit.isAutoRestart,
                Int64(unit.restarts) - Int64(machine.restartsWhenUp) >= Self.vainRestartsMost
            else { return }
            self.machines[index].restartsWhenUp = unit.restarts
            let failure = unit.exitFailure
            for position in machine.trackers.indices where machine.trackers[position].verdict == .unknown {
                guard machine.trackers[position].check.enabled else { continue }
                self.machines[index].trackers[position].declareDown(failure, at: self.now)
            }
        case .down: break
        }
    }

    /// A component of which nothing is known for long is told of once: nobody is watching it.
    private mutating func noticeUnknown(_ index: Int) {
        guard self.machines[index].verdict == .unknown, self.machines[index].phase != .stopped,
            !self.isBlinded(index)  // people know of that
        else {
            self.machines[index].unknownSince = nil
            self.machines[index].toldUnknown = false
            return
        }
        let since = self.machines[index].unknownSince ?? self.now.monotonic
        self.machines[index].unknownSince = since
        guard !self.machines[index].toldUnknown else { return }
        let patience = self.machines[index].component.startupGrace + self.machines[index].heartbeatPatience
        let limit = max(.seconds(300), patience)
        if self.now.monotonic >= since + limit {
            self.machines[index].toldUnknown = true
            self.alert(
                index, .unknownTooLong, self.machines[index].component.criticality.alertSeverity,
                "Nothing has been known of \(self.machines[index].component.name) for \(limit.brief): "
                    + self.machines[index].complaint)
        } else if self.machines[index].deadline == nil {
            self.setDeadline(index, since + limit)
        }
    }

    /// Tells the guards and the dependents what has changed about this one.
    mutating func publish(_ index: Int) {
        let unhealthy = self.machines[index].isUnhealthyByItself
        self.publishToGroup(index, isUnhealthy: unhealthy)
        if unhealthy != self.machines[index].countsUnhealthy {
            self.machines[index].countsUnhealthy = unhealthy
            self.host.unhealthy += unhealthy ? 1 : -1
            self.reviewFreeze()
        }
        self.publishToDegradation(index)
        let impaired = self.machines[index].isImpaired
        if impaired != self.machines[index].impairsDependents {
            self.machines[index].impairsDependents = impaired
            for dependent in self.dependents[index] { self.evaluateLater(dependent) }
        }
    }

    // MARK: - Opening

    private mutating func openIncident(_ index: Int) {
        let machine = self.machines[index]
        guard let culprit = machine.culprit, let failure = culprit.failure else { return }
        let previous = self.rememberLastIncident(index)
        let root = self.rootCause(of: index)
        let cause = IncidentCause(
            check: culprit.check.name, category: failure.category, reason: failure.reason, message: failure.message)
        let incident = SavedIncident(
            id: self.host.nextIncident, state: root == nil ? .open : .suppressed, cause: cause,
            severity: culprit.check.severity, failedAt: min(culprit.failingSince ?? self.now.wall, self.now.wall),
            detectedAt: self.now.wall, rootCause: root)
        self.host.nextIncident += 1
        self.machines[index].incident = incident
        if let wayBack = machine.facts.saved.wayBack {
            self.machines[index].facts.saved.pendingUndo = wayBack
            self.machines[index].facts.saved.wayBack = nil
        }
        let deepest = machine.rootCulprit ?? culprit
        let isForetold = deepest.check.kind.isUnit && machine.unit?.isForetold == true
        self.machines[index].foretoldIncident = isForetold ? incident.id : nil
        self.machines[index].restartsSeen = machine.unit?.restarts ?? 0
        self.record(
            index,
            .incidentOpened(
                IncidentOpening(
                    cause: cause, severity: incident.severity, failedAt: incident.failedAt,
                    detectedAt: incident.detectedAt, previous: previous, rootCause: root)))
        self.linkToDrill(index, root: root)
        self.keepEvidenceAtHand(index, deepest)
        if self.policy.channels.values.contains(where: { $0.events.contains(.opened) }) {
            self.alert(
                index, .opened, machine.component.criticality.alertSeverity,
                "\(machine.component.name) is down: \(failure.message)")
        }
        if root == nil { self.noteFlap(index) }
        if let root {
            self.enter(index, .suppressed(by: root))
        } else {
            self.enter(index, .failing(.none))
            self.machines[index].facts.release?.isOld = true
            self.decide(index)
        }
        self.lookAtRelease(index)
        // After the repair: nothing may stand between a death and the message that mends it.
        self.gatherEvidence(index, incident.id)
    }

    /// - Returns: the incident that this one follows within `rearm`; then the ladder goes on from where it stood.
    private mutating func rememberLastIncident(_ index: Int) -> Int64? {
        let machine = self.machines[index]
        self.machines[index].ladder.skipped.removeAll()
        self.machines[index].doubtUntil = nil
        self.machines[index].networkDoubtUntil = nil
        guard let resolvedAt = machine.ladder.resolvedAt,
            self.now.monotonic - resolvedAt < machine.component.rearm
        else {
            self.machines[index].ladder.restart()
            return nil
        }
        if let exhaustedAt = machine.ladder.exhaustedAt, self.now.monotonic - exhaustedAt >= machine.component.rearm {
            self.machines[index].ladder.restart()
        }
        self.resumeBackoff(index, resolvedAt: resolvedAt)
        if machine.ladder.healedByUs, self.now.monotonic - resolvedAt < machine.component.breaker.window {
            self.machines[index].ladder.healedByUs = false
            self.countFailedRecovery(index, why: "the last repair did not hold")
        }
        return machine.ladder.lastIncident
    }

    /// A repair that did not hold is followed by the backoff as one that failed is, unless it held long enough for the
    /// backoff to decay.
    private mutating func resumeBackoff(_ index: Int, resolvedAt: MonotonicInstant) {
        let ladder = self.machines[index].ladder
        guard ladder.step < self.machines[index].component.recovery.count else { return }
        let step = self.machines[index].component.recovery[ladder.step]
        self.machines[index].ladder.notBefore = .none
        if self.now.monotonic - resolvedAt >= step.backoff.max {
            self.machines[index].ladder.backoffLevel = 0
            return
        }
        let delay = step.backoff.delay(after: ladder.backoffLevel, using: &self.generator)
        if delay > .zero, step.attempts.allows(ladder.attempts + 1) {
            self.machines[index].ladder.notBefore = .backoff(until: resolvedAt + delay)
        }
    }

    private mutating func keepEvidenceAtHand(_ index: Int, _ culprit: CheckTracker) {
        if let output = culprit.lastResult?.output, !output.isEmpty {
            self.record(index, .evidence(kind: .check, text: output))
        }
        if let unit = self.machines[index].unit, let exit = unit.exit, unit.activeState != .active {
            self.record(index, .evidence(kind: .exit, text: "\(exit.text), result \(unit.result)"))
        }
    }

    private mutating func gatherEvidence(_ index: Int, _ incident: Int64) {
        let component = self.machines[index].component
        guard let unit = self.machines[index].activeUnit, let observation = self.machines[index].unit else { return }
        self.effects.append(
            .gatherEvidence(
                EvidenceRequest(
                    incident: incident, component: component.name, unit: unit, invocationID: observation.invocationID)))
    }

    // MARK: - With an incident

    private mutating func continueFailing(_ index: Int) {
        switch self.machines[index].verdict {
        case .up: self.beginProof(index)
        case .down: self.decide(index)
        case .degraded:
            if self.machines[index].actsOnDegraded { self.decide(index) } else { self.beginProof(index) }
        case .unknown:
            // Started so often that no check gets to a verdict.
            if !self.isRestartedInVain(index) {
                self.hold(index, .evidence)
            } else if self.isWayBackOpen(index) {
                self.decide(index)
            } else {
                self.giveUpOnServiceManager(index)
            }
        }
    }

    private mutating func continueExhausted(_ index: Int, rearmAt: MonotonicInstant) {
        let verdict = self.machines[index].verdict
        if verdict == .up || (verdict == .degraded && !self.machines[index].actsOnDegraded) {
            self.beginProof(index, exhaustedUntil: rearmAt)
        } else if self.now.monotonic >= rearmAt {
            self.rearm(index)
        } else {
            self.setDeadline(index, rearmAt)
        }
    }

    mutating func rearm(_ index: Int) {
        self.machines[index].ladder.restart()
        self.machines[index].incident?.state = .open
        self.record(index, .incidentRearmed)
        self.enter(index, .failing(.none))
        self.evaluateLater(index)
    }

    private mutating func continueSuppressed(_ index: Int, root: String) {
        if self.machines[index].verdict == .up {
            self.beginProof(index, afterDependency: true)
            return
        }
        let now = self.rootCause(of: index)
        if let now, now != root {
            self.suppress(index, by: now)
        } else if now == nil {
            self.machines[index].incident?.state = .open
            self.machines[index].incident?.rootCause = nil
            self.record(index, .incidentSuppressed(rootCause: nil))
            let graceUntil = self.now.monotonic + self.machines[index].component.startupGrace
            self.machines[index].restartEvidence(graceUntil: graceUntil, at: self.now.monotonic)
            self.armHurried(index)
            self.enter(index, .failing(.none))
            self.evaluateLater(index)
        }
    }

    mutating func suppress(_ index: Int, by root: String) {
        self.machines[index].incident?.state = .suppressed
        self.machines[index].incident?.rootCause = root
        self.record(index, .incidentSuppressed(rootCause: root))
        self.linkToDrill(index, root: root)
        self.enter(index, .suppressed(by: root))
    }
}

extension Criticality {
    /// How loud an alert about such a component is, where the policy does not say.
    var alertSeverity: Severity {
        switch self {
        case .critical: .critical
        case .important: .high
        case .optional: .medium
        }
    }
}
