import Policy
import RecoveryEngine
import ResilienceCore

// The single steps of an action, each with a duration of its own and every way to go wrong.
extension SimulatedWorld {
    typealias AfterStep = (SimulatedWorld, StepEnd) -> Void

    func take(_ step: ProcedureStep, of procedure: Procedure, _ then: @escaping AfterStep) {
        self.tell(.stepTaken(procedure.request, step))
        let run = procedure.run
        // A step that is begun gets at least a second to end in good order.
        let deadline = max(procedure.deadline, self.now + .seconds(1))
        switch step {
        case .emptyCache(let unit): self.emptyCache(of: unit, procedure.request, then)
        case .hook: self.end(after: self.random.milliseconds(5...500), StepEnd(.succeeded, "hook done"), then)
        case .swapRelease(let change):
            self.after(self.random.milliseconds(1...20)) { then($0, $0.swap(change)) }
        case .point(let endpoint, let unit):
            self.after(self.random.milliseconds(1...10)) { then($0, $0.point(endpoint, to: unit)) }
        case .forbidStart(let unit):
            self.barriers.written.insert(unit)
            self.end(after: .milliseconds(1), StepEnd(.succeeded, "\(unit) cannot be started"), then)
        case .allowStart(let unit):
            self.barriers.written.remove(unit)
            self.end(after: .milliseconds(1), StepEnd(.succeeded, "\(unit) may be started"), then)
        case .proveDown, .proveUp, .stop, .start, .restart, .restartIfUp, .reloadManager, .limit, .freeze, .unlimit:
            self.onceReachable(until: deadline, run: run) { world, isReachable in
                guard isReachable else { return then(world, StepEnd(.failed, "no bus")) }
                world.ask(step, for: procedure.request, until: deadline, run: run, then)
            }
        }
    }

    private func end(after delay: Duration, _ end: StepEnd, _ then: @escaping AfterStep) {
        self.after(delay) { then($0, end) }
    }

    /// Steps that systemd is asked for.
    private func ask(
        _ step: ProcedureStep, for request: ActionRequest, until deadline: MonotonicInstant, run: Int,
        _ then: @escaping AfterStep
    ) {
        let moment = self.random.milliseconds(1...5)
        switch step {
        case .proveDown(let rivals):
            self.after(rivals.isEmpty ? .zero : moment) { world in
                let running = rivals.first { world.units[$0]?.condition != .down }
                then(world, running.map { StepEnd(.refused, "\($0) runs") } ?? StepEnd(.succeeded, ""))
            }
        case .proveUp(let unit):
            self.after(moment) { world in
                let isUp = world.units[unit]?.condition == .up
                then(world, isUp ? StepEnd(.succeeded, "") : StepEnd(.refused, "\(unit) does not run"))
            }
        case .stop(let unit, let expected): self.stop(unit, expecting: expected, until: deadline, run: run, then)
        case .start(let unit): self.start(unit, until: deadline, run: run, then)
        case .restart(let unit, let expected):
            self.after(moment) { $0.restart(unit, expecting: expected, until: deadline, run: run, then) }
        case .restartIfUp(let unit):
            self.after(moment) { world in
                guard let state = world.units[unit], state.condition != .down else {
                    return then(world, StepEnd(.succeeded, "\(unit) does not run, and is left so"))
                }
                world.restart(unit, expecting: state.invocationID, until: deadline, run: run, then)
            }
        case .reloadManager: self.reloadManager(run: run, until: deadline, then)
        case .freeze(let unit, let mayBeOurs):
            self.after(moment) { then($0, $0.freeze(unit, for: request, mayBeOurs: mayBeOurs)) }
        case .limit(let unit, let properties): self.after(moment) { then($0, $0.limit(unit, properties)) }
        case .unlimit(let unit, let properties):
            self.after(moment) { then($0, $0.unlimit(unit, properties, for: request)) }
        case .emptyCache, .hook, .swapRelease, .point, .forbidStart, .allowStart:
            preconditionFailure("not asked of systemd: \(step)")
        }
    }

    // MARK: - Units

    /// Succeeds only where the unit is proven to be down; what does not stop in time is killed.
    private func stop(
        _ name: String, expecting expected: String?, until deadline: MonotonicInstant, run: Int,
        _ then: @escaping AfterStep
    ) {
        guard let unit = self.units[name] else { return then(self, StepEnd(.failed, "no such unit")) }
        if let job = unit.job, !job.isOurs { return then(self, StepEnd(.refused, "somebody else's job is in flight")) }
        if unit.condition == .down { return then(self, StepEnd(.succeeded, "\(name) is down")) }
        if let expected, unit.invocationID != expected {
            return then(self, StepEnd(.refused, "\(name) was started anew meanwhile"))
        }
        guard let job = self.queueJob(name, "stop", isOurs: true) else { return }
        self.awaitEnd(of: job, name, until: deadline, run: run) { world, isOver in
            if !isOver { world.kill(name) }
            world.after(isOver ? .milliseconds(1) : .seconds(5)) { world in
                let isDown = world.units[name]?.condition == .down
                then(world, isDown ? StepEnd(.succeeded, "\(name) was stopped") : StepEnd(.timedOut, "not down"))
            }
        }
    }

    private func start(
        _ name: String, until deadline: MonotonicInstant, run: Int, _ then: @escaping AfterStep
    ) {
        self.whenSettled(name, until: deadline, run: run) { world in
            guard let unit = world.units[name] else { return then(world, StepEnd(.failed, "no such unit")) }
            switch unit.condition {
            case .up: then(world, StepEnd(.succeeded, "\(name) runs"))
            case .down: world.restart(name, expecting: unit.invocationID, until: deadline, run: run, then)
            case .between: then(world, StepEnd(.timedOut, "\(name) is between states"))
            }
        }
    }

