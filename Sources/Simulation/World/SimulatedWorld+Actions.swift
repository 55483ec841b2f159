import Policy
import RecoveryEngine
import ResilienceCore

// The action runner: it makes sure that the world is still the one decided on, asks systemd, and follows the job.
extension SimulatedWorld {
    func startAction(_ request: ActionRequest) {
        self.tell(.actionBegun(request))
        let run = self.supervisor.run
        if self.startDrill(request, run: run) { return }
        if self.startProcedure(request, run: run) { return }
        guard let unit = request.unit else {
            self.after(.milliseconds(1)) {
                $0.postOutcome(request.id, ActionOutcome(.succeeded, detail: "nothing to do"), run: run)
            }
            return
        }
        self.after(self.random.milliseconds(1...6)) { world in
            guard world.supervisor.run == run, world.supervisor.engine != nil else { return }
            world.act(request, on: unit, run: run)
        }
    }

    private func act(_ request: ActionRequest, on name: String, run: Int) {
        func refuse(_ why: String) {
            self.postOutcome(request.id, ActionOutcome(.refused, detail: why), run: run)
        }
        guard let unit = self.units[name] else { return refuse("systemd knows no such unit") }
        guard self.manager.isReachable else {
            self.postOutcome(request.id, ActionOutcome(.failed, detail: "no bus"), run: run)
            return
        }
        guard unit.invocationID == request.expectedInvocationID else { return refuse("another invocation runs") }
        if let job = unit.job, !job.isOurs { return refuse("somebody else's job \(job.id) is in flight") }
        guard unit.subState != "auto-restart" else { return refuse("systemd restarts it itself") }
        if case .resetConnection = request.strategy, unit.activeState != .active { return refuse("it does not run") }
        self.note("action    \(request.id) \(request.action) \(name)")
        self.tell(.actionPerformed(request))
        if case .resetConnection = request.strategy { return self.resetConnections(request, of: name, run: run) }
        guard let job = self.queueJob(name, "restart", isOurs: true) else { return }
        if self.crashes(at: .amidAction) { return }
        self.follow(job, of: request, on: name, run: run)
    }

    /// A running process may get well by it.
    private func resetConnections(_ request: ActionRequest, of name: String, run: Int) {
        if self.random.chance(0.3) { self.change(name) { $0.ailment = .well } }
        if self.crashes(at: .amidAction) { return }
        self.after(self.random.milliseconds(5...50)) { world in
            world.postOutcome(request.id, ActionOutcome(.succeeded, detail: "reloaded"), run: run)
        }
    }

    private func follow(_ job: UInt32, of request: ActionRequest, on name: String, run: Int) {
        self.awaitEnd(of: job, name, until: self.now + request.timeout, run: run) { world, isOver in
            if world.supervisor.run == run, world.crashes(at: .beforeOutcomeIsHeard) { return }
            let outcome =
                isOver
                ? world.outcome(of: request, on: name) : ActionOutcome(.timedOut, detail: "job \(job) still runs")
            world.postOutcome(request.id, outcome, run: run)
        }
    }

    /// Waits for the job's end by its signal, by looking, or by the clock, whichever comes first.
    func awaitEnd(
        of job: UInt32, _ name: String, until deadline: MonotonicInstant, run: Int,
        _ then: @escaping (_ world: SimulatedWorld, _ isOver: Bool) -> Void
    ) {
        var isHeard = false
        func end(_ world: SimulatedWorld, _ isOver: Bool) {
            guard !isHeard else { return }
            isHeard = true
            world.manager.waiters[job] = nil
            then(world, isOver)
        }
        func look(_ world: SimulatedWorld) {
            guard !isHeard, world.supervisor.run == run else { return }
            if world.manager.isReachable, world.units[name]?.job?.id != job {
                end(world, true)
            } else {
                world.after(.seconds(1), look)
            }
        }
        if self.random.chance(0.1) {
            // The signal is lost: only looking helps.
        } else {
            self.manager.waiters[job] = { world, _ in
                guard world.manager.isReachable else { return }
                world.after(world.random.milliseconds(1...5)) { end($0, true) }
            }
        }
        self.after(.seconds(1), look)
        self.after(deadline - self.now) { end($0, false) }
    }

    /// What the unit's state says of an action that is over.
    private func outcome(of request: ActionRequest, on name: String) -> ActionOutcome {
        guard let unit = self.units[name] else { return ActionOutcome(.failed, detail: "the unit is gone") }
        let isNew = unit.invocationID != request.expectedInvocationID
        if unit.activeState == .active, isNew { return ActionOutcome(.succeeded, detail: "active") }
        return ActionOutcome(.failed, detail: "\(unit.activeState.rawValue) (\(unit.result))")
    }

    func startReconciling(_ request: ActionRequest) {
        self.tell(.reconcileBegun(request))
        let run = self.supervisor.run
        if self.resumeDrill(request, run: run) { return }
        if self.resumeProcedure(request, run: run) { return }
        self.reconcileRestart(request, run: run)
    }

    /// Finds out what became of one job.
    func reconcileRestart(_ request: ActionRequest, run: Int) {
        guard let name = request.unit else {
            self.after(.milliseconds(1)) {
                $0.postOutcome(request.id, ActionOutcome(.interrupted, detail: "nobody can tell"), run: run)
            }
            return
        }
        let deadline = self.now + request.timeout
        func look(_ world: SimulatedWorld) {
            guard world.supervisor.run == run, world.supervisor.engine != nil else { return }
            guard world.manager.isReachable, let unit = world.units[name], unit.job == nil else {
                if world.now < deadline {
                    world.after(.milliseconds(200), look)
                } else {
                    let outcome = ActionOutcome(.interrupted, detail: "what became of it is not known")
                    world.postOutcome(request.id, outcome, run: run)
                }
                return
            }
            let isNew = unit.invocationID != request.expectedInvocationID
            let outcome =
                isNew && unit.activeState == .active
                ? ActionOutcome(.succeeded, detail: "it runs as another invocation")
                : ActionOutcome(.interrupted, detail: "it was not carried out to its end")
            world.postOutcome(request.id, outcome, run: run)
        }
        self.after(self.random.milliseconds(1...20), look)
    }

    func postOutcome(_ id: Int64, _ outcome: ActionOutcome, run: Int) {
        guard self.supervisor.run == run else { return }
        self.post(.actionFinished(id: id, outcome))
    }
}
