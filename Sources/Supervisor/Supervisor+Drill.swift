import RecoveryEngine
import ResilienceCore

extension Supervisor {
    public func drill(
        component: String, fault: DrillFault, by operatorName: String, reason: String?, isDryRun: Bool
    ) async throws -> DrillAnswer {
        let answer: Result<DrillAnswer, ControlError> = await self.ask { loop, answer in
            guard let verdict = loop.engine.drillVerdict(on: component, fault, at: loop.now) else {
                return answer(.failure(loop.noSuchComponent(component)))
            }
            guard case .running = loop.phase else {
                return answer(.failure(.invalid("the supervisor is ending")))
            }
            let plan = DrillPlan(verdict)
            guard !isDryRun else { return answer(.success(DrillAnswer(plan: plan, drill: nil))) }
            guard verdict.isSafe else { return answer(.failure(.drillRefused(plan))) }
            loop.decide(.operatorAsked(.drill(component: component, fault, by: operatorName, reason: reason)))
            loop.afterCommit.append { answer(.success(DrillAnswer(plan: plan, drill: loop.drillStatus()))) }
        } orIfEnded: {
            .failure(.invalid("the supervisor has ended"))
        }
        return try answer.get()
    }
}

extension DecisionLoop {
    func drillStatus() -> DrillStatus? {
        self.engine.drill.map { drill in
            DrillStatus(drill, sentAt: self.drillRepair.flatMap { $0.drill == drill.id ? $0.sentAt : nil })
        }
    }

    /// Of the first repair in a drill it is told when it went out. Only then is the clock read once more.
    func noteSending(_ request: ActionRequest) {
        guard let drill = self.engine.drill, drill.isUnderWay, drill.repairs == 1, drill.action == request.id else {
            return
        }
        self.drillRepair = (drill.id, self.ports.clock.now().wall)
    }
}
