import RecoveryEngine
import ResilienceCore

/// An incident as lists show it.
public struct IncidentRow: Hashable, Sendable {
    public var id: Int64
    public var component: String
    public var state: IncidentState
    public var severity: Severity
    public var cause: IncidentCause
    /// The dependency that explains it.
    public var rootCause: String?
    public var failedAt: WallTime
    public var detectedAt: WallTime
    public var resolvedAt: WallTime?
    public var actions: [ActionRow]

    public init(
        id: Int64, component: String, state: IncidentState, severity: Severity, cause: IncidentCause,
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
    public var timeToDetect: Duration { self.detectedAt - self.failedAt }
    /// From the failure to the first of the passes that held; `nil` while it lasts.
    public var timeToRecover: Duration? { self.resolvedAt.map { $0 - self.failedAt } }
}

/// One action of an incident, or one that was decided against.
public struct ActionRow: Hashable, Sendable {
    public var action: String
    public var attempt: Int
    public var startedAt: WallTime
    /// `nil` while it runs.
    public var finishedAt: WallTime?
    /// `nil` while it runs.
    public var result: ActionResult?
    public var detail: String?

    public init(
        action: String, attempt: Int, startedAt: WallTime, finishedAt: WallTime?, result: ActionResult?, detail: String?
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
            ("state", .string(self.state.rawValue)),
            ("severity", .string(self.severity.rawValue)),
            (
                "cause",
                .object([
                    ("check", .string(self.cause.check)),
                    ("category", .string(self.cause.category.rawValue)),
                    ("reason", .string(self.cause.reason.rawValue)),
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
            ("result", .string(self.result?.rawValue)),
            ("detail", .string(self.detail)),
        ])
    }
}
