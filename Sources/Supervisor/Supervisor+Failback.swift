import RecoveryEngine
import ResilienceCore

extension Supervisor {
    public func failBack(component: String, by operatorName: String) async throws {
        let answer: Result<Void, ControlError> = await self.ask { loop, answer in
            guard loop.policy.names.contains(component) else {
                return answer(.failure(loop.noSuchComponent(component)))
            }
            guard case .running = loop.phase else {
                return answer(.failure(.invalid("the supervisor is ending")))
            }
            if let obstacle = loop.engine.obstacleToFailback(of: component, at: loop.now) {
                return answer(.failure(.refused(what: "\(component) does not go back to its own unit.", why: obstacle)))
            }
            loop.decide(.operatorAsked(.failBack(component: component, by: operatorName)))
            loop.afterCommit.append { answer(.success(())) }
        } orIfEnded: {
            .failure(.invalid("the supervisor has ended"))
        }
        try answer.get()
    }
}
