import RecoveryEngine
import ResilienceCore

/// What the fake service manager keeps besides its units.
struct ServiceManagerState {
    var nextJob: UInt32 = 100
    var nextPID: Int32 = 1_000
    /// Those who wait for the end of a job, by its number.
    var waiters: [UInt32: (SimulatedWorld, _ result: String) -> Void] = [:]
    /// The bus answers; not while it is lost or systemd reloads.
    var isReachable = true
    var unreachableUntil = MonotonicInstant(nanoseconds: 0)
}

// Units as systemd runs them: processes that begin, serve, die and are begun again.
extension SimulatedWorld {
    static let startTimeout = Duration.seconds(15)
    static let stopTimeout = Duration.seconds(5)

    func change(_ name: String, _ body: (inout SimulatedUnit) -> Void) {
        guard var unit = self.units[name] else { return }
        let before = unit.mainPID
        body(&unit)
        self.units[name] = unit
        if unit.mainPID != before { self.tellOfProcess(unit, before: before) }
        let state = "\(unit.activeState.rawValue)/\(unit.subState)"
        self.note("unit      \(name) \(state) \(unit.result) \(describe(unit.job))")
        self.reviewTruth()
        self.announce(name)
    }

    private func tellOfProcess(_ unit: SimulatedUnit, before: Int32) {
        let hand = unit.job == nil ? nil : unit.jobHand
        if before != 0 { self.tell(.processEnded(unit: unit.name, by: hand)) }
        guard unit.mainPID != 0 else { return }
        self.tell(
            .processBegan(
                unit: unit.name, by: hand ?? .systemd, askedAt: unit.job == nil ? self.now : unit.jobQueuedAt))
    }

    /// Does something later, unless the unit's life has gone on otherwise by then.
    func later(_ name: String, _ delay: Duration, _ body: @escaping Happening) {
        let epoch = self.units[name]?.epoch
        self.after(delay) { world in
            if world.units[name]?.epoch == epoch { body(world) }
        }
    }

    /// Starts the unit's process; a start job that runs ends with it.
    func beginProcess(_ name: String, isBoot: Bool = false) {
        guard let unit = self.units[name] else { return }
        if self.barriers.inForce.contains(name) { return self.refuseStart(of: name) }
        self.manager.nextPID += 1
        let boot = isBoot ? .milliseconds(5) : unit.slowBoot ?? unit.bootTime
        let invocation = self.random.invocationID()
        let isSimple = unit.startup == .simple
        let serves = self.now + boot
        self.change(name) { unit in
            unit.epoch += 1
            unit.invocationID = invocation
            unit.mainPID = self.manager.nextPID
            unit.result = "success"
            unit.exit = nil
            unit.ailment = self.flaw(of: name) == .errors ? .status(500) : .well
            unit.frozenBy = nil
            unit.isStopped = false
            unit.stoppedByOther = false
            unit.slowBoot = nil
            unit.activeState = isSimple ? .active : .activating
            unit.subState = isSimple ? "running" : "start"
            unit.servesFrom = unit.neverReady ? nil : serves
            if isSimple { unit.activeEnteredAt = self.clock.wall }
        }
        self.planLife(of: name, boot: boot)
        if isSimple { self.endJob(name, "done") }
    }

    /// An assertion keeps it from being started.
    private func refuseStart(of name: String) {
        self.change(name) { unit in
            unit.epoch += 1
            guard unit.activeState == .activating else { return }
            (unit.activeState, unit.subState) = (.inactive, "dead")
        }
        self.endJob(name, "assert")
    }

    private func planLife(of name: String, boot: Duration) {
        guard let unit = self.units[name] else { return }
        if unit.broken || unit.brokenForGood || self.flaw(of: name) == .dies {
            self.later(name, self.random.milliseconds(5...300)) { $0.die(name, .exited(status: 1)) }
        } else if unit.neverReady {
            guard unit.startup == .notify else { return }
            self.later(name, Self.startTimeout) { $0.die(name, .killed(signal: 9), result: "timeout") }
        } else {
            self.later(name, boot) { $0.becomeReady(name) }
            guard unit.crashesToCome > 0 else { return }
            self.later(name, boot + self.random.milliseconds(50...4_000)) { world in
                world.units[name]?.crashesToCome -= 1
                world.die(name, .dumped(signal: 11))
            }
        }
    }

    private func becomeReady(_ name: String) {
        self.change(name) { unit in
            guard unit.activeState == .activating else { return }
            unit.activeState = .active
            unit.subState = "running"
            unit.activeEnteredAt = self.clock.wall
        }
        self.endJob(name, "done")
    }

    /// The main process ends by itself.
    func die(_ name: String, _ death: Disturbance.Death, result: String? = nil) {
        guard let unit = self.units[name], unit.isRunning, unit.activeState != .deactivating else { return }
        let exit: ProcessExit
        var said = "success"
        switch death {
        case .killed(let signal):
            (exit, said) = (ProcessExit(kind: .killed, status: signal, at: self.clock.wall), "signal")
        case .dumped(let signal):
            (exit, said) = (ProcessExit(kind: .dumped, status: signal, at: self.clock.wall), "core-dump")
        case .exited(let status):
            exit = ProcessExit(kind: .exited, status: status, at: self.clock.wall)
            if status != 0 { said = "exit-code" }
        case .outOfMemory: (exit, said) = (ProcessExit(kind: .killed, status: 9, at: self.clock.wall), "oom-kill")
        }
        self.processIsGone(name, exit: exit, result: result ?? said)
        self.foretell(unit, exit: exit)
        self.endJob(name, "failed")
        self.considerOwnRestart(name)
    }

