import Policy
import RecoveryEngine
import ResilienceCore

// Checks, as the fake services answer them.
extension SimulatedWorld {
    func startProbe(_ request: ProbeRequest) {
        let run = self.supervisor.run
        let began = self.clock.moment.monotonic
        let beganAt = self.now
        guard let component = self.currentPolicy.components.first(where: { $0.name == request.component }) else {
            return
        }
        var delay = self.random.milliseconds(1...25)
        let state = self.isCutOff(request.check) ? .refused : self.endpoint(of: component)
        switch state {
        case .hangs where !Self.isAcceptedAnyway(request.check): delay = request.check.timeout
        case .slow(let time): delay = min(time, request.check.timeout)
        case .well, .silent, .refused, .status, .nonsense, .hangs: break
        }
        self.after(delay) { world in
            guard world.supervisor.run == run else { return }
            var result = world.answer(to: request.check, state, took: delay, began: began)
            // A starved supervisor sees time-outs that are its own.
            if let woke = world.supervisor.wokeAt, beganAt < woke, world.random.chance(0.5) {
                result = Self.failed(.timeout, "no answer within \(seconds(request.check.timeout))", began, world.clock)
            }
            world.post(
                .probeFinished(id: request.id, component: request.component, check: request.check.name, result))
        }
    }

    /// A loss of the network that no gate can see is a failure like any other, and not meant here.
    private func isCutOff(_ check: Check) -> Bool {
        let gate = self.currentPolicy.guards.connectivity
        let isThere = gate.contains { place in self.currentPolicy.components.contains { $0.name == place.component } }
        return isThere && check.kind.asksOthers && self.networkLostUntil > self.now
    }

    /// The kernel accepts connections for a process that hangs.
    private static func isAcceptedAnyway(_ check: Check) -> Bool {
        if case .tcp = check.kind { true } else { false }
    }

    private static func failed(
        _ reason: FailureReason, _ message: String, _ began: MonotonicInstant, _ clock: VirtualClock
    ) -> CheckResult {
        CheckResult(
            verdict: .down, failure: Failure(reason: reason, message: message), startedAt: began,
            finishedAt: clock.moment.monotonic)
    }

    private func answer(
        to check: Check, _ state: EndpointState, took: Duration, began: MonotonicInstant
    ) -> CheckResult {
        let passed = CheckResult(verdict: .up, startedAt: began, finishedAt: self.clock.moment.monotonic)
        switch check.kind {
        case .tcp:
            guard state == .refused else { return passed }
            return Self.failed(.connection, "connection refused", began, self.clock)
        case .exec, .unix, .file, .disk, .resources, .certificate, .journal:
            switch state {
            case .well, .silent: return passed
            case .slow where took < check.timeout: return passed
            case .hangs, .slow: return Self.failed(.timeout, "killed after its time", began, self.clock)
            case .refused, .status, .nonsense: return Self.failed(.other, "exit status 2", began, self.clock)
            }
        case .unit, .heartbeat, .composite, .http:
            switch state {
            case .well, .silent: return passed
            case .slow where took < check.timeout: return passed
            case .hangs, .slow: return Self.failed(.timeout, "no answer in time", began, self.clock)
            case .refused: return Self.failed(.connection, "connection refused", began, self.clock)
            case .nonsense: return Self.failed(.unexpectedBody, "the body lacks \"ok\"", began, self.clock)
            case .status(let status): return Self.failed(Self.reason(of: status), "status \(status)", began, self.clock)
            }
        }
    }

    private static func reason(of status: Int) -> FailureReason {
        switch status {
        case 401, 403: .authError
        case 404: .notFound
        case 429: .rateLimit
        case 400...499: .invalidRequest
        default: .serverError
        }
    }
}
