import Policy
import RecoveryEngine
import ResilienceCore

/// The supervisor's process: the engine and the little that the loop around it remembers.
struct SimulatedSupervisor {
    /// `nil` while the process does not run.
    var engine: RecoveryEngine?
    /// Counts the processes; what was meant for an earlier one is dropped.
    var run = 0
    var generation = 0
    var watching: Set<String> = []
    /// What it was last told of each unit.
    var heard: [String: UnitObservation] = [:]
    var lastDelivery = MonotonicInstant(nanoseconds: 0)
    /// Events that came while it stood still, and until when it does.
    var mailbox: [Event] = []
    var stalledUntil: MonotonicInstant?
    /// When it last came to itself again.
    var wokeAt: MonotonicInstant?
    var deadlineToken = 0
    /// Written down when the disk takes it again.
    var waiting: [Effect] = []
    var isUnrecorded = false
    /// Decided on, and not yet handed to the disk.
    var uncommitted: [Effect] = []
    var crash: (point: CrashPoint, downFor: Duration)?
}

// The loop around the engine: one event, one commit, then the effects.
extension SimulatedWorld {
    func startSupervisor() {
        guard self.supervisor.engine == nil, !self.isOff else { return }
        let run = self.supervisor.run + 1
        self.supervisor = SimulatedSupervisor()
        self.supervisor.run = run
        self.supervisor.lastDelivery = self.now
        self.supervisor.engine = RecoveryEngine(seed: self.scenario.seed &+ UInt64(run))
        self.forgetJobs()
        let restored = self.store.restored
        self.note("heald     starts, run \(run)")
        self.tell(.supervisorStarted(run: run, restored))
        self.supervisor.generation = 1
        self.post(.policyLoaded(self.currentPolicy, generation: 1))
        self.post(.started(restored))
        if !self.manager.isReachable { self.post(.unitsUnknown(why: "no bus yet")) }
        self.lookRegularly(run: run)
    }

    /// Which jobs an earlier run asked for is not known to a new one.
    private func forgetJobs() {
        for name in self.unitNames {
            guard let job = self.units[name]?.job, job.isOurs else { continue }
            self.units[name]?.job = UnitJob(id: job.id, type: job.type, isOurs: false)
            self.units[name]?.stoppedByOther = job.type == "stop"
            self.units[name]?.startedByOther = job.type != "stop"
        }
    }

    /// Hands an event to the loop.
    func post(_ event: Event) {
        guard self.supervisor.engine != nil else { return }
        if self.supervisor.stalledUntil != nil {
            self.supervisor.mailbox.append(event)
        } else {
            self.handle(event)
        }
    }

    private func handle(_ event: Event) {
        guard var engine = self.supervisor.engine else { return }
        self.note("event     \(describe(event))")
        self.referee.clockZero = self.clock.trueTime(of: MonotonicInstant(nanoseconds: 0))
        self.tell(.told(event))
        let effects = engine.handle(event, at: self.clock.moment)
        self.supervisor.engine = engine
        let run = self.supervisor.run
        for effect in effects { self.note("  effect  \(describe(effect))") }
        self.tell(.decided(effects))
        // Another unit may be in its care.
        if effects.contains(where: { if case .saveComponent = $0 { true } else { false } }) { self.reviewTruth() }
        self.answerApprovals(in: effects)
        self.carryOut(effects, run: run)
        if self.supervisor.run == run, self.supervisor.engine != nil { self.armDeadline() }
    }

    private func carryOut(_ effects: [Effect], run: Int) {
        guard !effects.isEmpty else { return }
        let written = effects.filter(\.isWritten)
        let isDurable = effects.contains(where: \.mustBeDurable)
        let acts = effects.contains { if case .act = $0 { true } else { false } }
        self.supervisor.uncommitted = written
        if acts, self.crashes(at: .beforeCommit) { return }
        self.supervisor.uncommitted = []
        if !written.isEmpty || acts, !self.write(written, isDurable: isDurable) {
            self.refuseUnrecorded(effects)
            return
        }
        if acts, self.crashes(at: .afterCommit) { return }
        for effect in effects where !effect.isWritten {
            self.perform(effect)
            if self.supervisor.run != run || self.supervisor.engine == nil { return }
            if acts, self.crashes(at: .amidEffects) { return }
        }
    }

    /// - Returns: whether it is in the audit trail; if not, it waits.
    private func write(_ written: [Effect], isDurable: Bool) -> Bool {
        let isStored =
            self.supervisor.waiting.isEmpty
            && self.store.commit(SimulatedStore.Batch(effects: written, isDurable: isDurable))
        if isStored {
            self.tell(.committed(written, durable: isDurable))
            return true
        }
        self.supervisor.waiting += written
        self.note("disk      nothing can be written")
        return false
    }

    /// What cannot be recorded is not done; looking on is.
    private func refuseUnrecorded(_ effects: [Effect]) {
        self.tell(.commitFailed(effects))
        let isNew = !self.supervisor.isUnrecorded
        self.supervisor.isUnrecorded = true
        for effect in effects where !effect.isWritten {
            if case .act(let request) = effect {
                let outcome = ActionOutcome(.refused, detail: "the audit trail cannot be written")
                self.after(.zero) { $0.postOutcome(request.id, outcome, run: $0.supervisor.run) }
            } else {
                self.perform(effect)
            }
        }
        if isNew {
            let run = self.supervisor.run
            self.post(.recordingFailed(why: "database or disk is full"))
            self.retryWriting(run: run, wait: .seconds(1))
        }
    }

