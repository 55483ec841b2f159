import RecoveryEngine
import ResilienceCore

/// One row of the table `incident`.
struct IncidentRow: Hashable {
    var id: Int64
    var component: String
    var state: String
    var severity: String
    var check: String
    var category: String
    var reason: String
    var message: String
    var rootCause: String?
    var previous: Int64?
    var failedAt: Int64
    var detectedAt: Int64
    var resolvedAt: Int64?
    var healer: String?
    /// Operating time since the end of the component's previous failure, in microseconds; known at the end of a failure
    /// of its own.
    var gap: Int64?
    /// Where its downtime begins: not before the end of the incident before it. Known at its end.
    var downFrom: Int64?
    var firstSequence: Int64
    var lastSequence: Int64
    /// The drill that brought it about: it is in no statistics of failures.
    var drill: Int64?
}

/// One row of the table `action`.
struct ActionRow: Hashable {
    var incident: Int64
    var id: Int64
    var action: String
    var attempt: Int64
    var step: Int64
    var unit: String?
    var why: String
    var startedAt: Int64
    var finishedAt: Int64?
    var result: String?
    var detail: String?
    var verified: Bool?
    var verifiedAt: Int64?
    var verification: String?

    /// What counts in the success rate: 1 where it was done and, if it was verified, held; -1 where it failed or did not
    /// hold; 0 where it was not done, or nobody knows yet.
    var tally: Int {
        switch self.result {
        case ActionResult.succeeded.rawValue: self.verified == false ? -1 : 1
        case ActionResult.failed.rawValue, ActionResult.timedOut.rawValue: -1
        default: 0
        }
    }
}

/// What the records of one incident come to. Pure: the same code writes the tables and proves them later.
struct IncidentFold: Hashable {
    var incident: IncidentRow
    /// The actions that further records can still change, and those changed since they were last stored.
    var actions: [Int64: ActionRow] = [:]
    /// Actions changed by the records taken in since this was last emptied.
    var changed: Set<Int64> = []

    /// An incident begins.
    init?(id: Int64, opening: AuditRecord, sequence: Int64) {
        guard case .incidentOpened(let begin) = opening.body else { return nil }
        self.incident = IncidentRow(
            id: id, component: opening.component ?? "",
            state: (begin.rootCause == nil ? IncidentState.open : .suppressed).rawValue,
            severity: begin.severity.rawValue, check: begin.cause.check, category: begin.cause.category.rawValue,
            reason: begin.cause.reason.rawValue, message: begin.cause.message, rootCause: begin.rootCause,
            previous: begin.previous, failedAt: StoredTime.clamp(begin.failedAt),
            detectedAt: StoredTime.clamp(begin.detectedAt), firstSequence: sequence, lastSequence: sequence)
    }

    init(stored: IncidentRow) { self.incident = stored }

    var isResolved: Bool { self.incident.resolvedAt != nil }

    /// A failure of the component's own, not of a dependency's.
    var isOwn: Bool {
        self.incident.rootCause == nil && self.incident.healer != Healer.withdrawn.rawValue
            && self.incident.drill == nil
    }

    /// Takes in a record that follows the opening.
    mutating func apply(_ record: AuditRecord, sequence: Int64) {
        self.incident.lastSequence = sequence
        let at = StoredTime.clamp(record.at)
        switch record.body {
        case .incidentCorrected(let cause, let failedAt):
            guard !self.isResolved else { return }
            self.incident.category = cause.category.rawValue
            self.incident.reason = cause.reason.rawValue
            self.incident.message = cause.message
            self.incident.failedAt = StoredTime.clamp(failedAt)
        case .incidentSuppressed(let rootCause):
            guard !self.isResolved else { return }
            self.incident.rootCause = rootCause
            self.incident.state = (rootCause == nil ? IncidentState.open : .suppressed).rawValue
        case .incidentExhausted:
            guard !self.isResolved else { return }
            self.incident.state = IncidentState.exhausted.rawValue
        case .incidentRearmed:
            guard !self.isResolved else { return }
            self.incident.state = IncidentState.open.rawValue
        case .incidentResolved(let time, let healer):
            guard !self.isResolved else { return }
            self.incident.state = IncidentState.resolved.rawValue
            self.incident.resolvedAt = StoredTime.clamp(time)
            self.incident.healer = healer.rawValue
        case .actionIntended(let id, let action, let attempt, let step, let unit, let why):
            self.set(
                ActionRow(
                    incident: self.incident.id, id: id, action: action, attempt: Int64(attempt), step: Int64(step),
                    unit: unit, why: why, startedAt: at))
        case .actionSkipped(let id, let action, let attempt, let step, let why):
            self.set(
                ActionRow(
                    incident: self.incident.id, id: id, action: action, attempt: Int64(attempt), step: Int64(step),
                    why: why, startedAt: at, finishedAt: at, result: ActionResult.skipped.rawValue, detail: why))
        case .actionFinished(let id, let outcome):
            self.change(id) {
                $0.finishedAt = at
                $0.result = outcome.result.rawValue
                $0.detail = outcome.detail
            }
        case .verification(let id, let succeeded, let detail):
            self.change(id) {
                $0.verified = succeeded
                $0.verifiedAt = at
                $0.verification = detail
            }
        case .drillCaused(let cause):
            guard !self.isResolved else { return }
            self.incident.drill = cause?.id
        case .supervisorStarted, .supervisorStopped, .policyLoaded, .policyRejected, .incidentOpened, .note, .evidence,
            .approvalAsked, .approvalDecided, .breakerChanged, .latchChanged, .degradationChanged, .freezeChanged,
            .groupFreezeChanged, .paused, .resumed, .timeCounts, .drillBegun, .drillEnded, .pruned:
            break
        }
    }

    private mutating func set(_ action: ActionRow) {
        self.actions[action.id] = action
        self.changed.insert(action.id)
    }

    private mutating func change(_ id: Int64, _ body: (inout ActionRow) -> Void) {
        guard var action = self.actions[id] else { return }
        body(&action)
        self.set(action)
    }
}

/// Wall times as they are stored: whole microseconds in the years 0 to 9999, so that no difference or sum of them
/// overflows whatever a clock says.
enum StoredTime {
    static func clamp(_ time: WallTime) -> Int64 {
        min(max(time.microseconds, -62_167_219_200_000_000), 253_402_300_799_999_999)
    }
}
