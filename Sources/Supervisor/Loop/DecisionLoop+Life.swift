import Logging
import Policy
import RecoveryEngine
import ResilienceCore

/// The loop's own view of the policy that runs.
struct PolicyState {
    var generation = 0
    var names: Set<String> = []
    var loadedAt = WallTime(microseconds: 0)
    /// Why the policy on disk is not the one that runs.
    var error: String?
}

/// Whether the pause switch was on when it was last looked at.
struct PauseSwitchState {
    /// A pause always ends by itself; while the switch stays on, it is asked for again in good time.
    static let lasts = Duration.seconds(3_600)
    static let renewedAfter = Duration.seconds(1_800)

    var askedAt: MonotonicInstant?
}

/// Beginning, reloading, ending.
extension DecisionLoop {
    /// How long the end waits for actions in flight. A restart mostly takes less; one that takes more goes on in
    /// systemd, its intent stays open and the next run finds out what became of it.
    static let endWaits = Duration.seconds(2)

    func begin(policy: PolicySnapshot, warnings: [String], restored: RestoredState) {
        guard case .waiting = self.phase else { return }
        self.phase = .running
        self.records.append(
            AuditRecord(
                at: self.now.wall,
                .supervisorStarted(version: self.options.version, processID: self.options.processID)))
        self.adopt(policy, warnings: warnings)
        self.tally.restore(restored)
        self.decide(.started(restored))
        self.takePauseSwitch()
    }

    func reload(_ load: PolicyLoad, by operatorName: String) -> ReloadReport {
        guard case .running = self.phase else {
            return ReloadReport(
                applied: false, generation: self.policy.generation, errors: ["the supervisor is ending"])
        }
        self.heartbeat.statusChanged()
        switch load {
        case .loaded(let snapshot, let warnings):
            self.adopt(snapshot, warnings: warnings)
            self.logger.notice(
                "Policy reloaded",
                metadata: ["generation": "\(self.policy.generation)", "by": "\(operatorName)"])
            return ReloadReport(applied: true, generation: self.policy.generation, errors: [])
        case .refused(let errors):
            let first = errors.first ?? "no diagnostics"
            self.policy.error = errors.count > 1 ? "\(first) (and \(errors.count - 1) more)" : first
            self.records.append(
                AuditRecord(at: self.now.wall, .policyRejected(firstError: first, errors: errors.count)))
            PolicyLog.refused(errors, keeping: self.policy.generation, by: operatorName, to: self.logger)
            return ReloadReport(applied: false, generation: self.policy.generation, errors: errors)
        }
    }

    private func adopt(_ snapshot: PolicySnapshot, warnings: [String]) {
        self.policy.generation += 1
        self.policy.names = Set(snapshot.components.map(\.name))
        self.policy.loadedAt = self.now.wall
        self.policy.error = nil
        self.stalls.threshold = snapshot.guards.overloadLag
        self.tally.keep(self.policy.names)
        PolicyLog.warnings(warnings, to: self.logger)
        self.decide(.policyLoaded(snapshot, generation: self.policy.generation))
        self.afterCommit.append { [alerts = self.ports.alerts] in alerts.update(channels: snapshot.channels) }
    }

    func takePauseSwitch() {
        guard case .running = self.phase else { return }
        let ports = self.ports
        switch (ports.pauseSwitch.isOn, self.pause.askedAt) {
        case (true, let askedAt?) where self.now.monotonic - askedAt < PauseSwitchState.renewedAfter: break
        case (true, _):
            self.pause.askedAt = self.now.monotonic
            self.decide(
                .operatorAsked(
                    .pause(
                        component: nil, for: PauseSwitchState.lasts, by: ports.pauseSwitch.name,
                        reason: "the pause switch is on")))
        case (false, .some):
            self.pause.askedAt = nil
            self.decide(.operatorAsked(.resume(component: nil, by: ports.pauseSwitch.name)))
        case (false, nil): break
        }
    }

    func end(reason: String) {
        guard case .running = self.phase else {
            if case .waiting = self.phase { self.phase = .ended }
            return
        }
        self.phase = .ending(reason: reason, until: self.now.monotonic + Self.endWaits)
    }

    func endIfDone() {
        guard case .ending(let reason, let until) = self.phase else { return }
        guard self.inFlight.count == 0 || until <= self.now.monotonic else { return }
        if self.inFlight.count > 0 {
            self.logger.notice(
                "Ended with actions in flight; the next run finds out what became of them",
                metadata: ["actions": "\(self.inFlight.count)"])
        }
        var batch = AuditBatch()
        batch.records = [AuditRecord(at: self.now.wall, .supervisorStopped(reason: reason))]
        batch.isDurable = true
        if case .kept = self.recorder.write(batch, at: self.now), !self.recorder.retry(at: self.now, force: true) {
            self.logger.error(
                "Records could not be written before the end", metadata: ["records": "\(self.recorder.waitingCount)"])
        }
        RecordLog.write(batch.records, to: self.logger)
        self.phase = .ended
        self.answerWaiters()
    }
}
