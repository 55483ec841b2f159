import HeapModule
import Policy
import ResilienceCore

extension RecoveryEngine {
    /// Takes a policy into effect, whole. What is known of components that stay is kept; what was going on with those
    /// that leave is brought to an end on record.
    mutating func load(_ policy: PolicySnapshot, generation: Int) {
        var kept: [String: ComponentMachine] = [:]
        for machine in self.machines { kept[machine.component.name] = machine }
        self.policy = policy
        self.generation = generation
        self.host.apply(policy.guards)
        self.host.frost = FrostLooks()
        self.host.applyGroups(of: policy, at: self.now.monotonic)
        let names = Set(policy.components.map(\.name))
        for machine in self.machines where !names.contains(machine.component.name) { self.withdraw(machine) }

        self.machines = policy.components.map { component in
            guard let old = kept[component.name] else { return ComponentMachine(component: component, now: self.now) }
            return old.adopting(component, at: self.now)
        }
        self.indexByName = Dictionary(
            uniqueKeysWithValues: policy.components.enumerated().map { ($1.name, $0) })
        self.indexByUnit = [:]
        for (index, component) in policy.components.enumerated() {
            if let unit = component.unit, self.indexByUnit[unit] == nil { self.indexByUnit[unit] = index }
        }
        for (index, machine) in self.machines.enumerated() {
            for unit in machine.watchedUnits where self.indexByUnit[unit] == nil { self.indexByUnit[unit] = index }
        }
        self.findGate()
        self.connect()
        self.recountHost()
        self.reviewGate()
        self.adoptDegradation()
        self.rearmAllTimers()
        self.effects.append(
            .record(
                AuditRecord(
                    at: self.now.wall, .policyLoaded(generation: generation, components: policy.components.map(\.name)))
            ))
        self.watchEverything()
        for index in self.machines.indices { self.evaluateLater(index) }
    }

    /// Has systemd tell of every unit that anything is decided about: at once how it is, and then what changes.
    mutating func watchEverything() {
        let readers = self.machines.filter(\.component.needsWhatUnitRequires)
        self.effects.append(
            .watchUnits(self.unitsToWatch, requirementsOf: Set(readers.flatMap(\.members))))
    }

    /// Takes up what an earlier run left behind, then begins to decide.
    mutating func start(_ restored: RestoredState) {
        self.host.restore(restored.host, at: self.now)
        if let until = self.host.pausedUntil {
            self.armHostTimer(.pause, at: until)
        }
        self.armStormTimer()
        for (name, saved) in restored.components.sorted(by: { $0.key < $1.key }) {
            guard let index = self.indexByName[name] else {
                var gone = ComponentMachine(component: Component(name: name, checks: []), now: self.now)
                gone.incident = saved.incident
                gone.approval = saved.approval.map { Approval($0, at: self.now, longest: .zero) }
                gone.timeSuspended = saved.timeSuspended
                gone.facts = saved.facts.map { FactsState(restored: $0, at: self.now) } ?? FactsState()
                if let request = saved.inFlight {
                    gone.phase = .recovering(Attempt(request: request, step: 0, isDisruptive: false))
                }
                self.withdraw(gone)
                continue
            }
            self.machines[index].restore(saved, at: self.now)
            if case .recovering(let attempt) = self.machines[index].phase {
                self.effects.append(.reconcile(attempt.request))
            }
            if case .exhausted(let rearmAt) = self.machines[index].phase { self.setDeadline(index, rearmAt) }
        }
        for request in self.host.orphans.values.sorted(by: { $0.id < $1.id }) {
            self.effects.append(.reconcile(request))
        }
        self.isStarted = true
        self.restoreDegradation(restored.host.degradation)
        self.goOnWithDrill()
        self.recountHost()
        self.spreadFirstProbes()
        for index in self.machines.indices { self.evaluateLater(index) }
    }

    /// Ends on record what went on with a component that has left the policy.
    private mutating func withdraw(_ machine: ComponentMachine) {
        let name = machine.component.name
        func record(_ body: AuditRecord.Body) -> Effect {
            .record(AuditRecord(at: self.now.wall, component: name, incident: machine.incident?.id, body))
        }
        if case .recovering(let attempt) = machine.phase {
            self.host.orphans[attempt.request.id] = attempt.request
        }
        if let approval = machine.approval {
            let why = "the component has left the policy"
            self.effects.append(record(.approvalDecided(id: approval.id, .withdrawn, by: nil, why: why)))
        }
        if let incident = machine.incident {
            self.effects.append(record(.note("the component has left the policy")))
            self.effects.append(record(.incidentResolved(at: max(self.now.wall, incident.detectedAt), by: .withdrawn)))
            self.tellOfWithdrawal(machine, why: "it has left the policy")
        }
        if machine.timeSuspended {
            self.effects.append(record(.timeCounts(true, why: "the component has left the policy")))
        }
        self.endIsolation(of: machine)
        for load in machine.facts.saved.reducedLoads {
            self.giveBack(load, for: machine, why: "the component has left the policy")
        }
        if let raised = machine.facts.saved.raisedLimits {
            self.lowerLimits(of: machine, raised, why: "the component has left the policy")
        }
        self.effects.append(.forgetComponent(name))
    }

    /// First results soon, but not all in one instant.
    private mutating func spreadFirstProbes() {
        for index in self.machines.indices {
            for (check, tracker) in self.machines[index].trackers.enumerated()
            where tracker.check.enabled && tracker.check.kind.hasPace && tracker.nextProbeAt == nil {
                let spread = min(tracker.check.fastInterval, .seconds(1))
                self.setProbe(index, check, at: self.now.monotonic + spread.scaled(by: self.generator.unit()))
            }
        }
    }

