import RecoveryEngine
import ResilienceCore

/// An incident as lists show it. States, classes and results are texts, because a newer heald may have written ones that
/// this version does not know.
public struct IncidentRow: Hashable, Sendable {
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

    public var id: Int64
    public var component: String
    public var state: String
    public var severity: String
    public var cause: Cause
    /// The dependency that explains it.
    public var rootCause: String?
    public var failedAt: WallTime
    public var detectedAt: WallTime
    public var resolvedAt: WallTime?
    public var actions: [ActionRow]

    public init(
        id: Int64, component: String, state: String, severity: String, cause: Cause,
        rootCause: String?, failedAt: WallTime, detectedAt: WallTime, resolvedAt: WallTime?, actions: [ActionRow]
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
    }

    /// From the failure to its detection.
    public var timeToDetect: Duration { max(.zero, self.detectedAt - self.failedAt) }
    /// From the failure to the first of the passes that held; `nil` while it lasts.
    public var timeToRecover: Duration? { self.resolvedAt.map { max(.zero, $0 - self.failedAt) } }

    var knownState: IncidentState? { IncidentState(rawValue: self.state) }
}

/// One action of an incident, or one that was decided against.
public struct ActionRow: Hashable, Sendable {
    public var action: String
    public var attempt: Int
    public var startedAt: WallTime
    /// `nil` while it runs.
    public var finishedAt: WallTime?
    /// `nil` while it runs.
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

extension IncidentRow {
    /// An element of `healctl incidents --json`: stable.
    public var json: JSONValue {
        .object([
            ("id", .integer(self.id)),
            ("component", .string(self.component)),
            ("state", .string(self.state)),
            ("severity", .string(self.severity)),
            (
                "cause",
                .object([
                    ("check", .string(self.cause.check)),
                    ("category", .string(self.cause.category)),
                    ("reason", .string(self.cause.reason)),
                    ("message", .string(self.cause.message)),
                ])
            ),
            ("rootCause", .string(self.rootCause)),
            ("failedAt", .string(self.failedAt.rfc3339)),
            ("detectedAt", .string(self.detectedAt.rfc3339)),
            ("resolvedAt", .string(self.resolvedAt?.rfc3339)),
            ("timeToDetectSeconds", .number(self.timeToDetect.inSeconds)),
            ("timeToRecoverSeconds", .number(self.timeToRecover?.inSeconds)),
            ("actions", .array(self.actions.map(\.json))),
        ])
    }
}

extension ActionRow {
    var json: JSONValue {
        .object([
            ("action", .string(self.action)),
            ("attempt", .integer(Int64(self.attempt))),
            ("startedAt", .string(self.startedAt.rfc3339)),
            ("finishedAt", .string(self.finishedAt?.rfc3339)),
            ("result", .string(self.result)),
            ("detail", .string(self.detail)),
        ])
    }
}
