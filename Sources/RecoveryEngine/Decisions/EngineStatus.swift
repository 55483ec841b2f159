import Policy
import ResilienceCore

/// What the engine holds of one component at one moment, for people and for `healctl status`.
public struct ComponentSnapshot: Hashable, Sendable {
    public var name: String
    public var verdict: Verdict
    /// `starting`, `healthy`, `suspect`, `failing`, `recovering`, `verifying`, `exhausted`, `isolated`, `suppressed`,
    /// `paused`, `stopped`.
    public var state: String
    /// One line on why it is in that state.
    public var detail: String?
    /// When it entered the state.
    public var since: WallTime
    public var unit: String?
    public var checks: [CheckSnapshot]
    public var openIncident: Int64?

    public init(
        name: String, verdict: Verdict, state: String, detail: String? = nil, since: WallTime, unit: String? = nil,
        checks: [CheckSnapshot] = [], openIncident: Int64? = nil
    ) {
        self.name = name
        self.verdict = verdict
        self.state = state
        self.detail = detail
        self.since = since
        self.unit = unit
        self.checks = checks
        self.openIncident = openIncident
    }
}

/// What the engine holds of one check at one moment.
public struct CheckSnapshot: Hashable, Sendable {
    public var name: String
    /// The `type` in policies.
    public var type: String
    public var verdict: Verdict
    /// What the last failure was; `nil` where it passes.
    public var message: String?
    /// When the last result came; `nil` where none has.
    public var lastAt: WallTime?
    /// How long the last run took.
    public var latency: Duration?

    public init(
        name: String, type: String, verdict: Verdict, message: String? = nil, lastAt: WallTime? = nil,
        latency: Duration? = nil
    ) {
        self.name = name
        self.type = type
        self.verdict = verdict
        self.message = message
        self.lastAt = lastAt
        self.latency = latency
    }
}
