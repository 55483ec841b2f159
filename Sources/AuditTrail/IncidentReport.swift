import Policy
import RecoveryEngine
import ResilienceCore

/// One incident as `healctl incidents` shows it. States, classes and results are texts, because a later version may have
/// written ones that this one does not know.
public struct IncidentReport: Hashable, Sendable {
    /// What brought it about.
    public struct Cause: Hashable, Sendable {
        public var check: String
        public var category: String
        public var reason: String
        public var message: String

        public init(check: String, category: String, reason: String, message: String) {
            self.check = check
            self.category = category
            self.reason = reason
            self.message = message
        }
    }

    /// One try to repair it, or one that was decided against.
    public struct Action: Hashable, Sendable {
        public var action: String
        public var attempt: Int
        public var startedAt: WallTime
        /// `nil` while it runs.
        public var finishedAt: WallTime?
        /// `succeeded`, `failed`, `timed_out`, `interrupted`, `refused`, `skipped`; `nil` while it runs. An action that
        /// was done but after which the component was not verified up has `failed`: what it said of itself is in
        /// `detail`.
        public var result: String?
        public var detail: String?

        public init(
            action: String, attempt: Int, startedAt: WallTime, finishedAt: WallTime?, result: String?, detail: String?
        ) {
            self.action = action
            self.attempt = attempt
            self.startedAt = startedAt
            self.finishedAt = finishedAt
            self.result = result
            self.detail = detail
        }
    }

    public var id: Int64
    public var component: String
    /// `open`, `suppressed`, `exhausted` or `resolved`.
    public var state: String
    public var severity: String
    public var cause: Cause
    /// The dependency that explains it.
    public var rootCause: String?
    public var failedAt: WallTime
    public var detectedAt: WallTime
    /// `nil` while it lasts.
    public var resolvedAt: WallTime?
    public var actions: [Action]
    /// Who made it well.
    public var healer: Healer?
    /// The incident that it follows.
    public var previous: Int64?
    /// The drill that brought it about.
    public var drill: Int64?

    public init(
        id: Int64, component: String, state: String, severity: String, cause: Cause, rootCause: String?,
        failedAt: WallTime, detectedAt: WallTime, resolvedAt: WallTime?, actions: [Action], healer: Healer? = nil,
        previous: Int64? = nil, drill: Int64? = nil
    ) {
        self.id = id
        self.component = component
        self.state = state
        self.severity = severity
        self.cause = cause
        self.rootCause = rootCause
        self.failedAt = failedAt
        self.detectedAt = detectedAt
        self.resolvedAt = resolvedAt
        self.actions = actions
        self.healer = healer
        self.previous = previous
        self.drill = drill
    }

    /// From the failure to its detection; never negative, whatever the clock did.
    public var timeToDetect: Duration { max(.zero, self.detectedAt - self.failedAt) }
    /// From the failure to the first of the passes that held; `nil` while it lasts.
    public var timeToRecover: Duration? { self.resolvedAt.map { max(.zero, $0 - self.failedAt) } }
}

extension IncidentReport {
    init(_ row: IncidentRow, _ actions: [ActionRow]) {
        self.init(
            id: row.id, component: row.component, state: row.state, severity: row.severity,
            cause: Cause(check: row.check, category: row.category, reason: row.reason, message: row.message),
            rootCause: row.rootCause, failedAt: WallTime(microseconds: row.failedAt),
            detectedAt: WallTime(microseconds: row.detectedAt),
            resolvedAt: row.resolvedAt.map(WallTime.init(microseconds:)), actions: actions.map(Action.init),
            healer: row.healer.flatMap(Healer.init), previous: row.previous, drill: row.drill)
    }
}

extension IncidentReport.Action {
    init(_ row: ActionRow) {
        let didNotHold = row.result == ActionResult.succeeded.rawValue && row.verified == false
        self.init(
            action: row.action, attempt: Int(clamping: row.attempt), startedAt: WallTime(microseconds: row.startedAt),
            finishedAt: row.finishedAt.map(WallTime.init(microseconds:)),
            result: didNotHold ? ActionResult.failed.rawValue : row.result,
            detail: row.verification.map { [row.detail, $0].compactMap { $0 }.joined(separator: "; ") } ?? row.detail)
    }
}

/// Which incidents are wanted. What is not given is not looked at.
public struct IncidentFilter: Hashable, Sendable {
    /// Failed at or after this, or not resolved yet.
    public var since: WallTime?
    public var component: String?
    public var state: IncidentState?
    /// A reason (`timeout`) or a category (`TRANSIENT`), in any case.
    public var cause: String?
    public var limit: Int

    public init(
        since: WallTime? = nil, component: String? = nil, state: IncidentState? = nil, cause: String? = nil,
        limit: Int = 50
    ) {
        self.since = since
        self.component = component
        self.state = state
        self.cause = cause
        self.limit = limit
    }
}

/// All that is known of one incident, in the order in which it was written.
public struct IncidentTimeline: Hashable, Sendable {
    public struct Entry: Hashable, Sendable {
        /// The number of the record in the chain.
        public var sequence: Int64
        public var at: WallTime
        /// `nil` where this version cannot read it; `text` has it as it is stored.
        public var record: AuditRecord?
        public var text: String
    }

    public var report: IncidentReport
    public var entries: [Entry]
}
