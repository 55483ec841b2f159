import RecoveryEngine
import ResilienceCore

// What the runner does for a drill: a signal to the main process, or its undoing.
extension SimulatedWorld {
    /// - Returns: whether the request is one of a drill; then it is under way.
    func startDrill(_ request: ActionRequest, run: Int) -> Bool {
        guard let drill = request.drill, let unit = request.unit else { return false }
        self.after(self.random.milliseconds(1...6)) { world in
            guard world.supervisor.run == run, world.supervisor.engine != nil else { return }
            world.carryOut(drill, request, on: unit, run: run)
        }
        return true
    }

    /// A fault is never put in again; taking it back twice does no harm.
    func resumeDrill(_ request: ActionRequest, run: Int) -> Bool {
        guard let drill = request.drill else { return false }
        if case .takeBack = drill { return self.startDrill(request, run: run) }
        self.after(self.random.milliseconds(1...20)) {
            $0.postOutcome(request.id, ActionOutcome(.interrupted, detail: "nobody can tell"), run: run)
        }
        return true
    }

    private func carryOut(_ drill: DrillOrder, _ request: ActionRequest, on name: String, run: Int) {
        func end(_ result: ActionResult, _ why: String) {
            self.postOutcome(request.id, ActionOutcome(result, detail: why), run: run)
        }
        guard let unit = self.units[name] else { return end(.refused, "systemd knows no such unit") }
        guard self.manager.isReachable else { return end(.failed, "no bus") }
        guard unit.invocationID == request.expectedInvocationID else { return end(.refused, "another invocation runs") }
        if let job = unit.job, !job.isOurs { return end(.refused, "somebody else's job \(job.id) is in flight") }
        if case .takeBack(.kill) = drill {
            guard !unit.isRunning else { return end(.succeeded, "it runs") }
            self.queueJob(name, "start", isOurs: true)
        } else {
            guard unit.activeState == .active, unit.isRunning else { return end(.refused, "it does not run") }
            self.note("drill     \(request.id) \(drill) \(name)")
            if case .inject = drill { self.tell(.actionPerformed(request)) }
            self.signal(drill, name)
        }
        if self.crashes(at: .amidAction) { return }
        self.after(self.random.milliseconds(1...10)) { world in
            if world.supervisor.run == run, world.crashes(at: .beforeOutcomeIsHeard) { return }
            world.postOutcome(request.id, ActionOutcome(.succeeded, detail: "sent"), run: run)
        }
    }

    private func signal(_ drill: DrillOrder, _ name: String) {
        switch drill {
        case .inject(.kill): self.die(name, .killed(signal: 9))
        case .inject(.hang):
            self.units[name]?.hasWorkers = self.random.chance(0.4)
            self.units[name]?.isStopped = true
        case .takeBack(.hang): self.units[name]?.isStopped = false
        case .takeBack(.kill): break
        }
        self.reviewTruth()
    }
}
