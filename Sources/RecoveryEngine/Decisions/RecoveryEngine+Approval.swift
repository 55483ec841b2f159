import Policy
import ResilienceCore

// `mode: approve`: an operator says yes to each action before it is done. One yes is for one action, and not for ever.

/// A step that an operator was asked about.
struct Approval: Hashable, Sendable {
    var id: Int64
    var incident: Int64
    var step: Int
    var attempt: Int
    var strategy: Strategy
    /// What exactly would be done.
    var order: ActionOrder?
    var until: MonotonicInstant
    var approvedBy: String?

    func saved(at now: Moment) -> SavedApproval {
        SavedApproval(
            id: self.id, incident: self.incident, step: self.step, attempt: self.attempt, strategy: self.strategy,
            order: self.order, until: now.wall(at: self.until), approvedBy: self.approvedBy)
    }
}

extension Approval {
    /// - Parameter longest: a wall clock that was set back must not make it last longer.
    init(_ saved: SavedApproval, at now: Moment, longest: Duration) {
        self.init(
            id: saved.id, incident: saved.incident, step: saved.step, attempt: saved.attempt, strategy: saved.strategy,
            order: saved.order, until: now.monotonic + min(longest, saved.until - now.wall),
            approvedBy: saved.approvedBy)
    }

    /// It is about what would be done next.
    func concerns(_ machine: ComponentMachine) -> Bool {
        machine.incident?.id == self.incident && machine.ladder.step == self.step
            && machine.ladder.attempts + 1 == self.attempt && self.step < machine.component.recovery.count
            && machine.component.recovery[self.step].strategy == self.strategy
    }
}

extension RecoveryEngine {
    /// What an operator has to say to the next step.
    enum Permission {
        case given
        case awaited(Hold)
        /// The step is skipped; the next one may have its turn.
        case refused
    }

    mutating func permission(for step: Step, _ order: ActionOrder?, _ index: Int) -> Permission {
        let machine = self.machines[index]
        guard machine.component.mode == .approve, step.strategy.traits.needsApproval,
            let incident = machine.incident
        else { return .given }
        self.reviewLoadApproval(index)
        guard let approval = machine.approval, approval.concerns(machine), approval.order == order else {
            self.withdrawApproval(index, why: "something else would be done now")
            return .awaited(self.askForApproval(of: step, order, incident.id, index))
        }
        guard approval.until > self.now.monotonic else {
            let why =
                approval.approvedBy.map { "approved by \($0), but it could not begin in time" }
                ?? "nobody approved it within \(machine.component.approvalExpires.brief)"
            self.refuse(index, .expired, by: nil, why: why)
            return .refused
        }
        return approval.approvedBy == nil ? .awaited(approval.hold) : .given
    }

    private mutating func askForApproval(
        of step: Step, _ order: ActionOrder?, _ incident: Int64, _ index: Int
    ) -> Hold {
        let machine = self.machines[index]
        let approval = Approval(
            id: self.host.nextAction, incident: incident, step: machine.ladder.step,
            attempt: machine.ladder.attempts + 1, strategy: step.strategy, order: order,
            until: self.now.monotonic + machine.component.approvalExpires, approvedBy: nil)
        self.host.nextAction += 1
        self.machines[index].approval = approval
        self.touched.insert(index)
        let action = step.strategy.action
        self.record(
            index,
            .approvalAsked(
                id: approval.id, action: action, attempt: approval.attempt, step: approval.step,
                until: self.now.wall(at: approval.until), why: self.reasonForActing(index)))
        self.alert(
            index, .approvalNeeded, machine.component.criticality.alertSeverity,
            "\(machine.component.name) is down, and \(action) (attempt \(approval.attempt)) waits for approval: "
                + "`healctl approve \(approval.id)` or `healctl deny \(approval.id)` within "
                + "\(machine.component.approvalExpires.brief). \(self.reasonForActing(index))")
        return approval.hold
    }

