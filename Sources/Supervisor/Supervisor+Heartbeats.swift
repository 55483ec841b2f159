import RecoveryEngine

extension Supervisor {
    public func mainProcess(of component: String) async throws -> Int32? {
        let answer: Result<Int32?, ControlError> = await self.ask { loop, answer in
            answer(loop.heartbeatTarget(component).map(\.mainPID))
        } orIfEnded: {
            .failure(.invalid("the supervisor has ended"))
        }
        return try answer.get()
    }

    public func beat(component: String, check: String?) async throws {
        let answer: Result<Void, ControlError> = await self.ask { loop, answer in
            answer(loop.takeBeat(component: component, check: check))
        } orIfEnded: {
            .failure(.invalid("the supervisor has ended"))
        }
        try answer.get()
    }
}

extension DecisionLoop {
    func heartbeatTarget(_ component: String) -> Result<HeartbeatTarget, ControlError> {
        self.engine.heartbeatTarget(component).map { .success($0) } ?? .failure(self.noSuchComponent(component))
    }

    /// Nothing waits for the commit of what a heartbeat may have decided: the program has done its part.
    func takeBeat(component: String, check: String?) -> Result<Void, ControlError> {
        self.heartbeatTarget(component).flatMap { target in
            guard !target.checks.isEmpty else {
                return .failure(.invalid("\(component) has no check of type heartbeat"))
            }
            if let check, !target.checks.contains(check) {
                let known = target.checks.joined(separator: ", ")
                return .failure(.invalid("\(component) has no heartbeat check \"\(check)\"; it has \(known)"))
            }
            guard case .running = self.phase else { return .failure(.invalid("the supervisor is ending")) }
            self.decide(.beat(component: component, check: check))
            return .success(())
        }
    }
}
