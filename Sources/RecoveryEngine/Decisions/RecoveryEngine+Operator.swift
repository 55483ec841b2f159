import Policy
import ResilienceCore

// The operator's hand: pauses, stops, and requests.

extension RecoveryEngine {
    mutating func obey(_ request: OperatorRequest) {
        switch request {
        case .pause(let name, let duration, let by, let reason): self.pause(name, duration, by: by, reason: reason)
        case .resume(let name, let by): self.resume(name, by: by)
        case .acknowledge(let name, let by):
            if let index = self.indexByName[name] { self.acknowledge(index, by: by) }
        case .approve(let id, let by, let reason): self.answerApproval(id, approves: true, by: by, reason: reason)
        case .deny(let id, let by, let reason): self.answerApproval(id, approves: false, by: by, reason: reason)
        case .failBack(let name, let by):
            if let index = self.indexByName[name] { self.failBack(index, by: by) }
        case .drill(let name, let fault, let by, let reason):
            if let index = self.indexByName[name] { self.beginDrill(index, fault, by: by, reason: reason) }
        case .checkNow(let name):
            guard let index = self.indexByName[name] else { return }
            for check in self.machines[index].trackers.indices {
                self.machines[index].hurry(check, to: self.now.monotonic)
            }
            self.armHurried(index)
        }
    }

    private mutating func pause(_ name: String?, _ duration: Duration, by: String, reason: String) {
        let until = self.now.monotonic + duration
        if let name {
            guard let index = self.indexByName[name] else { return }
            self.machines[index].pausedUntil = until
            self.record(index, .paused(until: self.now.wall(at: until), by: by, reason: reason))
            self.touched.insert(index)
            self.evaluateLater(index)
        } else {
            self.host.pausedUntil = until
            self.host.pauseReason = "by \(by): \(reason)"
            self.armHostTimer(.pause, at: until)
            self.record(nil, .paused(until: self.now.wall(at: until), by: by, reason: reason))
        }
    }

    private mutating func resume(_ name: String?, by: String) {
        guard let name else {
            self.host.pausedUntil = nil
            self.host.pauseReason = nil
            self.record(nil, .resumed(by: by))
            self.evaluateWaiting()
            return
        }
        guard let index = self.indexByName[name] else { return }
        self.machines[index].pausedUntil = nil
        self.record(index, .resumed(by: by))
        self.touched.insert(index)
        if self.machines[index].stoppedByOperator { self.takeBackIntoCare(index) }
        if case .exhausted = self.machines[index].phase {
            self.rearm(index)
        } else if self.machines[index].incident == nil {
            self.machines[index].ladder.restart()
        }
        let before = self.machines[index].breaker.state
        self.machines[index].breaker.reset()
        self.recordBreaker(index, from: before, why: "resumed by \(by)")
        self.acknowledge(index, by: by)
        if case .isolated = self.machines[index].phase { self.takeBackIsolated(index, by: by) }
    }

    /// From now on the unit ought to run again.
    mutating func takeBackIntoCare(_ index: Int) {
        self.machines[index].stoppedByOperator = false
        self.machines[index].facts.saved.abandoned = nil
        guard var unit = self.machines[index].unit else { return }
        self.machines[index].forgivenStop = unit.invocationID ?? ""
        unit.stoppedByOther = false
        self.machines[index].unit = unit
        self.machines[index].readUnit(unit, isFirst: false, at: self.now)
    }

    mutating func endHostPause() {
        self.host.pausedUntil = nil
        self.host.pauseReason = nil
        self.record(nil, .resumed(by: "the end of the pause"))
        self.evaluateWaiting()
    }

    mutating func endPauseIfDue(_ index: Int) {
        guard let until = self.machines[index].pausedUntil, until <= self.now.monotonic else { return }
        self.machines[index].pausedUntil = nil
        self.record(index, .resumed(by: "the end of the pause"))
        self.touched.insert(index)
    }

    /// A unit that a person stopped, or a level of degradation does without, is left alone, and its time counts as neither
    /// up nor down.
    mutating func respectOperator(_ index: Int) {
        if case .recovering = self.machines[index].phase { return }
        let isStopped: Bool
        if case .stopped = self.machines[index].phase { isStopped = true } else { isStopped = false }
        let shed = self.isShed(index)
        guard (self.machines[index].stoppedByOperator || shed != nil) != isStopped else { return }
        if isStopped {
            if self.machines[index].timeSuspended {
                self.machines[index].timeSuspended = false
                self.record(index, .timeCounts(true, why: "it was taken back into care"))
            }
            let graceUntil = self.now.monotonic + self.machines[index].component.startupGrace
            self.machines[index].restartEvidence(graceUntil: graceUntil, at: self.now.monotonic)
            self.armHurried(index)
            self.enter(index, .starting)
        } else {
            let who =
                shed.map { "the degradation level \($0.level.rawValue)" }
                ?? self.machines[index].facts.saved.abandoned.map { "the failover to \($0)" } ?? "an operator"
            let did = shed?.way == .freeze ? "froze" : "stopped"
            if let incident = self.machines[index].incident {
                self.record(index, .note("\(who) \(did) the unit: it is left alone"))
                self.withdrawApproval(index, why: "\(who) \(did) the unit")
                self.record(index, .incidentResolved(at: max(self.now.wall, incident.detectedAt), by: .withdrawn))
                self.tellOfWithdrawal(self.machines[index], why: "\(who) \(did) it")
                self.machines[index].incident = nil
                if self.machines[index].component.desired == .running {
                    // It is going to be started again: no stop gives a new ladder.
                    self.machines[index].ladder.resolvedAt = self.now.monotonic
                    self.machines[index].ladder.lastIncident = incident.id
                    self.machines[index].ladder.healedByUs = false
                } else {
                    self.machines[index].ladder.restart()
                }
            }
            self.machines[index].facts.saved.isolatedUntil = nil
            // What did not help is theirs now: a later incident has nothing to take back of this one.
            self.machines[index].facts.saved.pendingUndo = nil
            self.machines[index].stoppedSince = self.now.monotonic
            // After a restart of heald it may be on record already.
            if !self.machines[index].timeSuspended {
                self.machines[index].timeSuspended = true
                self.record(index, .timeCounts(false, why: shed.map(\.text) ?? "stopped by \(who)"))
                self.tellOfAbandoned(index)
            }
            self.enter(index, .stopped)
        }
    }
}