    private func processIsGone(_ name: String, exit: ProcessExit, result: String) {
        self.change(name) { unit in
            unit.epoch += 1
            unit.mainPID = 0
            unit.isStopped = false
            unit.servesFrom = nil
            unit.ailment = .well
            unit.exit = exit
            unit.result = result
            unit.startedByOther = false
            let restarts = unit.ownRestart != nil && unit.job == nil
            unit.activeState = restarts ? .activating : result == "success" ? .inactive : .failed
            unit.subState = restarts ? "auto-restart" : result == "success" ? "dead" : "failed"
            unit.inactiveEnteredAt = self.clock.wall
        }
    }

    /// `Restart=always`, at most five times in ten seconds.
    private func considerOwnRestart(_ name: String) {
        guard let unit = self.units[name], unit.subState == "auto-restart", let wait = unit.ownRestart else { return }
        self.later(name, wait) { world in
            let recent = world.units[name]?.ownRestarts.filter { world.now - $0 < .seconds(10) } ?? []
            if recent.count >= 5 {
                world.change(name) { unit in
                    unit.epoch += 1
                    unit.activeState = .failed
                    unit.subState = "failed"
                    unit.result = "start-limit-hit"
                }
                return
            }
            world.units[name]?.ownRestarts = recent + [world.now]
            world.units[name]?.restarts += 1
            world.beginProcess(name)
        }
    }

    // MARK: - Jobs

    /// Queues a job, replacing one that runs.
    ///
    /// - Returns: the job's number.
    @discardableResult
    func queueJob(_ name: String, _ type: String, isOurs: Bool) -> UInt32? {
        guard self.units[name] != nil else { return nil }
        self.endJob(name, "canceled")
        self.manager.nextJob += 1
        let job = UnitJob(id: self.manager.nextJob, type: type, isOurs: isOurs)
        self.change(name) { unit in
            unit.job = job
            unit.jobQueuedAt = self.now
            unit.jobHand = isOurs ? .us : .person
            if isOurs {
                unit.stoppedByOther = false
            } else {
                unit.stoppedByOther = type == "stop"
                unit.startedByOther = type != "stop"
            }
        }
        switch type {
        case "start": self.after(self.random.milliseconds(1...4)) { $0.beginIfNeeded(name, job: job.id) }
        case "stop":
            self.terminate(name) { world in
                if world.units[name]?.job?.id == job.id { world.endJob(name, "done") }
            }
        default: self.terminate(name) { $0.beginProcess(name) }
        }
        return job.id
    }

    /// A start of what still stops waits until that is done.
    private func beginIfNeeded(_ name: String, job: UInt32) {
        guard let unit = self.units[name], unit.job?.id == job else { return }
        if unit.activeState == .deactivating {
            self.after(.milliseconds(20)) { $0.beginIfNeeded(name, job: job) }
        } else if unit.isRunning {
            self.endJob(name, "done")
        } else {
            self.beginProcess(name)
        }
    }

    /// SIGTERM, and what follows once the process is gone.
    private func terminate(_ name: String, then next: @escaping Happening) {
        guard let unit = self.units[name] else { return }
        guard unit.isRunning else {
            // What waits for an automatic restart ends here.
            self.change(name) { unit in
                unit.epoch += 1
                if unit.activeState == .activating || unit.stoppedByOther {
                    unit.activeState = unit.result == "success" || unit.stoppedByOther ? .inactive : .failed
                    unit.subState = "dead"
                }
            }
            self.later(name, self.random.milliseconds(1...4), next)
            return
        }
        self.change(name) { unit in
            unit.epoch += 1
            unit.activeState = .deactivating
            unit.subState = "stop-sigterm"
            unit.servesFrom = nil
        }
        let isStuck = unit.ailment == .hangs && self.random.chance(0.5)
        var time = isStuck ? Self.stopTimeout : unit.stopTime
        if let hang = unit.hangInStop { time = hang.survivesKill ? hang.for : min(hang.for, Self.stopTimeout) }
        let isKilled = time >= Self.stopTimeout
        self.later(name, time) { world in
            world.processWasStopped(name, result: isKilled ? "timeout" : "success", signal: isKilled ? 9 : 15)
            world.later(name, .milliseconds(1), next)
        }
    }

    /// Its process is gone, as a stop asked for.
    func processWasStopped(_ name: String, result: String, signal: Int32) {
        self.change(name) { unit in
            unit.epoch += 1
            unit.mainPID = 0
            unit.ailment = .well
            unit.exit = ProcessExit(kind: .killed, status: signal, at: self.clock.wall)
            unit.result = result
            unit.activeState = result == "success" ? .inactive : .failed
            unit.subState = result == "success" ? "dead" : "failed"
            unit.inactiveEnteredAt = self.clock.wall
        }
    }

    /// The unit's job, if it has one, is over.
    func endJob(_ name: String, _ result: String) {
        guard let job = self.units[name]?.job else { return }
        self.change(name) { $0.job = nil }
        self.note("systemd   job \(job.id) of \(name): \(result)")
        guard let waiter = self.manager.waiters.removeValue(forKey: job.id) else { return }
        waiter(self, result)
    }
}