    /// - Returns: the number of the action, and by whose leave it is done where somebody was asked.
    mutating func useApproval(_ index: Int) -> (id: Int64, by: String?) {
        guard let approval = self.machines[index].approval, approval.approvedBy != nil,
            approval.concerns(self.machines[index])
        else {
            defer { self.host.nextAction += 1 }
            return (self.host.nextAction, nil)
        }
        self.machines[index].approval = nil
        return (approval.id, approval.approvedBy)
    }

    /// An operator has answered. An answer that comes too late, or to what nobody asks any more, changes nothing.
    mutating func answerApproval(_ id: Int64, approves: Bool, by name: String, reason: String?) {
        guard let index = self.machines.firstIndex(where: { $0.approval?.id == id }),
            let approval = self.machines[index].approval, approval.until > self.now.monotonic
        else { return }
        if approval.isForLoad {
            self.answerLoadApproval(index, approves: approves, by: name, reason: reason)
        } else if approves {
            guard approval.approvedBy == nil else { return }
            self.machines[index].approval?.approvedBy = name
            self.record(index, .approvalDecided(id: id, .approved, by: name, why: reason))
        } else {
            self.refuse(index, .denied, by: name, why: reason)
        }
        self.touched.insert(index)
        self.evaluateLater(index)
    }

    /// The step is not taken, and not asked about again in this round of the ladder.
    private mutating func refuse(_ index: Int, _ decision: ApprovalDecision, by name: String?, why: String?) {
        guard let approval = self.machines[index].approval else { return }
        self.record(index, .approvalDecided(id: approval.id, decision, by: name, why: why))
        let text = [name.map { "denied by \($0)" }, why].compactMap(\.self).joined(separator: ": ")
        self.record(
            index,
            .actionSkipped(
                id: approval.id, action: approval.strategy.action, attempt: approval.attempt, step: approval.step,
                why: text))
        if approval.concerns(self.machines[index]) { self.climb(index, cooldown: .zero) }
        self.machines[index].approval = nil
        self.touched.insert(index)
    }

    /// What was asked for is no longer wanted.
    mutating func withdrawApproval(_ index: Int, why: String) {
        guard let approval = self.machines[index].approval else { return }
        let decision = AuditRecord.Body.approvalDecided(id: approval.id, .withdrawn, by: nil, why: why)
        if approval.isForLoad { self.recordWithoutIncident(index, decision) } else { self.record(index, decision) }
        self.machines[index].approval = nil
        self.touched.insert(index)
    }

    /// A question outlives neither its incident nor the mode that made it necessary.
    mutating func reviewApproval(_ index: Int) {
        guard let approval = self.machines[index].approval else { return }
        if approval.isForLoad { return self.reviewLoadApproval(index) }
        switch self.machines[index].phase {
        case .exhausted: self.withdrawApproval(index, why: "the ladder is used up")
        case .suppressed(let root): self.withdrawApproval(index, why: "it waits for \(root)")
        case .starting, .healthy, .suspect, .failing, .recovering, .verifying, .isolated, .stopped:
            guard self.machines[index].component.mode != .approve else { return }
            self.withdrawApproval(index, why: "its mode is \(self.machines[index].component.mode.rawValue) now")
        }
    }
}

extension Approval {
    var hold: Hold { .approval(id: self.id, action: self.strategy.action, until: self.until) }
}

/// A step or a change of scale that waits for an operator, as an operator sees it.
public struct PendingApproval: Hashable, Sendable {
    public var id: Int64
    public var action: String
    public var attempt: Int
    public var until: WallTime
    /// Who gave leave, where it has not begun yet.
    public var approvedBy: String?

    public init(id: Int64, action: String, attempt: Int, until: WallTime, approvedBy: String?) {
        self.id = id
        self.action = action
        self.attempt = attempt
        self.until = until
        self.approvedBy = approvedBy
    }
}
