import Policy
import RecoveryEngine
import ResilienceCore

/// One incident as `healctl incidents` shows it. Its JSON form is stable: absent values are `null`, times RFC 3339 in UTC
/// with microseconds, durations seconds.
public struct IncidentReport: Hashable, Sendable, Encodable {
    /// What brought it about. Texts, because a later version may know causes that this one does not.
    public struct Cause: Hashable, Sendable, Encodable {
        public var check: String
        public var category: String
        public var reason: String
        public var message: String
    }

    /// One try to repair it.
    public struct Action: Hashable, Sendable, Encodable {
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

        enum CodingKeys: String, CodingKey { case action, attempt, startedAt, finishedAt, result, detail }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(self.action, forKey: .action)
            try container.encode(self.attempt, forKey: .attempt)
            try container.encode(CivilTime.rfc3339(self.startedAt), forKey: .startedAt)
            try container.encode(self.finishedAt.map(CivilTime.rfc3339), forKey: .finishedAt)
            try container.encode(self.result, forKey: .result)
            try container.encode(self.detail, forKey: .detail)
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
    public var resolvedAt: WallTime?
    public var actions: [Action]
    /// Who made it well; not in the JSON.
    public var healer: Healer?
    /// The incident that it follows; not in the JSON.
    public var previous: Int64?

    /// From the failure to its detection; never negative, whatever the clock did.
    public var timeToDetect: Duration { max(.zero, self.detectedAt - self.failedAt) }
    /// From the failure to the first of the passes that held.
    public var timeToRecover: Duration? { self.resolvedAt.map { max(.zero, $0 - self.failedAt) } }

    enum CodingKeys: String, CodingKey {
        case id, component, state, severity, cause, rootCause, failedAt, detectedAt, resolvedAt, timeToDetectSeconds
        case timeToRecoverSeconds, actions
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.id, forKey: .id)
        try container.encode(self.component, forKey: .component)
        try container.encode(self.state, forKey: .state)
        try container.encode(self.severity, forKey: .severity)
        try container.encode(self.cause, forKey: .cause)
        try container.encode(self.rootCause, forKey: .rootCause)
        try container.encode(CivilTime.rfc3339(self.failedAt), forKey: .failedAt)
        try container.encode(CivilTime.rfc3339(self.detectedAt), forKey: .detectedAt)
        try container.encode(self.resolvedAt.map(CivilTime.rfc3339), forKey: .resolvedAt)
        try container.encode(self.timeToDetect.inSeconds, forKey: .timeToDetectSeconds)
        try container.encode(self.timeToRecover?.inSeconds, forKey: .timeToRecoverSeconds)
        try container.encode(self.actions, forKey: .actions)
    }
}

extension IncidentReport {
    init(_ row: IncidentRow, _ actions: [ActionRow]) {
        self.init(
            id: row.id, component: row.component, state: row.state, severity: row.severity,
            cause: Cause(check: row.check, category: row.category, reason: row.reason, message: row.message),
            rootCause: row.rootCause, failedAt: WallTime(microseconds: row.failedAt),
            detectedAt: WallTime(microseconds: row.detectedAt),
            resolvedAt: row.resolvedAt.map(WallTime.init(microseconds:)), actions: actions.map(Action.init),
            healer: row.healer.flatMap(Healer.init), previous: row.previous)
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
