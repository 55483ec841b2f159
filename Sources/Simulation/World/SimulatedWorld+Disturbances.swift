import Policy
import RecoveryEngine
import ResilienceCore

extension SimulatedWorld {
    func disturb(_ disturbance: Disturbance) {
        guard !self.isOff, !self.isCalm else { return }
        self.note("disturb   \(disturbance)")
        switch disturbance {
        case .die(let unit, let death): self.die(unit, death)
        case .ail(let unit, let state):
            guard self.units[unit]?.isRunning == true else { return }
            if state == .silent, !self.isListenedTo(String(unit.dropLast(".service".count))) { return }
            self.units[unit]?.ailment = state
        case .trouble(let component, let state, let duration):
            if state == .silent, !self.isListenedTo(component) { return }
            self.troubles[component] = (state, self.now + duration)
            self.after(duration) { $0.reviewTruth() }
        case .breakUnit(let unit, let forGood):
            self.units[unit]?.broken = true
            self.units[unit]?.brokenForGood = forGood
            self.die(unit, .exited(status: 1))
        case .crashLoop(let unit, let times):
            self.units[unit]?.crashesToCome = times
            self.die(unit, .dumped(signal: 11))
        case .slowBoot(let unit, let duration):
            self.units[unit]?.slowBoot = duration
            self.die(unit, .killed(signal: 9))
        case .neverReady(let unit):
            self.units[unit]?.neverReady = true
            self.die(unit, .killed(signal: 9))
        case .operatorStop(let unit): self.operate(unit, "stop")
        case .operatorStart(let unit): self.operate(unit, "start")
        case .operatorRestart(let unit): self.operate(unit, "restart")
        case .pause(let component, let duration):
            self.ask(.pause(component: component, for: duration, by: "root", reason: "work in progress"))
        case .resume(let component): self.ask(.resume(component: component, by: "root"))
        case .acknowledge(let component): self.ask(.acknowledge(component: component, by: "root"))
        case .drill(let component, let fault):
            self.ask(.drill(component: component, fault, by: "root", reason: "exercise"))
        case .checkNow(let component): self.ask(.checkNow(component: component))
        case .reloadPolicy(let index): self.loadPolicy(index)
        case .fact(let disturbance): self.disturbFacts(disturbance)
        case .networkLoss, .busLoss, .daemonReload, .stall, .suspend, .wallJump, .diskFull, .crashSupervisor, .reboot:
            self.disturbMachine(disturbance)
        }
        self.reviewTruth()
    }

    private func disturbMachine(_ disturbance: Disturbance) {
        switch disturbance {
        case .networkLoss(let duration): self.networkLostUntil = max(self.networkLostUntil, self.now + duration)
        case .busLoss(let duration): self.loseBus(for: duration, why: "the bus is gone")
        case .daemonReload(let duration):
            self.barriers.inForce = self.barriers.written
            self.loseBus(for: duration, why: "systemd is reloading")
        case .stall(let duration): self.stall(for: duration)
        case .suspend(let duration):
            self.moveWall(by: duration)
            self.post(.stalled(duration))
        case .wallJump(let duration): self.moveWall(by: duration)
        case .diskFull(let duration):
            self.store.isFull = true
            self.after(duration) { $0.store.isFull = false }
        case .crashSupervisor(.now, let duration): self.crashSupervisor(downFor: duration)
        case .crashSupervisor(let point, let duration):
            if self.supervisor.engine != nil { self.supervisor.crash = (point, duration) }
        case .reboot(let duration): self.reboot(downFor: duration)
        default: preconditionFailure("not of the machine: \(disturbance)")
        }
    }

    private func moveWall(by duration: Duration) {
        self.clock.moveWall(by: duration)
        self.tell(.wallMoved(by: duration))
    }

