import Policy
import ResilienceCore

/// What a component must not forget when the supervisor ends; wall times, since the monotonic clock may start anew.
public struct SavedComponent: Hashable, Sendable, Codable {
    /// The open incident.
    public var incident: SavedIncident?
    /// Where the ladder stands.
    public var ladder: SavedLadder
    /// Opaque to everything but the engine.
    public var breaker: SavedBreaker
    public var pausedUntil: WallTime?
    /// An operator stopped it; it is left alone until it is started again.
    public var stoppedByOperator: Bool
    /// The action whose intent is written and whose outcome is not.
    public var inFlight: ActionRequest?
    /// Its time counts as neither up nor down at present.
    public var timeSuspended: Bool
    /// `nil` where it never came and went.
    public var flap: SavedFlap?
    /// The step that an operator was asked about.
    public var approval: SavedApproval?
    /// `nil`: there are none.
    public var facts: SavedFacts?

    public init(
        incident: SavedIncident? = nil, ladder: SavedLadder = SavedLadder(), breaker: SavedBreaker = SavedBreaker(),
        pausedUntil: WallTime? = nil, stoppedByOperator: Bool = false, inFlight: ActionRequest? = nil,
        timeSuspended: Bool = false, flap: SavedFlap? = nil, approval: SavedApproval? = nil, facts: SavedFacts? = nil
    ) {
        self.incident = incident
        self.ladder = ladder
        self.breaker = breaker
        self.pausedUntil = pausedUntil
        self.stoppedByOperator = stoppedByOperator
        self.inFlight = inFlight
        self.timeSuspended = timeSuspended
        self.flap = flap
        self.approval = approval
        self.facts = facts
    }
}

/// How often a component came and went.
public struct SavedFlap: Hashable, Sendable, Codable {
    /// When it failed or was well again, oldest first.
    public var changes: [WallTime]
    public var latched: Bool

    public init(changes: [WallTime] = [], latched: Bool = false) {
        self.changes = changes
        self.latched = latched
    }
}

public struct SavedIncident: Hashable, Sendable, Codable {
    public var id: Int64
    public var state: IncidentState
    public var cause: IncidentCause
    public var severity: Severity
    public var failedAt: WallTime
    public var detectedAt: WallTime
    public var rootCause: String?
    /// People were told of it, so they are told of its end.
    public var alerted: Bool
    /// People were told that it needs them.
    public var toldOfEnd: Bool
    /// A standby took over within it; there is no second time.
    public var failedOver: Bool?
    /// What was gone back to within it; `nil`: nothing.
    public var rollbacks: RollbacksTried?
    /// The drill that brought it about; `nil`: none did.
    public var drill: DrillCause?

    public init(
        id: Int64, state: IncidentState, cause: IncidentCause, severity: Severity, failedAt: WallTime,
        detectedAt: WallTime, rootCause: String?, alerted: Bool = false,
        toldOfEnd: Bool = false
    ) {
        self.id = id
        self.state = state
        self.cause = cause
        self.severity = severity
        self.failedAt = failedAt
        self.detectedAt = detectedAt
        self.rootCause = rootCause
        self.alerted = alerted
        self.toldOfEnd = toldOfEnd
    }
}

/// The releases that an incident was to be ended with, in vain so far.
///
/// A release that was put back is in place since then by the disk's word. For what is to follow, it counts as in place since
/// it was put there first.
public struct RollbacksTried: Hashable, Sendable, Codable {
    /// The release that the incident began with.
    public var from: String
    public var changedAt: WallTime
    /// Those that did not help.
    public var inVain: [String]

    public init(from: String, changedAt: WallTime, inVain: [String] = []) {
        self.from = from
        self.changedAt = changedAt
        self.inVain = inVain
    }
}

/// Position on the ladder.
public struct SavedLadder: Hashable, Sendable, Codable {
    /// Index of the step that is tried, or is next.
    public var step: Int
    /// Attempts of that step already begun.
    public var attempts: Int
    /// Attempts since the backoff last decayed; decides the backoff.
    public var backoffLevel: Int
    /// When the ladder was used up.
    public var exhaustedAt: WallTime?
    /// When the component was last proven up after an incident, and which incident that was.
    public var resolvedAt: WallTime?
    public var lastIncident: Int64?
    /// That incident was ended by an action of ours: whether the repair holds is still open.
    public var healedByUs: Bool

