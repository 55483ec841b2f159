import Policy
import ResilienceCore

/// A component as an operator sees it.
public struct ComponentSnapshot: Hashable, Sendable {
    public var name: String
    public var verdict: Verdict
    /// `starting`, `healthy`, `suspect`, `failing`, `approval`, `recovering`, `verifying`, `exhausted`, `isolated`,
    /// `latched`, `suppressed`, `paused`, `stopped`.
    public var state: String
    /// One line on why it is in that state.
    public var detail: String?
    public var since: WallTime
    public var unit: String?
    public var checks: [CheckSnapshot]
    public var openIncident: Int64?
    /// What waits for an operator; `nil` where nothing does.
    public var approval: PendingApproval?

    public init(
        name: String, verdict: Verdict, state: String, detail: String?, since: WallTime, unit: String?,
        checks: [CheckSnapshot], openIncident: Int64?, approval: PendingApproval? = nil
    ) {
        self.name = name
        self.verdict = verdict
        self.state = state
        self.detail = detail
        self.since = since
        self.unit = unit
        self.checks = checks
        self.openIncident = openIncident
        self.approval = approval
    }
}

/// A check as an operator sees it.
public struct CheckSnapshot: Hashable, Sendable {
    public var name: String
    public var type: String
    public var verdict: Verdict
    /// What the last failure was; `nil` where it passes.
    public var message: String?
    /// When the last result came; `nil` where none has.
    public var lastAt: WallTime?
    /// How long the last run took.
    public var latency: Duration?

    public init(
        name: String, type: String, verdict: Verdict, message: String?, lastAt: WallTime?, latency: Duration?
    ) {
        self.name = name
        self.type = type
        self.verdict = verdict
        self.message = message
        self.lastAt = lastAt
        self.latency = latency
    }
}

extension RecoveryEngine {
    /// `running`, `paused`, `frozen`, `disconnected`, `unrecorded`, `blind`, and why where it is not the first.
    public var hostState: (state: String, reason: String?) {
        if let why = self.host.unrecorded { return ("unrecorded", why) }
        if let why = self.host.unitsUnknown { return ("blind", why) }
        if self.host.pausedUntil != nil { return ("paused", self.host.pauseReason) }
        if self.host.isFrozen { return ("frozen", "more than \(self.unhealthyLimitText) of the components are down") }
        if self.host.isDisconnected { return ("disconnected", "every check of the connectivity gate fails") }
        return ("running", nil)
    }

    /// Every component, in name order.
    public func componentStatuses(at now: Moment) -> [ComponentSnapshot] {
        self.machines.indices.map { index in
            let machine = self.machines[index]
            let shed = machine.phase == .stopped ? self.isShed(index) : nil
            let (state, detail) = shed.map { ("stopped", $0.text) } ?? Self.describe(machine, at: now)
            return ComponentSnapshot(
                name: machine.component.name, verdict: machine.phase == .stopped ? .unknown : machine.verdict,
                state: state, detail: detail, since: machine.phaseSince, unit: machine.activeUnit,
                checks: machine.trackers.map(Self.snapshot), openIncident: machine.incident?.id,
                approval: machine.approval.flatMap { Self.snapshot($0, at: now) })
        }
    }

    private static func snapshot(_ tracker: CheckTracker) -> CheckSnapshot {
        CheckSnapshot(
            name: tracker.check.name, type: tracker.check.kind.type, verdict: tracker.verdict,
            message: tracker.check.enabled ? tracker.failure?.message : "disabled", lastAt: tracker.lastAt,
            latency: tracker.lastResult.map { $0.finishedAt - $0.startedAt })
    }

    private static func snapshot(_ approval: Approval, at now: Moment) -> PendingApproval? {
        guard approval.until > now.monotonic else { return nil }
        return PendingApproval(
            id: approval.id, action: approval.strategy.action, attempt: approval.attempt,
            until: now.wall(at: approval.until), approvedBy: approval.approvedBy)
    }

