import RecoveryEngine
import ResilienceCore

extension Supervisor {
    public func figures() async -> SupervisorFigures {
        let options = self.options
        return await self.ask { loop, answer in
            answer(loop.figures())
        } orIfEnded: {
            SupervisorFigures(version: options.version, startedAt: options.startedAt, state: "ended")
        }
    }
}

extension DecisionLoop {
    func figures() -> SupervisorFigures {
        var figures = SupervisorFigures(
            version: self.options.version, startedAt: self.options.startedAt, state: self.engine.hostState.state)
        figures.policyGeneration = self.policy.generation
        figures.policyLoadedAt = self.policy.loadedAt
        figures.isPolicyRefused = self.policy.error != nil
        figures.components = self.engine.componentStatuses(at: self.now)
        figures.degradation = self.engine.degradation
        figures.engine = self.engine.figures(at: self.now)
        figures.tally = self.tally
        figures.isRecording = self.recorder.failure == nil
        figures.recordsWaiting = self.recorder.waitingCount
        figures.actionsInFlight = self.inFlight.count
        figures.checksInFlight = self.probesInFlight.count
        figures.alerts = self.ports.alerts.figures
        return figures
    }
}
