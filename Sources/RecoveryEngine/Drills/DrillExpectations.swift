import Policy
import ResilienceCore

// What a component's policy leads to expect of a drill: who notices, how soon, and how long the repair may take.

extension DrillFault {
    /// Whether a check of this kind, of this process, would fail.
    ///
    /// A process that is stopped still counts as running for systemd, and the kernel goes on to take connections for it;
    /// only who waits for an answer of its own notices.
    fileprivate func isNoticed(by kind: CheckKind) -> Bool {
        switch (self, kind) {
        case (.kill, .unit), (_, .http), (_, .exec), (_, .heartbeat), (.kill, .tcp), (.kill, .unix): true
        case (.hang, .tcp(let check)): check.expect != nil
        case (_, .certificate(let check)): if case .server = check.source { true } else { false }
        case (.hang, .unit), (.hang, .unix), (_, .file), (_, .disk), (_, .resources), (_, .journal), (_, .composite):
            false
        }
    }
}

extension Strategy {
    /// It brings back a process that is gone, or hangs.
    func mends(_ component: Component) -> Bool {
        switch self {
        case .restart, .exec, .rollback, .failover, .switchEndpoint: true
        case .clearCache: component.facts.cache?.needsStop == true
        case .resetConnection, .scale, .circuitBreak, .reduceLoad, .degrade, .healthCheck, .alert: false
        }
    }
}

extension ComponentMachine {
    /// The checks that count by themselves and would notice.
    func noticing(_ fault: DrillFault) -> [Check] {
        self.trackers.filter(\.counts).map(\.check).filter { self.isNoticed(fault, by: $0, depth: 0) }
    }

    private func isNoticed(_ fault: DrillFault, by check: Check, depth: Int) -> Bool {
        guard check.enabled else { return false }
        guard case .composite(let composite) = check.kind else { return fault.isNoticed(by: check.kind) }
        // Composites of composites end; the limit is for our own mistakes.
        guard depth < 8 else { return false }
        let members = self.component.checks.filter { composite.members.contains($0.name) && $0.enabled }
        let unaware = members.count { !self.isNoticed(fault, by: $0, depth: depth + 1) }
        return unaware < composite.needed(of: members.count)
    }

    /// How the fault would look to the ladder.
    func symptom(of fault: DrillFault) -> Symptom? {
        let names = Set(self.noticing(fault).map(\.name))
        guard let check = self.trackers.filter({ names.contains($0.check.name) }).max(by: Self.isLessTelling)?.check
        else { return nil }
        return Symptom(check: check, reason: fault == .kill ? .crashed : .timeout, verdict: .down)
    }

    /// The slowest of the checks concerned may take so long, and a little more.
    func timeToNotice(_ checks: [Check]) -> Duration {
        let paced = checks.flatMap { $0.members.isEmpty ? [$0] : self.component.checks }.filter(\.kind.hasPace)
        let slowest =
            paced.map { check -> Duration in
                guard case .heartbeat(let heartbeat) = check.kind else {
                    return (check.interval + check.timeout) * (check.fall + 1)
                }
                let silence = heartbeat.every * (heartbeat.phi == nil ? 1 : HeartbeatCheck.patienceMost)
                return silence + check.interval * (check.fall + 1)
            }.max() ?? .zero
        return min(.seconds(900), slowest + .seconds(10))
    }

    /// Two attempts of the step, each proven, and what may have to be waited out before.
    func timeToHeal(by step: Step?) -> Duration {
        guard let step else { return .seconds(60) }
        let proof = max(step.verify, self.component.startupGrace + self.heartbeatPatience)
        let attempt = step.timeout + proof + step.backoff.initial
        return min(.seconds(1_800), attempt * 2 + self.component.stable + .seconds(20))
    }
}
