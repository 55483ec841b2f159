import ResilienceCore

/// What a drill does to the main process of a unit.
public enum DrillFault: String, CaseIterable, Hashable, Sendable, Codable {
    /// SIGKILL.
    case kill
    /// SIGSTOP; whatever becomes of the drill, the process goes on afterwards.
    case hang
}

/// What an action of a drill is to do.
public enum DrillOrder: Hashable, Sendable, Codable {
    case inject(DrillFault)
    /// Nobody has repaired it: a process that was stopped goes on, one that was killed is started.
    case takeBack(DrillFault)
}

/// How a drill ended.
public enum DrillOutcome: String, CaseIterable, Hashable, Sendable, Codable {
    /// heald, or systemd's own `Restart=`, made the component well again.
    case healed
    /// It was noticed, and nobody of those did so in time.
    case notHealed
    /// No check noticed it in time.
    case notNoticed
    /// At the moment of acting the unit was no longer the one decided on: nothing was done.
    case notInjected
    /// It was overtaken: heald itself ended in its middle, somebody stopped the unit, the policy changed.
    case interrupted
}

/// The drill that an incident belongs to.
public struct DrillCause: Hashable, Sendable, Codable {
    public var id: Int64
    public var fault: DrillFault
    public var by: String
    public var reason: String?

    public init(id: Int64, fault: DrillFault, by: String, reason: String?) {
        self.id = id
        self.fault = fault
        self.by = by
        self.reason = reason
    }
}

/// How a drill begins, as it is written down before anything is done.
public struct DrillBeginning: Hashable, Sendable, Codable {
    public var cause: DrillCause
    public var unit: String
    public var invocationID: String
    public var mainPID: Int32
    /// By then a check has to have noticed.
    public var noticedBy: WallTime

    public init(cause: DrillCause, unit: String, invocationID: String, mainPID: Int32, noticedBy: WallTime) {
        self.cause = cause
        self.unit = unit
        self.invocationID = invocationID
        self.mainPID = mainPID
        self.noticedBy = noticedBy
    }
}

/// The last drill, under way or over; there is never more than one at a time. Times in it are set once.
public struct SavedDrill: Hashable, Sendable, Codable {
    public enum Stage: String, Hashable, Sendable, Codable {
        /// On record and asked for; what became of the signal is not known yet. To: `injected`, `noticed`, `ended`.
        case injecting
        /// No check has noticed. To: `noticed`, `takingBack`, `ended`.
        case injected
        /// Its incident is open. To: `takingBack`, `ended`.
        case noticed
        /// How it ends is decided, and what it did has to be taken back first. To: `ended`.
        case takingBack
        case ended
    }

    /// Number of the action that injects.
    public var id: Int64
    public var component: String
    public var cause: DrillCause
    public var unit: String
    public var invocationID: String
    public var mainPID: Int32
    public var stage: Stage
    public var begunAt: WallTime
    /// The limit of the present stage.
    public var until: WallTime
    /// How long the repair may take from its detection on.
    public var healWithin: Duration
    /// When the signal was sent, as far as heald knows.
    public var injectedAt: WallTime?
    /// Whether the signal was sent is not known.
    public var isUncertain: Bool
    public var incident: Int64?
    /// When the component failed, by its incident.
    public var failedAt: WallTime?
    public var noticedAt: WallTime?
    /// The first repair: when it was decided on.
    public var decidedAt: WallTime?
    /// The last repair: its number, what it is, and when it ended.
    public var action: Int64?
    public var actionName: String?
    public var repairedAt: WallTime?
    /// Repairs that were begun.
    public var repairs: Int
    /// The first of the passes that held.
    public var upAt: WallTime?
    /// When that was certain.
    public var provenAt: WallTime?
    public var healer: Healer?
    public var outcome: DrillOutcome?
    /// Why it ended so, for people.
    public var detail: String?
    public var endedAt: WallTime?
    /// An action of the drill itself that has not come back.
    public var inFlight: ActionRequest?
    /// How often it was tried to take it back.
    public var takeBacks: Int

    public init(
        component: String, beginning: DrillBeginning, at begunAt: WallTime, healWithin: Duration,
        inFlight: ActionRequest
    ) {
        self.id = beginning.cause.id
        self.component = component
        self.cause = beginning.cause
        self.unit = beginning.unit
        self.invocationID = beginning.invocationID
        self.mainPID = beginning.mainPID
        self.stage = .injecting
        self.begunAt = begunAt
        self.until = beginning.noticedBy
        self.healWithin = healWithin
        self.isUncertain = false
        self.repairs = 0
        self.inFlight = inFlight
        self.takeBacks = 0
    }

    public var isUnderWay: Bool { self.stage != .ended }

    /// When the fault began: the process's own end where it is known, which heald hears of before the answer to the
    /// signal.
    public var faultAt: WallTime? {
        guard let sent = self.injectedAt else { return nil }
        guard self.cause.fault == .kill, let failedAt = self.failedAt else { return sent }
        return max(self.begunAt, min(sent, failedAt))
    }
}