    private static func describe(_ machine: ComponentMachine, at now: Moment) -> (String, String?) {
        if let until = machine.pausedUntil, until > now.monotonic {
            return ("paused", "for another \((until - now.monotonic).brief)")
        }
        switch machine.phase {
        case .starting: return ("starting", nil)
        case .healthy: return ("healthy", machine.approvalText(at: now) ?? machine.scalingText(at: now))
        case .suspect: return ("suspect", machine.complaint)
        case .failing(.breaker(let until)):
            return ("isolated", "circuit breaker open for another \((until - now.monotonic).brief)")
        case .failing(.latched(let until)):
            return ("latched", Hold.latched(until: until).explanation(at: now.monotonic))
        case .failing(.approval(let id, let action, let until)):
            let hold = Hold.approval(id: id, action: action, until: until)
            return ("approval", hold.explanation(at: now.monotonic))
        case .failing(.maintenance(let window, let until)):
            return ("paused", Hold.maintenance(window: window, until: until).explanation(at: now.monotonic))
        case .failing(let hold): return ("failing", hold.explanation(at: now.monotonic) ?? machine.complaint)
        case .recovering(let attempt):
            return ("recovering", "\(attempt.request.action), attempt \(attempt.request.attempt)")
        case .verifying(let verification):
            return ("verifying", verification.upAt == nil ? machine.complaint : "up; waits out the stable time")
        case .exhausted(let rearmAt):
            return ("exhausted", "the ladder is used up; it re-arms in \((rearmAt - now.monotonic).brief)")
        case .suppressed(let root): return ("suppressed", "waits for \(root)")
        case .isolated(let until):
            return ("isolated", "stopped on purpose; its trial is in \((until - now.monotonic).brief)")
        case .stopped where machine.facts.saved.abandoned != nil:
            let standby = machine.facts.saved.abandoned ?? ""
            return (
                "stopped",
                "\(standby) had taken over and is no longer in the policy; nothing is started beside it until `healctl resume`"
            )
        case .stopped where machine.component.desired == .running && machine.component.mode != .observe:
            return ("stopped", "it ought to run, and is started again unless repairs are held back")
        case .stopped: return ("stopped", "stopped by an operator; `healctl resume` takes it back into care")
        }
    }
}

extension ComponentMachine {
    /// That a change of its scale waits for an operator, or for the next measure.
    fileprivate func approvalText(at now: Moment) -> String? {
        guard let approval = self.approval, approval.isForLoad, approval.until > now.monotonic else { return nil }
        if let name = approval.approvedBy {
            return
                "\(approval.strategy.action) is approved by \(name), and begins if the next measure still asks for it"
        }
        return approval.hold.explanation(at: now.monotonic)
    }

    /// That its load has changed its scale, for as long as that is news.
    fileprivate func scalingText(at now: Moment) -> String? {
        guard let scaling = self.facts.saved.loadScaling, now.wall - scaling.at < .seconds(86_400) else { return nil }
        return "\(scaling.action) \((max(.zero, now.wall - scaling.at)).brief) ago; \(scaling.why)"
    }
}

extension Hold {
    /// For the timeline and for `healctl status`.
    func explanation(at now: MonotonicInstant) -> String? {
        let left = self.until.map { ($0 - now).brief } ?? ""
        switch self {
        case .none: return nil
        case .evidence: return "waits for fresh check results"
        case .dependencyInDoubt(let name, _): return "waits to see whether \(name), which it needs, fails too"
        case .frost: return "waits to hear whether units that it is to freeze are frozen already"
        case .networkInDoubt: return "waits to see whether the connectivity gate fails, too"
        case .paused: return "automation is paused for another \(left)"
        case .maintenance(let window, _): return "maintenance window \(window): nothing is repaired for another \(left)"
        case .unrecorded: return "the audit trail cannot be written, and nothing risky is done unrecorded"
        case .serviceManager: return "systemd or an operator is working on the unit"
        case .backoff: return "backs off for \(left) before the next attempt"
        case .cooldown: return "cools down for \(left) before the next step"
        case .breaker: return "circuit breaker open: repairs did not help; the next trial is in \(left)"
        case .latched: return "it comes and goes: repairs are held back until it has been quiet for another \(left)"
        case .frozen(nil): return "automation is frozen: too many components are down at once"
        case .frozen(let group?): return "the group \(group) is frozen: too many of its members are down at once"
        case .storm(.freeze, _):
            return "automation was frozen: it begins again in \(left), after the storm cooldown (stormCooldown)"
        case .storm(.budget, _):
            return "the action budget (maxActions) was spent: automation begins again in \(left), after the storm "
                + "cooldown (stormCooldown)"
        case .budget(nil, _): return "the action budget (maxActions) is spent; more is allowed in \(left)"
        case .budget(let group?, _):
            return "the action budget (maxActions) of the group \(group) is spent; more is allowed in \(left)"
        case .concurrency(nil): return "waits for other repairs to end (maxConcurrent)"
        case .concurrency(let group?): return "waits for other repairs in the group \(group) to end (maxConcurrent)"
        case .tooFewHealthy(let group):
            return "waits until more of the group \(group) serve: a repair would leave too few (minHealthyInGroup)"
        case .approval(let id, let action, _):
            return "\(action) waits for approval: healctl approve \(id), or healctl deny \(id); skipped in \(left)"
        case .observing: return "mode is observe: nothing is done"
        }
    }
}