    private func retryWriting(run: Int, wait: Duration) {
        self.after(wait) { world in
            guard world.supervisor.run == run, world.supervisor.engine != nil else { return }
            guard world.store.commit(SimulatedStore.Batch(effects: world.supervisor.waiting, isDurable: true)) else {
                world.retryWriting(run: run, wait: min(.seconds(30), wait * 2))
                return
            }
            world.note("disk      takes what waited")
            world.tell(.committed(world.supervisor.waiting, durable: true))
            world.supervisor.waiting = []
            world.supervisor.isUnrecorded = false
            world.post(.recordingFailed(why: nil))
        }
    }

    private func perform(_ effect: Effect) {
        switch effect {
        case .watchUnits(let units, _): self.watch(units)
        case .probe(let request): self.startProbe(request)
        case .act(let request): self.startAction(request)
        case .reconcile(let request): self.startReconciling(request)
        case .lookAtRelease(let component, let policy): self.look(at: policy, of: component)
        case .lookAtFreezer(let unit): self.lookAtFreezer(of: unit)
        case .gatherEvidence, .publishDegradation, .record, .saveComponent, .forgetComponent, .saveHost, .alert: break
        }
    }

    private func armDeadline() {
        self.supervisor.deadlineToken += 1
        let token = self.supervisor.deadlineToken
        let run = self.supervisor.run
        guard let deadline = self.supervisor.engine?.nextDeadline, deadline.nanoseconds < .max else { return }
        // Timers are late by a little, never early.
        let wait = max(.zero, self.clock.trueTime(of: deadline) - self.now) + .microseconds(100)
        self.after(wait) { world in
            guard world.supervisor.run == run, world.supervisor.deadlineToken == token,
                world.supervisor.stalledUntil == nil
            else { return }
            world.post(.deadline)
        }
    }

    // MARK: - Its own troubles

    /// The process does not run for a while.
    func stall(for duration: Duration) {
        guard self.supervisor.engine != nil, self.supervisor.stalledUntil == nil else { return }
        let run = self.supervisor.run
        self.supervisor.stalledUntil = self.now + duration
        self.after(duration) { world in
            guard world.supervisor.run == run, world.supervisor.engine != nil else { return }
            let mail = world.supervisor.mailbox
            world.supervisor.mailbox = []
            world.supervisor.stalledUntil = nil
            world.supervisor.wokeAt = world.now
            world.post(.stalled(duration))
            for event in mail { if world.supervisor.run == run { world.post(event) } }
            if world.supervisor.run == run { world.armDeadline() }
        }
    }

    /// Dies here if that is what was planned.
    func crashes(at point: CrashPoint) -> Bool {
        guard let crash = self.supervisor.crash, crash.point == point else { return false }
        self.crashSupervisor(downFor: crash.downFor)
        return true
    }

    func crashSupervisor(downFor duration: Duration) {
        guard self.supervisor.engine != nil else { return }
        self.note("heald     dies")
        let lost = self.loseProcess()
        self.tell(.supervisorEnded(lost: lost))
        self.after(duration) { $0.startSupervisor() }
    }

    /// - Returns: what only the process knew of.
    private func loseProcess() -> [Effect] {
        let lost = self.supervisor.waiting + self.supervisor.uncommitted
        let run = self.supervisor.run + 1
        self.supervisor = SimulatedSupervisor()
        // Not a process: a number that nothing belongs to.
        self.supervisor.run = run
        self.manager.waiters = [:]
        return lost
    }

    /// The power fails and comes back: everything begins anew, and what was not flushed is gone.
    func reboot(downFor duration: Duration) {
        guard !self.isOff else { return }
        self.note("machine   loses power")
        self.isOff = true
        let known = self.supervisor.engine != nil ? self.loseProcess() : []
        let lost = known + self.store.losePower(keeping: self.random.int(0...self.store.unflushedCount))
        self.tell(.supervisorEnded(lost: lost))
        // What lay in /run is gone.
        self.barriers = StartBarriers()
        self.limited = []
        for name in self.unitNames {
            self.tell(.processEnded(unit: name, by: .systemd))
            self.change(name) { unit in
                unit.epoch += 1
                unit.frozenBy = nil
                unit.isStopped = false
                unit.mainPID = 0
                unit.servesFrom = nil
                unit.job = nil
                unit.invocationID = nil
                unit.exit = nil
                unit.restarts = 0
                (unit.activeState, unit.subState, unit.result) = (.inactive, "dead", "success")
                (unit.stoppedByOther, unit.startedByOther) = (false, false)
                (unit.activeEnteredAt, unit.inactiveEnteredAt) = (nil, nil)
            }
        }
        self.after(duration) { world in
            world.isOff = false
            world.clock.reboot()
            for name in world.unitNames where world.units[name]?.isEnabled == true { world.beginProcess(name) }
            world.after(.seconds(1)) { $0.startSupervisor() }
        }
    }
}
