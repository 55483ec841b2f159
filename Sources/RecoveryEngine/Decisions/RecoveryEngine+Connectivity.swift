import Policy
import ResilienceCore

// The gate: checks that say whether this machine reaches anything at all. While it does not, whoever does not answer
// is not to blame.

extension RecoveryEngine {
    /// A check by its place.
    struct GateCheck: Hashable, Sendable {
        var component: Int
        var check: Int
    }

    /// Finds the checks that the policy names; one that is not there, or disabled, says nothing. Its places are those of
    /// the machines as they are now: nothing may go by the gate between a change of those and this.
    mutating func findGate() {
        self.gate = self.policy.guards.connectivity.compactMap { reference in
            guard let component = self.indexByName[reference.component],
                let check = self.machines[component].trackers.firstIndex(where: { $0.check.name == reference.check }),
                self.machines[component].trackers[check].check.enabled
            else { return nil }
            return GateCheck(component: component, check: check)
        }
    }

    /// One of the component's checks says whether the network is there.
    func isPartOfGate(_ index: Int) -> Bool { self.gate.contains { $0.component == index } }

    /// What this check says depends on the network, and it is none of those that tell about that.
    func isGated(_ index: Int, _ check: Int) -> Bool {
        !self.gate.isEmpty && self.machines[index].trackers[check].check.kind.asksOthers
            && !self.gate.contains(GateCheck(component: index, check: check))
    }

    /// It cannot be known how the component is.
    func isBlinded(_ index: Int) -> Bool {
        self.host.isDisconnected
            && self.machines[index].trackers.indices.contains {
                self.machines[index].trackers[$0].check.enabled && self.isGated(index, $0)
            }
    }

    /// One of the gate's checks may have changed its mind. It is lost when all of them fail, and regained when one does
    /// not.
    mutating func reviewGate() {
        let verdicts = self.gateVerdicts
        if self.host.isDisconnected {
            if verdicts.isEmpty || self.gatePasses { self.regainNetwork() }
        } else if !verdicts.isEmpty, verdicts.allSatisfy({ $0 == .down }) {
            self.loseNetwork()
        }
    }

    private var gateVerdicts: [Verdict] { self.gate.map { self.machines[$0.component].trackers[$0.check].verdict } }

    /// One of its checks says that the network is there.
    var gatePasses: Bool { self.gateVerdicts.contains { $0 == .up || $0 == .degraded } }

    private mutating func loseNetwork() {
        self.host.isDisconnected = true
        let why = "every check of the connectivity gate fails (\(self.gateNames))"
        self.record(nil, .note("\(why): what checks over the network say counts as unknown"))
        self.alert(
            nil, .frozen, .high, "Nothing is repaired for not answering over the network any more: \(why).")
        for check in self.gate { self.evaluateLater(check.component) }
        for index in self.machines.indices where self.isBlinded(index) {
            for check in self.machines[index].trackers.indices where self.isGated(index, check) {
                self.machines[index].trackers[check].forget()
            }
            self.evaluateLater(index)
        }
    }

    private mutating func regainNetwork() {
        self.host.isDisconnected = false
        self.record(nil, .note("the connectivity gate passes again"))
        // Those that were blinded; the gate itself may be another now.
        for index in self.machines.indices
        where self.machines[index].component.checks.contains(where: { $0.enabled && $0.kind.asksOthers }) {
            for check in self.machines[index].trackers.indices {
                self.machines[index].hurry(check, to: self.now.monotonic)
            }
            self.armHurried(index)
            if case .verifying(var verification) = self.machines[index].phase, let deadline = verification.deadline {
                // A proof that nobody could see begins anew.
                verification.deadline = max(deadline, self.now.monotonic + (deadline - verification.since))
                self.enter(index, .verifying(verification))
            }
            self.evaluateLater(index)
        }
    }

    private var gateNames: String {
        self.gate.map {
            "\(self.machines[$0.component].component.name)/\(self.machines[$0.component].trackers[$0.check].check.name)"
        }.joined(separator: ", ")
    }

    // MARK: - Doubt

    /// Whether a failure is the network's is asked before anything is done about it: one check of the gate has to have
    /// passed all the while, last since the failure began, or all have to have had the time to fail.
    mutating func networkDoubt(of index: Int) -> Hold? {
        guard !self.gate.isEmpty, !self.host.isDisconnected,
            let position = self.machines[index].roots.first(where: { self.isGated(index, $0) })
        else { return nil }
        let culprit = self.machines[index].trackers[position]
        let trackers = self.gate.map { self.machines[$0.component].trackers[$0.check] }
        let since = culprit.failingSince ?? self.now.wall
        let isVouchedFor = trackers.contains { tracker in
            guard tracker.verdict == .up || tracker.verdict == .degraded, let lastPass = tracker.lastAt,
                let firstPass = tracker.passingSince, let lastFailure = culprit.lastAt
            else { return false }
            return firstPass <= lastFailure && lastPass >= since
        }
        guard !isVouchedFor else { return nil }
        let patience = trackers.map { ($0.check.fastInterval + $0.check.timeout) * ($0.check.fall + 1) }.max() ?? .zero
        let until = self.machines[index].networkDoubtUntil ?? self.now.monotonic + min(patience, .seconds(120))
        self.machines[index].networkDoubtUntil = until
        return self.now.monotonic < until ? .networkInDoubt(until: until) : nil
    }

    /// A check over the network has failed: the gate is looked at, too.
    mutating func askGate(_ index: Int, _ check: Int) {
        guard self.isGated(index, check) else { return }
        for place in self.gate { self.askSoon(place.component, place.check) }
    }

    /// A check of the gate has answered: those that waited for it go on.
    mutating func takeGateResult(_ index: Int, _ check: Int) {
        guard self.gate.contains(GateCheck(component: index, check: check)) else { return }
        self.reviewGate()
        for other in self.machines.indices {
            if case .failing(.networkInDoubt) = self.machines[other].phase { self.evaluateLater(other) }
        }
    }
}

extension CheckResult {
    /// The same run, from which nothing follows.
    var withheld: CheckResult {
        var result = self
        result.verdict = .unknown
        return result
    }
}
