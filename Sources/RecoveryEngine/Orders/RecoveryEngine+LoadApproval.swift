import Policy
import ResilienceCore

// `scale.on` under `mode: approve`: an operator is asked before the load changes a component's scale. The question lasts
// as long as the load, and no longer than any other; what is approved is done by a new measure, never by an old one.

extension Approval {
    /// It is about the component's scale, and no step of an incident.
    var isForLoad: Bool { self.incident == 0 }
}

extension RecoveryEngine {
    /// What an operator has to say to a change of scale.
    enum LoadPermission {
        /// By whose leave, and under which number, where somebody was asked.
        case given(by: String?, id: Int64?)
        case awaited
    }

    mutating func permissionToScale(
        _ index: Int, _ direction: ScaleStrategy.Direction, _ order: ActionOrder, why: String
    ) -> LoadPermission {
        let machine = self.machines[index]
        guard machine.component.mode == .approve else { return .given(by: nil, id: nil) }
        let strategy = Strategy.scale(ScaleStrategy(direction))
        if let approval = machine.approval, approval.isForLoad {
            guard approval.strategy == strategy, approval.order == order else {
                self.withdrawApproval(index, why: "something else would be done now")
                return .awaited
            }
            if self.expireLoadApproval(index) { return .awaited }
            guard let name = approval.approvedBy else { return .awaited }
            self.machines[index].approval = nil
            return .given(by: name, id: approval.id)
        }
        if machine.facts.saved.refusedScaling != strategy.action { self.askToScale(index, strategy, order, why: why) }
        return .awaited
    }

    private mutating func askToScale(_ index: Int, _ strategy: Strategy, _ order: ActionOrder, why: String) {
        let machine = self.machines[index]
        // A load that comes and goes does not ask each time.
        if let until = machine.facts.noScalingAskedBefore, until > self.now.monotonic { return }
        let cooldown = machine.component.facts.scale?.cooldown ?? .zero
        self.machines[index].facts.noScalingAskedBefore = self.now.monotonic + cooldown
        let approval = Approval(
            id: self.host.nextAction, incident: 0, step: machine.ladder.step, attempt: 1, strategy: strategy,
            order: order, until: self.now.monotonic + machine.component.approvalExpires, approvedBy: nil)
        self.host.nextAction += 1
        self.machines[index].approval = approval
        self.touched.insert(index)
        self.record(
            index,
            .approvalAsked(
                id: approval.id, action: strategy.action, attempt: 1, step: approval.step,
                until: self.now.wall(at: approval.until), why: why))
        self.alert(
            index, .approvalNeeded, .medium,
            "\(strategy.action) of \(machine.component.name) waits for approval: `healctl approve \(approval.id)` or "
                + "`healctl deny \(approval.id)` within \(machine.component.approvalExpires.brief). \(why)")
        self.reviewLoadApproval(index)
    }

    /// An operator has answered the question of the component's scale.
    mutating func answerLoadApproval(_ index: Int, approves: Bool, by name: String, reason: String?) {
        guard let approval = self.machines[index].approval else { return }
        guard approves else { return self.refuseLoad(index, .denied, by: name, why: reason) }
        guard approval.approvedBy == nil else { return }
        self.machines[index].approval?.approvedBy = name
        self.record(index, .approvalDecided(id: approval.id, .approved, by: name, why: reason))
        self.touched.insert(index)
        // The load is measured once more, at once; what it is then decides.
        let check = self.machines[index].component.facts.scale?.on?.check
        for position in self.machines[index].trackers.indices
        where self.machines[index].trackers[position].check.name == check {
            self.machines[index].hurry(position, to: self.now.monotonic)
        }
        self.armHurried(index)
    }

    /// It is not asked about again as long as the load stays where it is.
    private mutating func refuseLoad(_ index: Int, _ decision: ApprovalDecision, by name: String?, why: String?) {
        guard let approval = self.machines[index].approval else { return }
        self.recordWithoutIncident(index, .approvalDecided(id: approval.id, decision, by: name, why: why))
        self.machines[index].approval = nil
        self.machines[index].facts.saved.refusedScaling = approval.strategy.action
        self.touched.insert(index)
    }

    /// - Returns: whether its time is over.
    private mutating func expireLoadApproval(_ index: Int) -> Bool {
        let machine = self.machines[index]
        guard let approval = machine.approval, approval.until <= self.now.monotonic else { return false }
        let why =
            approval.approvedBy.map { "approved by \($0), but it could not begin in time" }
            ?? "nobody approved it within \(machine.component.approvalExpires.brief)"
        self.refuseLoad(index, .expired, by: nil, why: why)
        return true
    }

    /// The load is not what led to the question, or to a refusal, any more.
    mutating func noteLoad(_ index: Int, _ load: FactsState.LoadState) {
        let asked = Set(
            [load.highSince.map { _ in "SCALE_UP" }, load.lowSince.map { _ in "SCALE_DOWN" }].compactMap(\.self))
        if let refused = self.machines[index].facts.saved.refusedScaling, !asked.contains(refused) {
            self.machines[index].facts.saved.refusedScaling = nil
            self.touched.insert(index)
        }
        if let approval = self.machines[index].approval, approval.isForLoad, !asked.contains(approval.strategy.action) {
            self.withdrawApproval(index, why: "the load is gone")
        }
    }

    /// The question outlives neither the policy that asks, nor the time in which nothing else is wrong.
    mutating func reviewLoadApproval(_ index: Int) {
        let machine = self.machines[index]
        guard let approval = machine.approval, approval.isForLoad else { return }
        if machine.incident != nil { return self.withdrawApproval(index, why: "it fails, and its ladder has its turn") }
        if machine.phase == .stopped { return self.withdrawApproval(index, why: "it is stopped") }
        if machine.component.facts.scale?.on == nil {
            return self.withdrawApproval(index, why: "the policy does not scale it by its load any more")
        }
        if machine.component.mode != .approve {
            return self.withdrawApproval(index, why: "its mode is \(machine.component.mode.rawValue) now")
        }
        if self.expireLoadApproval(index) { return }
        if machine.deadline.map({ approval.until < $0 }) ?? true { self.setDeadline(index, approval.until) }
    }

    /// What concerns the component and none of its incidents.
    mutating func recordWithoutIncident(_ index: Int, _ body: AuditRecord.Body) {
        let name = self.machines[index].component.name
        self.effects.append(.record(AuditRecord(at: self.now.wall, component: name, incident: nil, body)))
    }
}
