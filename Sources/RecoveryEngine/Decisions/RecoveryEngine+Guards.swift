import Policy
import ResilienceCore

// Limits that keep automation from making an outage worse, and how people hear of them.

extension RecoveryEngine {
    /// Above `maxUnhealthy` the checker itself is the suspect ("is it me?"): nothing disruptive is done, at once.
    mutating func reviewFreeze() {
        guard !self.host.isFrozen, self.isTooMany(self.host.unhealthy) else { return }
        self.host.isFrozen = true
        let why = self.freezeText(self.host.unhealthy)
        self.record(nil, .freezeChanged(frozen: true, why: why))
        self.alert(
            nil, .frozen, .critical,
            "Automation is frozen: \(why). So many at once may be a fault of the host, the network or the checks.")
    }

    /// Goes on once it would not be too many even if all were down of which nothing is known; only when everyone
    /// concerned has been looked at, since those that waited for what came back now count by themselves.
    mutating func reviewThaw() {
        var goesOn = self.reviewGroupThaw()
        if self.host.isFrozen, !self.isTooMany(self.host.unhealthy + self.machines.count(where: \.isUndecided)) {
            self.host.isFrozen = false
            self.record(nil, .freezeChanged(frozen: false, why: self.freezeText(self.host.unhealthy)))
            self.beginStorm(.freeze)
            goesOn = true
        }
        if goesOn { self.evaluateWaiting() }
    }

    func isTooMany(_ unhealthy: Int) -> Bool {
        let total = self.machines.count
        return total >= Guards.maxUnhealthyOfAtLeast
            && Double(unhealthy) > self.policy.guards.maxUnhealthy * Double(total)
    }

    private func freezeText(_ unhealthy: Int) -> String {
        "\(unhealthy) of \(self.machines.count) components are down; the limit is \(self.unhealthyLimitText)"
    }

    var unhealthyLimitText: String { "\(Int((self.policy.guards.maxUnhealthy * 100).rounded())) %" }

    /// A recovery failed or did not hold.
    mutating func countFailedRecovery(_ index: Int, why: String) {
        let severity = self.machines[index].culprit?.check.severity ?? self.machines[index].incident?.severity ?? .high
        guard severity >= self.machines[index].component.breaker.minSeverity else { return }
        let before = self.machines[index].breaker.state
        self.machines[index].breaker.recordFailure(at: self.now.monotonic)
        self.recordBreaker(index, from: before, why: why)
        // A trial that fails is no news: people know since it opened.
        if case .open = self.machines[index].breaker.state, before == .closed {
            self.alert(
                index, .tooFrequent, self.machines[index].component.criticality.alertSeverity,
                "\(self.machines[index].component.name) fails too often: repairs are held back for "
                    + "\(self.machines[index].component.breaker.openFor.brief) (\(why)).")
        }
    }

    mutating func recordBreaker(_ index: Int, from before: CircuitBreakerMachine.State, why: String) {
        let after = self.machines[index].breaker.state
        self.touched.insert(index)
        guard before.name != after.name else { return }
        self.record(index, .breakerChanged(from: before.name, to: after.name, why: why))
    }

    /// Something that held others back is over: the most important first.
    mutating func evaluateWaiting() {
        let waiting = self.machines.indices.filter { index in
            if case .stopped = self.machines[index].phase { return self.machines[index].component.desired == .running }
            guard case .failing(let hold) = self.machines[index].phase else { return false }
            switch hold {
            case .unrecorded, .frozen, .storm, .concurrency, .paused, .budget: return true
            case .none, .evidence, .dependencyInDoubt, .networkInDoubt, .serviceManager, .backoff, .cooldown, .breaker,
                .latched, .tooFewHealthy, .approval, .maintenance, .observing, .frost:
                return false
            }
        }
        let ordered = waiting.sorted { left, right in
            let ranks = [left, right].map { self.machines[$0].component.criticality.alertSeverity }
            return ranks[0] == ranks[1] ? left < right : ranks[0] > ranks[1]
        }
        self.waiting = ordered.reversed()
    }

    /// People who were told that a component needs them are told when it no longer does, however that came.
    mutating func tellOfWithdrawal(_ machine: ComponentMachine, why: String) {
        guard let incident = machine.incident, incident.alerted else { return }
        let component = machine.component
        self.effects.append(
            .alert(
                AlertMessage(
                    event: .resolved, component: component.name, incident: incident.id,
                    severity: component.criticality.alertSeverity, channels: [],
                    text: incident.drillPrefix + "\(component.name) needs nobody any more: \(why).", at: self.now.wall))
        )
    }

    mutating func alert(
        _ index: Int?, _ event: AlertEvent, _ severity: Severity, _ text: String, channels: [String] = []
    ) {
        if let index, event != .opened { self.machines[index].incident?.alerted = true }
        let incident = index.flatMap { self.machines[$0].incident }
        self.effects.append(
            .alert(
                AlertMessage(
                    event: event, component: index.map { self.machines[$0].component.name },
                    incident: incident?.id, severity: severity, channels: channels,
                    text: (incident?.drillPrefix ?? "") + text, at: self.now.wall)))
    }
}
