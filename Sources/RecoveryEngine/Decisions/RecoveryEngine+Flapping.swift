import Policy
import ResilienceCore

// A component that fails again and again however often it is repaired: repairs are part of what disturbs it.

extension RecoveryEngine {
    private func flapRule(_ index: Int) -> FlapRule {
        let flap = self.policy.guards.flap
        let intervals = self.machines[index].component.checks.filter(\.enabled).map(\.interval)
        return FlapRule(
            high: flap.high, low: flap.low, results: flap.results, interval: intervals.min() ?? .seconds(10))
    }

    /// It failed by itself, or is well again.
    mutating func noteFlap(_ index: Int) {
        guard self.machines[index].component.mode != .observe else { return }
        let rule = self.flapRule(index)
        self.machines[index].flap.change(at: self.now.monotonic, rule)
        self.touched.insert(index)
        guard self.machines[index].incident != nil, !self.machines[index].flap.isFlapping else { return }
        self.machines[index].flap.review(at: self.now.monotonic, rule)
        guard self.machines[index].flap.isFlapping else { return }
        let share = Int((self.machines[index].flap.share(at: self.now.monotonic, rule) * 100).rounded())
        let why = "it comes and goes: \(share) % of its last \(rule.results) results were changes"
        self.record(index, .latchChanged(latched: true, why: why))
        let name = self.machines[index].component.name
        self.alert(
            index, .latched, self.machines[index].component.criticality.alertSeverity,
            "\(name) is latched: \(why). Repairs are held back until it is quiet, or until `healctl ack \(name)`.")
    }

    /// Whether repairs would be held back from its next failure on.
    func wouldLatch(_ index: Int) -> Bool {
        let rule = self.flapRule(index)
        var flap = self.machines[index].flap
        flap.change(at: self.now.monotonic, rule)
        flap.review(at: self.now.monotonic, rule)
        return flap.isFlapping
    }

    /// Held back until it has been quiet for long enough, up or down.
    func latchReasonToHold(_ index: Int) -> Hold? {
        guard self.machines[index].flap.isFlapping else { return nil }
        return .latched(until: self.machines[index].flap.quietAt(self.now.monotonic, self.flapRule(index)))
    }

    mutating func endLatchIfQuiet(_ index: Int) {
        guard self.machines[index].flap.isFlapping else { return }
        self.machines[index].flap.review(at: self.now.monotonic, self.flapRule(index))
        guard !self.machines[index].flap.isFlapping else { return }
        self.record(index, .latchChanged(latched: false, why: "it has been quiet"))
        self.touched.insert(index)
    }

    mutating func armLatchTimer(_ index: Int) {
        guard self.machines[index].deadline == nil, self.machines[index].flap.isFlapping else { return }
        self.setDeadline(index, self.machines[index].flap.quietAt(self.now.monotonic, self.flapRule(index)))
    }

    /// An operator has seen it: what it did until now counts no more.
    mutating func acknowledge(_ index: Int, by name: String) {
        let wasLatched = self.machines[index].flap.isFlapping
        self.machines[index].flap.forget()
        self.touched.insert(index)
        if wasLatched { self.record(index, .latchChanged(latched: false, why: "acknowledged by \(name)")) }
        self.evaluateLater(index)
    }
}
