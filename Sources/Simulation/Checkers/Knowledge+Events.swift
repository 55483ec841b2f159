import Policy
import RecoveryEngine
import ResilienceCore

extension Knowledge {
    /// Takes in what the engine is told.
    mutating func hear(_ event: Event, at now: MonotonicInstant) {
        switch event {
        case .started(let restored): self.takeOver(restored, at: now)
        case .policyLoaded(let policy, let generation): self.load(policy, generation)
        case .unitObserved(let unit, let observation): self.see(unit, observation, at: now)
        case .unitsUnknown: for unit in self.units.keys { self.units[unit]?.isDoubtful = true }
        case .probeFinished(let id, let component, let check, let result):
            self.probes[id] = nil
            self.learn(component, check, result, at: now)
        case .beat(let component, let check):
            for listening in self.components[component]?.checks ?? [] where check == nil || check == listening.name {
                if self.isSilent(component, listening, at: now) {
                    self.silencesEnded[component, default: [:]][listening.name] = now
                }
                self.beats[component, default: [:]][listening.name] = now
            }
        case .actionFinished(let id, _): self.inFlight[id] = nil
        case .deadline, .releaseSeen, .freezerSeen: break
        case .stalled: self.doubtAt = now
        case .recordingFailed(let why): self.isUnrecorded = why != nil
        case .operatorAsked(.pause(let component, let duration, _, _)):
            if let component, self.components[component] == nil { return }
            self.pausedUntil[component] = now + duration
        case .operatorAsked(.resume(let component, _)):
            self.pausedUntil[component] = nil
            if let component, self.stopped.remove(component) != nil, let unit = self.activeUnit(of: component) {
                self.forgiven[unit] = self.units[unit]?.observation.invocationID
            }
        case .operatorAsked(.checkNow), .operatorAsked(.acknowledge), .operatorAsked(.approve), .operatorAsked(.deny),
            .operatorAsked(.failBack), .operatorAsked(.drill):
            break
        }
    }

    /// Takes in what the engine decided.
    mutating func note(_ effect: Effect, at now: MonotonicInstant) {
        switch effect {
        case .record(let record): self.note(record, at: now)
        case .act(let request), .reconcile(let request): self.inFlight[request.id] = request
        case .probe(let request): self.probes[request.id] = (request.component, request.check.name, now)
        case .forgetComponent(let name):
            self.incidents[name] = nil
            self.breakers[name] = nil
            self.stopped.remove(name)
            self.latched.remove(name)
            self.pausedUntil[name] = nil
            self.facts[name] = nil
        case .saveComponent(let name, let saved): self.noteFacts(saved.facts, of: name)
        case .saveHost(let host): self.shed = host.degradation?.units ?? [:]
        case .alert, .watchUnits, .lookAtRelease, .lookAtFreezer, .gatherEvidence, .publishDegradation: break
        }
    }

    mutating func begin(run: Int, at now: MonotonicInstant) {
        self.run = run
        self.isRunning = true
        self.startedAt = now
        self.units = [:]
        self.checks = [:]
        self.beats = [:]
        self.silencesEnded = [:]
        // A pause is written down with its end by the wall clock.
        if self.hasWallJumped { self.pausedUntil = [:] }
        self.hasWallJumped = false
        self.probes = [:]
        self.isUnrecorded = false
        self.doubtAt = MonotonicInstant(nanoseconds: -1)
    }

    /// The supervisor died; what it decided last may be lost.
    mutating func end(lost: [Effect]) {
        self.isRunning = false
        self.inFlight = [:]
        for case .saveComponent(let name, let saved) in lost {
            self.stopped.remove(name)
            if saved.pausedUntil != nil { self.pausedUntil[name] = nil }
        }
        for case .saveHost(let saved) in lost where saved.pausedUntil != nil { self.pausedUntil[nil] = nil }
    }