    private mutating func rearmAllTimers() {
        self.timers = Heap()
        if let until = self.host.pausedUntil {
            self.armHostTimer(.pause, at: until)
        }
        self.armStormTimer()
        if let due = self.host.degradation.dueAt { self.armHostTimer(.degradation, at: due) }
        if let due = self.host.drillDueAt { self.armHostTimer(.drill, at: due) }
        for index in self.machines.indices {
            if let deadline = self.machines[index].deadline {
                self.timers.insert(TimerEntry(at: deadline, component: index, check: -1))
            }
            for (check, tracker) in self.machines[index].trackers.enumerated() {
                guard let due = tracker.nextProbeAt else { continue }
                self.timers.insert(TimerEntry(at: due, component: index, check: check))
            }
        }
        if self.isStarted { self.spreadFirstProbes() }
    }

    /// Counts anew what the host-wide guards look at.
    private mutating func recountHost() {
        self.host.unhealthy = 0
        self.host.inFlight = 0
        for index in self.machines.indices {
            self.machines[index].countsUnhealthy = self.machines[index].isUnhealthyByItself
            self.machines[index].impairsDependents = self.machines[index].isImpaired
            if self.machines[index].countsUnhealthy { self.host.unhealthy += 1 }
            if case .recovering(let attempt) = self.machines[index].phase, attempt.isDisruptive {
                self.host.inFlight += 1
            }
        }
        self.recountGroups()
        self.recountHealth()
        // Other limits, or other components to count, may make what is down too many.
        guard self.isStarted else { return }
        self.reviewFreeze()
        for name in self.host.groups.keys.sorted() { self.reviewFreeze(of: name) }
    }
}

extension ComponentMachine {
    /// The same machine under a new policy for its component.
    fileprivate func adopting(_ component: Component, at now: Moment) -> ComponentMachine {
        var new = self
        let old = self.component
        new.component = component
        var trackers: [CheckTracker] = []
        for check in component.checks {
            if let index = self.trackers.firstIndex(where: {
                $0.check.name == check.name && $0.check.kind == check.kind
            }),
                old.unit == component.unit, self.trackers[index].check.enabled == check.enabled
            {
                var tracker = self.trackers[index]
                tracker.check = check
                trackers.append(tracker)
            } else {
                trackers.append(CheckTracker(check: check, from: now.monotonic + component.startupGrace))
            }
        }
        new.trackers = trackers
        new.composeChecks()
        new.reviewWhoIsActive(isDown: self.unit?.isDown == true)
        if !component.needsWhatUnitRequires { new.requiredUnits = nil }
        if old.facts.scale != component.facts.scale { new.facts.load = nil }
        if self.activeUnit != new.activeUnit {
            new.requiredUnits = nil
            new.unit = nil
            new.hasSeenUnit = false
        }
        if old.facts.release != component.facts.release { new.facts.release = nil }
        if let unit = new.unit {
            new.readUnit(unit, isFirst: false, at: now)
            if component.needsWhatUnitRequires { new.requiredUnits = unit.requires ?? new.requiredUnits }
        }
        if old.recovery != component.recovery { new.ladder.restart() }
        if old.breaker != component.breaker { new.breaker = Self.breaker(for: component) }
        return new
    }

    fileprivate mutating func restore(_ saved: SavedComponent, at now: Moment) {
        self.saved = saved
        self.incident = saved.incident
        self.ladder = Ladder(
            step: saved.ladder.step, attempts: saved.ladder.attempts, backoffLevel: saved.ladder.backoffLevel,
            exhaustedAt: saved.ladder.exhaustedAt.map(now.monotonic(at:)),
            resolvedAt: saved.ladder.resolvedAt.map(now.monotonic(at:)), lastIncident: saved.ladder.lastIncident,
            healedByUs: saved.ladder.healedByUs)
        self.breaker.restore(
            failures: saved.breaker.failures.map(now.monotonic(at:)),
            openedAt: saved.breaker.openedAt.map(now.monotonic(at:)))
        if let flap = saved.flap {
            self.flap.restore(changes: flap.changes.map(now.monotonic(at:)), isFlapping: flap.latched)
        }
        self.approval = saved.approval.map { Approval($0, at: now, longest: self.component.approvalExpires) }
        if let until = saved.pausedUntil, until > now.wall { self.pausedUntil = now.monotonic + (until - now.wall) }
        self.stoppedByOperator = saved.stoppedByOperator
        self.timeSuspended = saved.timeSuspended
        if let facts = saved.facts { self.facts = FactsState(restored: facts, at: now) }
        self.reviewWhoIsActive(isDown: false)
        if let request = saved.inFlight {
            self.phase = .recovering(Attempt(request: request, step: saved.ladder.step, isDisruptive: true))
        } else if saved.stoppedByOperator {
            self.phase = .stopped
        } else if let until = saved.facts?.isolatedUntil, saved.incident != nil {
            // No longer than from now on, whatever the wall clock did meanwhile.
            let openFor = self.component.facts.isolate?.openFor ?? .zero
            self.phase = .isolated(until: now.monotonic + min(max(.zero, until - now.wall), openFor))
        } else if let incident = saved.incident {
            switch incident.state {
            case .suppressed: self.phase = .suppressed(by: incident.rootCause ?? "")
            case .exhausted:
                self.phase = .exhausted(rearmAt: (self.ladder.exhaustedAt ?? now.monotonic) + self.component.rearm)
            case .open, .resolved: self.phase = .failing(.evidence)
            }
        }
    }
}
