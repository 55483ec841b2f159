import Policy
import RecoveryEngine
import ResilienceCore

/// Somebody who waits for the fresh results of a component's checks.
struct CheckWaiter {
    var component: String
    /// Probes that have not answered yet.
    var probes: Set<UInt64>
    var deadline: MonotonicInstant
    var answer: ([CheckStatus]) -> Void
}

/// What the loop tells of itself.
extension DecisionLoop {
    func status() -> SupervisorStatus {
        let host = self.engine.hostState
        return SupervisorStatus(
            state: host.state, reason: host.reason, version: self.options.version,
            startedAt: self.options.startedAt.rfc3339,
            policy: SupervisorStatus.PolicyStatus(
                generation: self.policy.generation, loadedAt: self.policy.loadedAt.rfc3339, error: self.policy.error,
                overrides: self.options.overrides.isEmpty ? nil : self.options.overrides),
            components: self.engine.componentStatuses(at: self.now).map(ComponentStatus.init),
            degradation: self.degradationStatus(), drill: self.drillStatus())
    }

    /// One line for `systemctl status`.
    func statusLine() -> String {
        let components = self.engine.componentStatuses(at: self.now)
        let host = self.engine.hostState
        var parts: [String] = []
        if host.state != "running" { parts.append(host.reason.map { "\(host.state): \($0)" } ?? host.state) }
        if let degradation = self.engine.degradation, degradation.level > .normal {
            parts.append("\(degradation.level.rawValue): \(degradation.why ?? "")")
        }
        parts.append(components.count == 1 ? "1 component" : "\(components.count) components")
        for verdict in [Verdict.down, .degraded, .unknown] {
            let names = components.filter { $0.verdict == verdict }.map(\.name)
            guard !names.isEmpty else { continue }
            let shown = names.prefix(3).joined(separator: ", ") + (names.count > 3 ? ", …" : "")
            parts.append("\(names.count) \(verdict.rawValue) (\(shown))")
        }
        if components.allSatisfy({ $0.verdict == .up }), !components.isEmpty { parts.append("all up") }
        if let error = self.policy.error { parts.append("policy on disk refused: \(error)") }
        // A line break would end the assignment, sd_notify(3).
        return String(parts.joined(separator: "; ").map { $0.isNewline ? " " : $0 }.prefix(500))
    }

    func checkNow(component: String, answer: @escaping ([CheckStatus]) -> Void) {
        self.decide(.operatorAsked(.checkNow(component: component)))
        var probes = Set(self.probesInFlight.filter { $0.value == component }.keys)
        var longest = Duration.zero
        // Those of this turn have not been started yet, whoever asked for them.
        for case .probe(let request) in self.effects where request.component == component {
            probes.insert(request.id)
            longest = max(longest, request.check.timeout)
        }
        let patience = min(.seconds(120), max(longest, .seconds(1)) + .seconds(2))
        self.waiters.append(
            CheckWaiter(
                component: component, probes: probes, deadline: self.now.monotonic + patience, answer: answer))
    }

    /// Answers those whose results are all there, or whose time is up, after the results were taken in.
    func answerWaiters() {
        let ready = self.waiters.filter { $0.probes.isEmpty || $0.deadline <= self.now.monotonic || self.hasEnded }
        guard !ready.isEmpty else { return }
        self.waiters.removeAll { $0.probes.isEmpty || $0.deadline <= self.now.monotonic || self.hasEnded }
        let components = self.engine.componentStatuses(at: self.now)
        for waiter in ready {
            let snapshot = components.first { $0.name == waiter.component }
            waiter.answer(snapshot?.checks.map(CheckStatus.init) ?? [])
        }
    }
}