    private mutating func takeOver(_ restored: RestoredState, at now: MonotonicInstant) {
        self.incidents = [:]
        self.inFlight = [:]
        self.latched = Set(restored.components.filter { $0.value.flap?.latched == true }.keys)
        self.isFrozen = restored.host.frozen
        self.shed = restored.host.degradation?.units ?? [:]
        self.level = restored.host.degradation?.level ?? .normal
        self.isDrilled = restored.host.drill?.isUnderWay == true
        self.facts = restored.components.compactMapValues(\.facts)
        self.frozenGroups = Set(restored.host.groups.filter(\.value.frozen).keys)
        for (name, saved) in restored.components {
            if let incident = saved.incident {
                self.incidents[name] = OpenIncident(
                    id: incident.id, cause: incident.cause, severity: incident.severity,
                    detectedAt: incident.detectedAt, openedAt: now, rootCause: incident.rootCause,
                    isExhausted: incident.state == .exhausted)
            }
            if let request = saved.inFlight { self.inFlight[request.id] = request }
            if saved.breaker.openedAt == nil { self.breakers[name] = nil }
        }
    }

    private mutating func load(_ policy: PolicySnapshot, _ generation: Int) {
        self.policy = policy
        self.generation = generation
        let old = self.components
        let active = old.mapValues { self.activeUnit(of: $0) }
        self.components = Dictionary(uniqueKeysWithValues: policy.components.map { ($0.name, $0) })
        for component in policy.components {
            if let before = active[component.name], before != self.activeUnit(of: component) {
                self.lookAnew(component.name)
            }
        }
        for (name, component) in old {
            for check in component.checks {
                // What a check has seen stays true while it asks for the same thing.
                let new = self.components[name]?.checks.first { $0.name == check.name }
                if new?.kind != check.kind || new?.enabled != check.enabled { self.checks[name]?[check.name] = nil }
            }
        }
        let watched = Set(policy.components.flatMap(\.watchedUnits))
        self.units = self.units.filter { watched.contains($0.key) }
        self.stopped = self.stopped.filter { self.components[$0] != nil }
    }

    private mutating func see(_ unit: String, _ observation: UnitObservation, at now: MonotonicInstant) {
        if let required = observation.requires { self.requirements[unit] = required }
        let before = self.units[unit]
        var seen = SeenUnit(observation: observation, activeSince: before?.activeSince)
        let isSame = before?.observation.invocationID == observation.invocationID
        if observation.activeState == .active, let before {
            if !isSame || before.observation.activeState != .active {
                // After a time without systemd nobody saw when it began.
                seen.activeSince = before.isDoubtful || now == self.doubtAt ? nil : now
                // Overtaken news of an older process does not make a known one new.
                if let id = observation.invocationID {
                    if let first = self.firstActive[id] { seen.activeSince = first } else { self.firstActive[id] = now }
                }
            }
        } else if observation.activeState != .active {
            seen.activeSince = nil
        }
        self.units[unit] = seen
        if before == nil || !isSame { self.noteNewInvocation(of: unit, observation) }
        for component in self.policy.components where self.activeUnit(of: component) == unit {
            switch observation.activeState {
            case .inactive, .failed, .deactivating:
                let isForgiven = self.forgiven[unit] == .some(observation.invocationID) && observation.job == nil
                if observation.stoppedByOther, !isForgiven {
                    self.stopped.insert(component.name)
                    self.stoppedInvocations[unit] = observation.invocationID
                }
            case .active, .activating, .reloading: self.stopped.remove(component.name)
            case .maintenance, .other: break
            }
            for check in component.checks where check.enabled {
                guard case .unit(let rule) = check.kind else { continue }
                let passes = rule.states.contains(observation.activeState.rawValue)
                self.count(component.name, check.name, isBad: !passes, at: now)
            }
            // A new process's endpoints have a history of their own.
            if let before, !isSame, !before.isDoubtful, now != self.doubtAt {
                for check in component.checks where !check.kind.isUnit {
                    self.checks[component.name]?[check.name]?.last = nil
                    self.checks[component.name]?[check.name]?.lastFailure = nil
                }
            }
        }
    }