    /// People answer what waits for them, mostly with a yes and mostly in time.
    func answerApprovals(in effects: [Effect]) {
        for case .record(let record) in effects {
            guard case .approvalAsked(let id, _, _, _, _, _) = record.body else { continue }
            self.after(self.random.milliseconds(200...20_000)) { world in
                if world.isCalm || world.random.chance(0.75) {
                    world.ask(.approve(id: id, by: "root", reason: nil))
                } else if world.random.chance(0.6) {
                    world.ask(.deny(id: id, by: "root", reason: "not now"))
                }
            }
        }
    }

    /// A person uses systemctl.
    func operate(_ unit: String, _ verb: String) {
        guard let state = self.units[unit]?.activeState else { return }
        switch verb {
        case "stop" where state == .inactive || state == .failed: return
        case "start" where state == .active: return
        default: self.queueJob(unit, verb, isOurs: false)
        }
    }

    /// A person uses healctl; with the supervisor down, it says so and nothing happens.
    func ask(_ request: OperatorRequest) { self.post(.operatorAsked(request)) }

    private func loadPolicy(_ index: Int) {
        self.policyIndex = index
        guard self.supervisor.engine != nil else { return }
        self.supervisor.generation += 1
        self.wellness = [:]
        self.post(.policyLoaded(self.currentPolicy, generation: self.supervisor.generation))
    }

    // MARK: - The end

    /// Everything that is not broken for good works from now on, if only it is started.
    func becomeCalm() {
        self.isCalm = true
        self.note("calm      nothing is disturbed any more")
        self.store.isFull = false
        self.troubles = [:]
        self.mendFacts()
        self.networkLostUntil = self.now
        for name in self.unitNames {
            self.units[name]?.crashesToCome = 0
            self.units[name]?.neverReady = false
            self.units[name]?.slowBoot = nil
            if self.units[name]?.brokenForGood == false { self.units[name]?.broken = false }
        }
        self.supervisor.crash = nil
        self.reviewTruth()
        self.tell(.calm)
        self.after(.seconds(5)) { $0.comeToAnEnd() }
        // Who paused something takes the pause back in the end: after a wall clock that was set back while the
        // supervisor was away it might last long.
        for (_, disturbance) in self.scenario.disturbances {
            guard case .pause(let component, _) = disturbance else { continue }
            self.after(.seconds(120)) { $0.ask(.resume(component: component, by: "root")) }
        }
    }

    /// Waits until all is settled, with the patience of the scenario.
    private func comeToAnEnd() {
        self.reviewTruth()
        self.helpByHand()
        let hasTime = self.now < MonotonicInstant(nanoseconds: 0) + .seconds(15) + self.scenario.end
        if self.isSettled || !hasTime {
            self.isOver = true
        } else {
            self.after(.seconds(5)) { $0.comeToAnEnd() }
        }
    }

    /// What automation must not repair, a person does: what was stopped in an orderly way, what it only observes, and
    /// anything once it has frozen.
    private func helpByHand() {
        for component in self.currentPolicy.components {
            self.helpMembersByHand(component)
            guard let name = self.unitInCare(of: component), let unit = self.units[name], unit.job == nil else {
                continue
            }
            // What a level does without comes back with the level.
            if self.referee.knowledge.isShed(component.name) { continue }
            let isDown = unit.activeState == .inactive || unit.activeState == .failed
            let isLeftAlone = isDown && (unit.stoppedByOther || unit.result == "success")
            if isLeftAlone {
                self.operate(name, "start")
            } else if !unit.brokenForGood, self.needsHand(component, unit, isDown: isDown) {
                self.operate(name, "restart")
            }
        }
    }

    private func needsHand(_ component: Component, _ unit: SimulatedUnit, isDown: Bool) -> Bool {
        let knowledge = self.referee.knowledge
        guard isDown || self.endpoint(of: component) != .well else { return false }
        if let incident = knowledge.incidents[component.name], incident.isExhausted {
            if incident.needsPerson || unit.exit?.status == 78 { return true }
        }
        if isDown {
            return !component.canBeHealed || knowledge.isFrozen(component.name)
                || knowledge.isAbandoned(component.name)
        }
        // What no check of the policy can see, people see.
        let isSeen =
            !component.isLenient
            && component.checks.contains { check in
                switch check.kind {
                case .http, .exec, .unix, .file, .disk, .resources, .certificate, .journal: check.enabled
                case .unit, .tcp, .heartbeat, .composite: false
                }
            }
        return (knowledge.isFrozen(component.name) || !component.canBeHealed || !isSeen) && self.random.chance(0.1)
    }

