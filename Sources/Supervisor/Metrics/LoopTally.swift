import Policy
import RecoveryEngine
import ResilienceCore

/// What the loop counts of its own work. It costs a few additions for each result and each record; whoever asks gets a
/// copy.
public struct LoopTally: Sendable {
    public struct CheckName: Hashable, Sendable {
        public var component: String
        public var check: String
    }

    /// The results of one check.
    public struct CheckTally: Sendable {
        /// In the order of `Verdict.allCases`.
        public fileprivate(set) var verdicts = SIMD4<UInt64>()
        public fileprivate(set) var times = TimeSteps()

        fileprivate mutating func took(_ result: CheckResult) {
            self.verdicts[Verdict.allCases.firstIndex(of: result.verdict) ?? 0] &+= 1
            self.times.add(result.finishedAt - result.startedAt)
        }
    }

    /// Incidents that ended: how many, and how long from the failure until it was up again.
    public struct Recoveries: Sendable {
        public fileprivate(set) var count: UInt64 = 0
        public fileprivate(set) var total: Duration = .zero
    }

    private struct Begun: Sendable {
        var action: String
        var at: MonotonicInstant?
    }

    /// Beginnings of actions and incidents that are remembered until their end.
    private static let begunMost = 4_096

    /// Not those of type `unit`: they have no runs, systemd tells of changes.
    public private(set) var checks: [CheckName: CheckTally] = [:]
    /// Component, category, reason.
    public private(set) var opened = LabelledCount()
    /// Component, healer.
    public private(set) var resolved = LabelledCount()
    public private(set) var exhausted = LabelledCount()
    public private(set) var recoveries: [String: Recoveries] = [:]
    /// Component, action, result.
    public private(set) var actions = LabelledCount()
    /// Component, action: attempts beyond the first.
    public private(set) var retries = LabelledCount()
    /// Component, action.
    public private(set) var skipped = LabelledCount()
    /// Component, whether it helped.
    public private(set) var verified = LabelledCount()
    /// By action.
    public private(set) var actionTimes: [String: TimeSteps] = [:]
    public private(set) var breakerOpenings = LabelledCount()
    /// Drills that have ended, by component and outcome.
    public private(set) var drills = LabelledCount()
    /// Event, severity.
    public private(set) var alerts = LabelledCount()
    public private(set) var policiesLoaded: UInt64 = 0
    public private(set) var policiesRefused: UInt64 = 0
    public private(set) var records: UInt64 = 0
    /// How much later than wanted turns began, and how long they were.
    public private(set) var lag = TimeSteps()
    public private(set) var turns = TimeSteps()
    public private(set) var stalls: UInt64 = 0
    public private(set) var stalled: Duration = .zero

    private var begun: [Int64: Begun] = [:]
    private var failedAt: [Int64: WallTime] = [:]

    public init() {}

    mutating func took(_ result: CheckResult, of component: String, check: String) {
        self.checks[CheckName(component: component, check: check), default: CheckTally()].took(result)
    }

    mutating func turned(late: Duration, took: Duration) {
        self.lag.add(late)
        self.turns.add(took)
    }

    mutating func stalled(for duration: Duration) {
        self.stalls += 1
        self.stalled += duration
    }

    /// What earlier runs had open, so that its end counts as an end.
    mutating func restore(_ restored: RestoredState) {
        for component in restored.components.values {
            if let incident = component.incident { self.failedAt[incident.id] = incident.failedAt }
        }
    }

    mutating func began(_ request: ActionRequest, at now: MonotonicInstant) {
        self.remember(request.id, Begun(action: request.action, at: now))
    }

    mutating func ended(_ id: Int64, at now: MonotonicInstant) {
        guard let begun = self.begun[id], let at = begun.at else { return }
        self.actionTimes[begun.action, default: TimeSteps()].add(now - at)
    }

    mutating func decided(_ batch: AuditBatch) {
        self.records += UInt64(batch.records.count)
        for record in batch.records { self.take(record, record.component ?? "") }
        for alert in batch.alerts { self.alerts.add(alert.event.rawValue, alert.severity.rawValue) }
    }

    /// Forgets components that are not in the policy any more.
    mutating func keep(_ names: Set<String>) {
        self.checks = self.checks.filter { names.contains($0.key.component) }
        self.recoveries = self.recoveries.filter { names.contains($0.key) }
        self.opened.keep(names)
        self.resolved.keep(names)
        self.exhausted.keep(names)
        self.actions.keep(names)
        self.retries.keep(names)
        self.skipped.keep(names)
        self.verified.keep(names)
        self.breakerOpenings.keep(names)
        self.drills.keep(names)
    }

    private mutating func take(_ record: AuditRecord, _ component: String) {
        switch record.body {
        case .incidentOpened(let opening):
            self.opened.add(component, opening.cause.category.rawValue, opening.cause.reason.rawValue)
            if let incident = record.incident, self.failedAt.count < Self.begunMost {
                self.failedAt[incident] = opening.failedAt
            }
        case .incidentResolved(let at, let healer):
            self.resolved.add(component, healer.rawValue)
            guard let failedAt = record.incident.flatMap({ self.failedAt.removeValue(forKey: $0) }) else { return }
            self.recoveries[component, default: Recoveries()].count += 1
            self.recoveries[component, default: Recoveries()].total += max(.zero, at - failedAt)
        case .drillCaused:
            // A drill says nothing of how long failures last.
            if let incident = record.incident { self.failedAt[incident] = nil }
        case .drillEnded(_, let outcome, _): self.drills.add(component, outcome.rawValue)
        case .incidentExhausted: self.exhausted.add(component)
        case .actionIntended(let id, let action, let attempt, _, _, _):
            self.remember(id, Begun(action: action))
            if attempt > 1 { self.retries.add(component, action) }
        case .actionFinished(let id, let outcome):
            let action = self.begun.removeValue(forKey: id)?.action ?? LabelledCount.other
            self.actions.add(component, action, outcome.result.rawValue)
        case .actionSkipped(_, let action, _, _, _): self.skipped.add(component, action)
        case .verification(_, let succeeded, _): self.verified.add(component, "\(succeeded)")
        case .breakerChanged(_, "open", _): self.breakerOpenings.add(component)
        case .policyLoaded: self.policiesLoaded += 1
        case .policyRejected: self.policiesRefused += 1
        case .supervisorStarted, .supervisorStopped, .incidentCorrected, .incidentSuppressed, .incidentRearmed,
            .approvalAsked, .approvalDecided, .note, .evidence, .breakerChanged, .latchChanged, .degradationChanged,
            .freezeChanged, .groupFreezeChanged, .paused, .resumed, .timeCounts, .drillBegun, .pruned:
            break
        }
    }

    private mutating func remember(_ id: Int64, _ begun: Begun) {
        if self.begun[id] == nil, self.begun.count >= Self.begunMost { return }
        self.begun[id] = begun
    }
}
