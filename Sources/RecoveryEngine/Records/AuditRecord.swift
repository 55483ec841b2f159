import Policy
import ResilienceCore

/// One line of the audit trail. Append-only: later records tell what became of earlier ones.
public struct AuditRecord: Hashable, Sendable, Codable {
    public var at: WallTime
    public var component: String?
    public var incident: Int64?
    public var body: Body

    public init(at: WallTime, component: String? = nil, incident: Int64? = nil, _ body: Body) {
        self.at = at
        self.component = component
        self.incident = incident
        self.body = body
    }

    public enum Body: Hashable, Sendable, Codable {
        case supervisorStarted(version: String, processID: Int32)
        case supervisorStopped(reason: String)
        case policyLoaded(generation: Int, components: [String])
        case policyRejected(firstError: String, errors: Int)
        /// A component fails: an incident begins.
        case incidentOpened(IncidentOpening)
        /// systemd's own account of the death, where the incident was opened on the kernel's word alone.
        case incidentCorrected(cause: IncidentCause, failedAt: WallTime)
        /// It waits for a dependency (`rootCause`), or no longer does (`nil`).
        case incidentSuppressed(rootCause: String?)
        /// The ladder is used up.
        case incidentExhausted(rearmAt: WallTime)
        /// The ladder may begin again.
        case incidentRearmed
        /// Verified up. `at` is the first of the passes that held.
        case incidentResolved(at: WallTime, by: Healer)
        /// Written before the action is done.
        case actionIntended(id: Int64, action: String, attempt: Int, step: Int, unit: String?, why: String)
        case actionFinished(id: Int64, ActionOutcome)
        /// A step that was not taken, and why. `id` makes it a row among the incident's actions.
        case actionSkipped(id: Int64, action: String, attempt: Int, step: Int, why: String)
        /// A step waits for an operator (`mode: approve`). `id` is the number that the action will have.
        case approvalAsked(id: Int64, action: String, attempt: Int, step: Int, until: WallTime, why: String)
        /// `by`: the operator who decided; `nil` where nobody did.
        case approvalDecided(id: Int64, ApprovalDecision, by: String?, why: String?)
        /// The repair is proven, or was not, so long after the action.
        case verification(action: Int64, succeeded: Bool, detail: String)
        /// Anything else a person reading the timeline should know: a wait, a held-back action.
        case note(String)
        case evidence(kind: EvidenceKind, text: String)
        case breakerChanged(from: String, to: String, why: String)
        /// The component comes and goes, and repairs are held back (`latched`), or are no longer.
        case latchChanged(latched: Bool, why: String)
        /// The host does without more, or less.
        case degradationChanged(from: DegradationLevel, to: DegradationLevel, why: String)
        /// Automation stopped acting on the whole host (`frozen`), or goes on.
        case freezeChanged(frozen: Bool, why: String)
        /// The same for one group of components.
        case groupFreezeChanged(group: String, frozen: Bool, why: String)
        case paused(until: WallTime, by: String, reason: String)
        case resumed(by: String)
        /// From now on the component's time counts as neither up nor down, until the same with `counts: true`.
        case timeCounts(Bool, why: String)
        /// A fault is put into a component; written before it is.
        case drillBegun(DrillBeginning)
        /// A drill brought the incident about: it is dealt with as any other, and counts apart. `nil`: none did, after
        /// all.
        case drillCaused(DrillCause?)
        case drillEnded(id: Int64, DrillOutcome, detail: String)
        /// Older records were removed by retention; the chain goes on from `anchor`.
        case pruned(through: Int64, anchor: String)
    }
}

/// How an incident begins.
public struct IncidentOpening: Hashable, Sendable, Codable {
    public var cause: IncidentCause
    public var severity: Severity
    /// When the failure itself happened: the process's exit, or the first failed check of the streak.
    public var failedAt: WallTime
    public var detectedAt: WallTime
    /// The incident that this one follows within `rearm`.
    public var previous: Int64?
    /// The dependency that explains it.
    public var rootCause: String?

    public init(
        cause: IncidentCause, severity: Severity, failedAt: WallTime, detectedAt: WallTime, previous: Int64?,
        rootCause: String?
    ) {
        self.cause = cause
        self.severity = severity
        self.failedAt = failedAt
        self.detectedAt = detectedAt
        self.previous = previous
        self.rootCause = rootCause
    }
}

/// The check that brought the incident about and what it saw.
public struct IncidentCause: Hashable, Sendable, Codable {
    public var check: String
    public var category: FailureCategory
    public var reason: FailureReason
    public var message: String

    public init(check: String, category: FailureCategory, reason: FailureReason, message: String) {
        self.check = check
        self.category = category
        self.reason = reason
        self.message = message
    }
}

/// Who made a component well again.
public enum Healer: String, CaseIterable, Hashable, Sendable, Codable {
    /// The supervisor's last action.
    case heald
    /// The unit's own `Restart=`.
    case systemd
    /// A job that somebody else asked for.
    case person
    /// Nobody: it came back.
    case itself
    /// It came back with the dependency that had failed.
    case dependency
    /// It left the policy, or was stopped by an operator, while the incident was open.
    case withdrawn
}

public enum EvidenceKind: String, CaseIterable, Hashable, Sendable, Codable {
    /// Last lines of the unit's journal.
    case journal
    /// How the main process ended.
    case exit
    /// What the check saw.
    case check
}