    /// It was started again since an operator stopped it, even if nobody saw that.
    private mutating func noteNewInvocation(of unit: String, _ observation: UnitObservation) {
        guard let stopped = self.stoppedInvocations[unit], stopped != observation.invocationID else { return }
        self.stoppedInvocations[unit] = nil
        for component in self.policy.components where self.activeUnit(of: component) == unit {
            self.stopped.remove(component.name)
        }
    }

    private mutating func learn(
        _ component: String, _ check: String, _ result: CheckResult, at now: MonotonicInstant
    ) {
        guard self.components[component]?.checks.contains(where: { $0.name == check }) == true else { return }
        self.checks[component, default: [:]][check, default: CheckHistory()].last = result
        self.checks[component]?[check]?.lastAt = now
        if let failure = result.failure { self.checks[component]?[check]?.lastFailure = failure }
        let startedAt = self.clockZero + (result.startedAt - MonotonicInstant(nanoseconds: 0))
        // What was asked before the supervisor stood still tells nothing.
        guard startedAt >= self.doubtAt, result.verdict != .unknown else { return }
        self.count(component, check, isBad: result.verdict == .down, at: now)
    }

    private mutating func count(_ component: String, _ check: String, isBad: Bool, at now: MonotonicInstant) {
        var history = self.checks[component, default: [:]][check, default: CheckHistory()]
        history.lastAt = now
        history.failuresInRow = isBad ? history.failuresInRow + 1 : 0
        history.passesInRow = isBad ? 0 : history.passesInRow + 1
        history.recent.append(isBad)
        if history.recent.count > 64 { history.recent.removeFirst(32) }
        if let rule = self.components[component]?.checks.first(where: { $0.name == check }) {
            if history.hasFailedEnough(for: rule) { history.isDown = true }
            if history.passesInRow >= (rule.kind.isUnit ? 1 : rule.rise) { history.isDown = false }
        }
        self.checks[component, default: [:]][check] = history
    }

    private mutating func note(_ record: AuditRecord, at now: MonotonicInstant) {
        guard let component = record.component else {
            switch record.body {
            case .freezeChanged(let frozen, _): self.isFrozen = frozen
            case .degradationChanged(_, let to, _): self.level = to
            case .groupFreezeChanged(let group, true, _): self.frozenGroups.insert(group)
            case .groupFreezeChanged(let group, false, _): self.frozenGroups.remove(group)
            default: break
            }
            return
        }
        switch record.body {
        case .incidentOpened(let opening):
            self.incidents[component] = OpenIncident(
                id: record.incident ?? -1, cause: opening.cause, severity: opening.severity,
                detectedAt: opening.detectedAt, openedAt: now, rootCause: opening.rootCause)
        case .incidentCorrected(let cause, _): self.incidents[component]?.cause = cause
        case .incidentSuppressed(let rootCause): self.incidents[component]?.rootCause = rootCause
        case .incidentExhausted: self.incidents[component]?.isExhausted = true
        case .incidentRearmed: self.incidents[component]?.isExhausted = false
        case .incidentResolved: self.incidents[component] = nil
        case .note where record.isTakingBack && self.components[component]?.desired == .running:
            if self.stopped.remove(component) != nil, let unit = self.activeUnit(of: component) {
                self.forgiven[unit] = self.units[unit]?.observation.invocationID
            }
        case .drillBegun: self.isDrilled = true
        case .drillEnded: self.isDrilled = false
        case .latchChanged(true, _): self.latched.insert(component)
        case .latchChanged(false, _): self.latched.remove(component)
        case .breakerChanged(_, let to, _): self.breakers[component] = to
        default: break
        }
    }
}

extension AuditRecord {
    /// The engine says that it does not leave a unit stopped.
    fileprivate var isTakingBack: Bool {
        if case .note(let text) = self.body { text.hasPrefix("it was stopped, and ought to run") } else { false }
    }
}

extension Knowledge.CheckHistory {
    /// As often as the policy asks for, in a row or within its window.
    func hasFailedEnough(for check: Check) -> Bool {
        if self.failuresInRow >= (check.kind.isUnit ? 1 : check.fall) { return true }
        guard let window = check.window else { return false }
        return self.recent.suffix(window.of).count(where: { $0 }) >= window.failures
    }
}
