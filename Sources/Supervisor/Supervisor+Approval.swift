import Policy
import RecoveryEngine
import ResilienceCore

extension Supervisor {
    public func acknowledge(component: String, by operatorName: String) async throws {
        try await self.ask(.acknowledge(component: component, by: operatorName), about: component)
    }

    public func answerApproval(
        of target: String, approves: Bool, by operatorName: String, reason: String?
    ) async throws -> AnsweredApproval {
        guard (reason?.utf8.count ?? 0) <= 500 else {
            throw ControlError.invalid("a reason has at most 500 bytes")
        }
        let answer: Result<AnsweredApproval, ControlError> = await self.ask { loop, answer in
            guard case .running = loop.phase else {
                return answer(.failure(.invalid("the supervisor is ending")))
            }
            switch loop.pendingApproval(of: target) {
            case .failure(let error): answer(.failure(error))
            case .success(let approval):
                loop.decide(
                    .operatorAsked(
                        approves
                            ? .approve(id: approval.id, by: operatorName, reason: reason)
                            : .deny(id: approval.id, by: operatorName, reason: reason)))
                loop.afterCommit.append { answer(.success(approval)) }
            }
        } orIfEnded: {
            .failure(.invalid("the supervisor has ended"))
        }
        return try answer.get()
    }
}

extension DecisionLoop {
    /// What waits under this number, or for the component of this name.
    fileprivate func pendingApproval(of target: String) -> Result<AnsweredApproval, ControlError> {
        let waiting = self.engine.componentStatuses(at: self.now).compactMap { component in
            component.approval.map {
                AnsweredApproval(id: $0.id, component: component.name, action: $0.action, attempt: $0.attempt)
            }
        }
        let number = Int64(target)
        if let found = waiting.first(where: { number == nil ? $0.component == target : $0.id == number }) {
            return .success(found)
        }
        if number == nil, !self.policy.names.contains(target) { return .failure(self.noSuchComponent(target)) }
        return .failure(
            .noSuchApproval(target, waiting: waiting.map { "\($0.id) (\($0.action) of \($0.component))" }))
    }
}