    private func restart(
        _ name: String, expecting expected: String?, until deadline: MonotonicInstant, run: Int,
        _ then: @escaping AfterStep
    ) {
        guard let unit = self.units[name] else { return then(self, StepEnd(.refused, "no such unit")) }
        if let job = unit.job, !job.isOurs { return then(self, StepEnd(.refused, "somebody else's job is in flight")) }
        if unit.subState == "auto-restart" { return then(self, StepEnd(.refused, "systemd restarts it itself")) }
        let isAnother = expected != nil ? unit.invocationID != expected : unit.invocationID != nil && unit.isRunning
        if isAnother { return then(self, StepEnd(.refused, "another invocation runs")) }
        guard let job = self.queueJob(name, "restart", isOurs: true) else { return }
        self.awaitEnd(of: job, name, until: deadline, run: run) { world, isOver in
            guard isOver else { return then(world, StepEnd(.timedOut, "job \(job) still runs")) }
            let after = world.units[name]
            let isGood = after?.activeState == .active && after?.invocationID != unit.invocationID
            then(world, StepEnd(isGood ? .succeeded : .failed, "\(name) \(after?.activeState.rawValue ?? "gone")"))
        }
    }

    /// SIGKILL to all processes of the unit; some cannot be killed.
    private func kill(_ name: String) {
        guard let unit = self.units[name], unit.isRunning, unit.hangInStop?.survivesKill != true else { return }
        self.processWasStopped(name, result: "signal", signal: 9)
        self.endJob(name, "done")
    }

    // MARK: - Files

    private func emptyCache(of name: String, _ request: ActionRequest, _ then: @escaping AfterStep) {
        self.tell(.cacheEmptied(request, isDown: self.units[name]?.isRunning == false))
        let isWhole = self.isCalm || self.random.chance(0.85)
        self.end(
            after: self.random.milliseconds(5...400),
            isWhole ? StepEnd(.succeeded, "emptied") : StepEnd(.failed, "not all could be removed"), then)
    }

    private func swap(_ change: ReleaseSwitch) -> StepEnd {
        let link = change.policy.current
        guard let seen = self.releases[link] else { return StepEnd(.failed, "no such link") }
        if seen.current == change.to {
            return StepEnd(.succeeded, "\(change.to) is in place already", isLast: change.isPutBack)
        }
        guard seen.current == change.from else { return StepEnd(.refused, "\(link) points to \(seen.current) by now") }
        guard seen.available.contains(change.to) else { return StepEnd(.failed, "\(change.to) is not there") }
        self.install(change.to, at: link)
        return StepEnd(.succeeded, "\(change.from) → \(change.to)")
    }

    private func point(_ endpoint: Endpoint, to unit: String) -> StepEnd {
        if self.store.isFull { return StepEnd(.failed, "no space left for the endpoint's new file") }
        self.pointers[endpoint.path] = unit
        self.note("endpoint  \(endpoint.path) → \(unit)")
        self.reviewTruth()
        return StepEnd(.succeeded, "clients are pointed at \(unit)")
    }

    // MARK: - systemd itself

    /// Nothing is heard of systemd while it reads its files.
    private func reloadManager(run: Int, until deadline: MonotonicInstant, _ then: @escaping AfterStep) {
        self.loseBus(for: self.random.milliseconds(20...120), why: "systemd is reloading")
        self.barriers.inForce = self.barriers.written
        self.after(.milliseconds(130)) { world in
            world.onceReachable(until: deadline, run: run) { world, isReachable in
                then(world, isReachable ? StepEnd(.succeeded, "read") : StepEnd(.timedOut, "systemd is busy"))
            }
        }
    }

    private func limit(_ name: String, _ properties: [UnitProperty]) -> StepEnd {
        guard self.units[name] != nil else { return StepEnd(.failed, "no such unit") }
        self.limited.insert(name)
        return StepEnd(.succeeded, "\(name) was limited")
    }

    private func unlimit(_ name: String, _ properties: [UnitProperty], for request: ActionRequest) -> StepEnd {
        if properties.isEmpty { return self.thaw(name, for: request) }
        guard self.units[name] != nil else { return StepEnd(.failed, "no such unit") }
        self.limited.remove(name)
        return StepEnd(.succeeded, "\(name) has its own limits again")
    }

    // MARK: - Waiting

    /// Goes on once systemd answers, or at the deadline.
    func onceReachable(
        until deadline: MonotonicInstant, run: Int, _ then: @escaping (SimulatedWorld, Bool) -> Void
    ) {
        guard self.supervisor.run == run, self.supervisor.engine != nil else { return }
        if self.manager.isReachable { return then(self, true) }
        guard self.now < deadline else { return then(self, false) }
        self.after(.milliseconds(50)) { $0.onceReachable(until: deadline, run: run, then) }
    }

    /// Goes on once the unit has no job and is up or down, or at the deadline.
    func whenSettled(
        _ name: String, until deadline: MonotonicInstant, run: Int, _ then: @escaping (SimulatedWorld) -> Void
    ) {
        guard self.supervisor.run == run, self.supervisor.engine != nil else { return }
        if self.manager.isReachable, self.units[name]?.condition != .between { return then(self) }
        guard self.now < deadline else { return then(self) }
        self.after(.milliseconds(50)) { $0.whenSettled(name, until: deadline, run: run, then) }
    }
}

extension Endpoint {
    /// The file that is changed.
    var path: String {
        switch self.kind {
        case .symlink(let path, _), .file(let path, _): path
        }
    }
}