    /// All that can be well is, no incident of it is open, and what cannot has been given up with an alert.
    var isSettled: Bool {
        let knowledge = self.referee.knowledge
        guard self.supervisor.engine != nil, knowledge.inFlight.isEmpty, !knowledge.isUnrecorded,
            !knowledge.isDrilled
        else { return false }
        let hopeless = Set(self.units.values.filter(\.brokenForGood).map(\.name))
        for component in self.currentPolicy.components {
            if self.isBeyondRestarts(component) || self.restsForALevel(component) { continue }
            if !self.dependsOn(component, anyOf: hopeless) {
                guard self.isTrulyWell(component), knowledge.incidents[component.name] == nil,
                    self.areFactsSettled(component)
                else { return false }
            } else if self.isHopeless(component, hopeless), component.mode == .auto {
                if self.isTrulyWell(component), knowledge.incidents[component.name] == nil { continue }
                let hasEnded =
                    knowledge.incidents[component.name]?.isExhausted == true || knowledge.isAbandoned(component.name)
                guard hasEnded || !component.comesToAnEnd || component.isLenient else { return false }
            }
        }
        return self.isLevelSettled
    }

    /// Nothing that a level has taken waits to be given back.
    private var isLevelSettled: Bool {
        let knowledge = self.referee.knowledge
        let wanted = Set((self.currentPolicy.degradation?.units(at: knowledge.level) ?? []).map(\.unit))
        return knowledge.shed.allSatisfy { unit, shed in wanted.contains(unit) || shed.hold == .left }
    }

    /// It is restarted without end with a release that no restart cures: its operators have asked for that.
    private func isBeyondRestarts(_ component: Component) -> Bool {
        guard !component.comesToAnEnd else { return false }
        // Whether or not the policy still knows of its releases.
        let links = self.scenario.policies.flatMap(\.components).filter { $0.name == component.name }
            .compactMap(\.facts.release?.current)
        return links.contains { link in
            self.releases[link].map { $0.bad[$0.current] != nil } ?? false
        }
    }

    /// A level in force does without its unit.
    private func restsForALevel(_ component: Component) -> Bool {
        let knowledge = self.referee.knowledge
        guard knowledge.isShed(component.name), let unit = knowledge.activeUnit(of: component.name) else {
            return false
        }
        return self.currentPolicy.degradation?.units(at: knowledge.level).contains { $0.unit == unit } ?? false
    }

    private func dependsOn(_ component: Component, anyOf hopeless: Set<String>) -> Bool {
        let needed = self.referee.knowledge.dependencies(of: component.name).union([component.name])
        return self.currentPolicy.components.contains {
            needed.contains($0.name) && self.isHopeless($0, hopeless)
        }
    }
}

extension Knowledge.OpenIncident {
    /// No restart helps against it.
    var needsPerson: Bool { !RestartStrategy().treats(self.cause.category, attempt: 1) }
}

extension Component {
    /// A restart may be tried for it whatever is wrong.
    var canBeHealed: Bool {
        self.mode != .observe && self.unit != nil
            && self.recovery.contains { step in
                if case .restart = step.strategy { step.when == Condition() } else { false }
            }
    }

    /// Its ladder can be used up.
    var comesToAnEnd: Bool {
        !self.recovery.contains { $0.attempts == .unlimited || $0.strategy.action == "CIRCUIT_BREAK" }
    }

    /// It passes by some of its checks, perhaps by nothing but a unit that has just been started once more.
    var isLenient: Bool {
        self.checks.contains { check in
            if case .composite(let composite) = check.kind { composite.rule != .all } else { false }
        }
    }
}
