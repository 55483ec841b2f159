import ResilienceCore

/// What systemd says of a unit at one moment, as far as decisions need it.
///
/// - SeeAlso: org.freedesktop.systemd1(5), "Unit Objects" and "Service Unit Objects".
public struct UnitObservation: Hashable, Sendable, Codable {
    /// `LoadState`: `loaded`, `not-found`, `bad-setting`, `error`, `masked`, …
    public var loadState: String
    public var activeState: ActiveState
    /// `SubState`: `running`, `auto-restart`, `dead`, …
    public var subState: String
    /// 32 hexadecimal digits; `nil` where the unit was never started.
    public var invocationID: String?
    /// 0 where there is none.
    public var mainPID: Int32
    /// A service's `Result`: `success`, `exit-code`, `signal`, `core-dump`, `watchdog`, `oom-kill`, `timeout`,
    /// `start-limit-hit`, …; empty for other units.
    public var result: String
    /// How the main process last ended.
    public var exit: ProcessExit?
    /// A job that systemd has queued or is running for it.
    public var job: UnitJob?
    /// It is inactive, or on its way there, because of a stop job that the supervisor did not ask for.
    public var stoppedByOther: Bool
    /// It was (re)started by a job that the supervisor did not ask for, since its last death.
    public var startedByOther: Bool
    /// `NRestarts`: systemd's own automatic restarts.
    public var restarts: UInt32
    /// `ActiveEnterTimestamp`; `nil` where it never was active.
    public var activeEnteredAt: WallTime?
    /// `InactiveEnterTimestamp`; `nil` where it never became inactive.
    public var inactiveEnteredAt: WallTime?
    /// What it cannot do without, by its unit file (`Requires=`, `BindsTo=`, `Requisite=`), in name order; `nil`: not
    /// read.
    public var requires: [String]?
    /// The unit that it is bound to (`BindsTo=`) and that went down by itself, for which systemd stopped this one: no
    /// person's wish.
    public var stoppedWith: String?
    /// The kernel has told of the main process's end and systemd has not spoken of it yet: this is what it is going to
    /// say, by everything known. Its own word follows within milliseconds, and is the one that counts.
    public var isForetold: Bool

    public init(
        loadState: String = "loaded", activeState: ActiveState, subState: String = "", invocationID: String? = nil,
        mainPID: Int32 = 0, result: String = "success", exit: ProcessExit? = nil, job: UnitJob? = nil,
        stoppedByOther: Bool = false, startedByOther: Bool = false, restarts: UInt32 = 0,
        activeEnteredAt: WallTime? = nil, inactiveEnteredAt: WallTime? = nil, isForetold: Bool = false,
        requires: [String]? = nil, stoppedWith: String? = nil
    ) {
        self.loadState = loadState
        self.activeState = activeState
        self.subState = subState
        self.invocationID = invocationID
        self.mainPID = mainPID
        self.result = result
        self.exit = exit
        self.job = job
        self.stoppedByOther = stoppedByOther
        self.startedByOther = startedByOther
        self.restarts = restarts
        self.activeEnteredAt = activeEnteredAt
        self.inactiveEnteredAt = inactiveEnteredAt
        self.requires = requires
        self.stoppedWith = stoppedWith
        self.isForetold = isForetold
    }
}

/// systemd's `ActiveState`.
public enum ActiveState: String, CaseIterable, Hashable, Sendable, Codable {
    case active, reloading, inactive, failed, activating, deactivating, maintenance
    /// A state this version does not know.
    case other
}

/// How a process ended.
public struct ProcessExit: Hashable, Sendable, Codable {
    public enum Kind: String, Hashable, Sendable, Codable {
        case exited, killed, dumped
    }
    public var kind: Kind
    /// Exit status or signal number.
    public var status: Int32
    /// When, by systemd's `ExecMainExitTimestamp`.
    public var at: WallTime

    public init(kind: Kind, status: Int32, at: WallTime) {
        self.kind = kind
        self.status = status
        self.at = at
    }
}

/// A systemd job of a unit.
public struct UnitJob: Hashable, Sendable, Codable {
    public var id: UInt32
    /// `start`, `stop`, `restart`, …; empty where it ended before it could be asked.
    public var type: String
    /// The supervisor asked for it.
    public var isOurs: Bool

    public init(id: UInt32, type: String, isOurs: Bool) {
        self.id = id
        self.type = type
        self.isOurs = isOurs
    }
}