    public init(
        step: Int = 0, attempts: Int = 0, backoffLevel: Int = 0, exhaustedAt: WallTime? = nil,
        resolvedAt: WallTime? = nil, lastIncident: Int64? = nil, healedByUs: Bool = false
    ) {
        self.step = step
        self.attempts = attempts
        self.backoffLevel = backoffLevel
        self.exhaustedAt = exhaustedAt
        self.resolvedAt = resolvedAt
        self.lastIncident = lastIncident
        self.healedByUs = healedByUs
    }
}

public struct SavedBreaker: Hashable, Sendable, Codable {
    /// When recoveries failed, oldest first.
    public var failures: [WallTime]
    public var openedAt: WallTime?
    public init(failures: [WallTime] = [], openedAt: WallTime? = nil) {
        self.failures = failures
        self.openedAt = openedAt
    }
}

/// What the host as a whole must not forget.
public struct SavedHost: Hashable, Sendable, Codable {
    /// The next incident and action get these numbers.
    public var nextIncident: Int64
    public var nextAction: Int64
    /// When disruptive actions began, oldest first; those outside the budget's window are dropped.
    public var actions: [WallTime]
    public var pausedUntil: WallTime?
    public var frozen: Bool
    /// Actions under way whose component has left the policy, by number.
    public var orphans: [ActionRequest]
    /// The last storm.
    public var storm: SavedStorm?
    /// Those of which anything must not be forgotten, by name.
    public var groups: [String: SavedGroup]
    /// `nil` where there is nothing to remember.
    public var degradation: SavedDegradation?
    /// The last drill, under way or over; `nil`: there was none.
    public var drill: SavedDrill?

    public init(
        nextIncident: Int64 = 1, nextAction: Int64 = 1, actions: [WallTime] = [], pausedUntil: WallTime? = nil,
        frozen: Bool = false, orphans: [ActionRequest] = [], storm: SavedStorm? = nil,
        groups: [String: SavedGroup] = [:], degradation: SavedDegradation? = nil, drill: SavedDrill? = nil
    ) {
        self.nextIncident = nextIncident
        self.nextAction = nextAction
        self.actions = actions
        self.pausedUntil = pausedUntil
        self.frozen = frozen
        self.orphans = orphans
        self.storm = storm
        self.groups = groups
        self.degradation = degradation
        self.drill = drill
    }
}

/// When and why automation last stopped for the whole host.
public struct SavedStorm: Hashable, Sendable, Codable {
    public var cause: StormCause
    public var since: WallTime

    public init(cause: StormCause, since: WallTime) {
        self.cause = cause
        self.since = since
    }
}

/// What the components of a group must not forget together.
public struct SavedGroup: Hashable, Sendable, Codable {
    /// When disruptive actions on members began, oldest first, as far as the group's budget counts them.
    public var actions: [WallTime]
    public var frozen: Bool

    public init(actions: [WallTime] = [], frozen: Bool = false) {
        self.actions = actions
        self.frozen = frozen
    }
}

extension SavedHost {
    /// Takes what an older version wrote, too: what that did not know of is as new.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            nextIncident: try values.decode(Int64.self, forKey: .nextIncident),
            nextAction: try values.decode(Int64.self, forKey: .nextAction),
            actions: try values.decode([WallTime].self, forKey: .actions),
            pausedUntil: try values.decodeIfPresent(WallTime.self, forKey: .pausedUntil),
            frozen: try values.decode(Bool.self, forKey: .frozen),
            orphans: try values.decodeIfPresent([ActionRequest].self, forKey: .orphans) ?? [],
            storm: try values.decodeIfPresent(SavedStorm.self, forKey: .storm),
            groups: try values.decodeIfPresent([String: SavedGroup].self, forKey: .groups) ?? [:],
            degradation: try values.decodeIfPresent(SavedDegradation.self, forKey: .degradation),
            drill: try values.decodeIfPresent(SavedDrill.self, forKey: .drill))
    }
}

/// What an earlier run left behind.
public struct RestoredState: Hashable, Sendable {
    public var components: [String: SavedComponent]
    public var host: SavedHost
    public init(components: [String: SavedComponent] = [:], host: SavedHost = SavedHost()) {
        self.components = components
        self.host = host
    }
}
