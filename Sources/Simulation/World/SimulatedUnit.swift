import RecoveryEngine
import ResilienceCore

/// A unit as systemd knows it, and the process behind it.
struct SimulatedUnit {
    /// When systemd takes its start for done.
    enum Startup { case simple, notify }

    let name: String
    var startup: Startup
    /// From the start of the process until it serves.
    var bootTime: Duration
    /// From SIGTERM until it is gone.
    var stopTime: Duration
    /// `RestartSec`, where the unit has `Restart=always`.
    var ownRestart: Duration?
    /// It is started with the machine.
    var isEnabled = true

    /// By its file.
    var requires: [String] = []

    /// Every start dies soon.
    var broken = false
    /// Nothing will ever mend it.
    var brokenForGood = false
    /// A start never comes to its end.
    var neverReady = false
    /// So many of the next processes crash soon after their start.
    var crashesToCome = 0
    /// Takes longer than usual to be there, next time.
    var slowBoot: Duration?
    /// Its stop takes so long; some processes do not even die of SIGKILL meanwhile.
    var hangInStop: (for: Duration, survivesKill: Bool)?
    /// Its processes stand still, by whose hand; systemd does not tell.
    var frozenBy: Fact.Hand?
    /// Its main process was sent SIGSTOP.
    var isStopped = false
    /// Processes beside the main one go on to answer while that is stopped.
    var hasWorkers = false

    var loadState = "loaded"
    var activeState = ActiveState.inactive
    var subState = "dead"
    var invocationID: String?
    var mainPID: Int32 = 0
    var result = "success"
    var exit: ProcessExit?
    var job: UnitJob?
    /// Whose job it is in truth; a supervisor that is started anew takes those of the one before for somebody else's.
    var jobHand: Fact.Hand?
    var jobQueuedAt = MonotonicInstant(nanoseconds: 0)
    var stoppedByOther = false
    var startedByOther = false
    var restarts: UInt32 = 0
    var activeEnteredAt: WallTime?
    var inactiveEnteredAt: WallTime?

    /// Goes up with each change of life, so that what was planned for an earlier one does not happen.
    var epoch = 0
    /// True time from which the process serves; `nil` where there is none, or it never will.
    var servesFrom: MonotonicInstant?
    /// What is wrong with the running process; a new process is well.
    var ailment = EndpointState.well
    /// When systemd itself restarted it: five in ten seconds are the limit.
    var ownRestarts: [MonotonicInstant] = []

    var isRunning: Bool { self.mainPID != 0 }
    var isFrozen: Bool { self.frozenBy != nil }
    /// It answers nobody, and reports to nobody.
    var standsStill: Bool { self.isFrozen || self.isStopped && !self.hasWorkers }
    /// A process is there, and stopped by a signal.
    var isHeldUp: Bool { self.isRunning && self.isStopped }

    var observation: UnitObservation {
        UnitObservation(
            loadState: self.loadState, activeState: self.activeState, subState: self.subState,
            invocationID: self.invocationID, mainPID: self.mainPID, result: self.result, exit: self.exit,
            job: self.job, stoppedByOther: self.stoppedByOther, startedByOther: self.startedByOther,
            restarts: self.restarts, activeEnteredAt: self.activeEnteredAt, inactiveEnteredAt: self.inactiveEnteredAt,
            requires: self.requires)
    }
}

/// How an endpoint answers.
enum EndpointState: Hashable, Sendable {
    case well
    /// The connection is refused.
    case refused
    /// It accepts and never answers.
    case hangs
    /// It answers after so long.
    case slow(Duration)
    /// An HTTP status other than the expected one.
    case status(Int)
    /// It answers as it should, and its heartbeats have stopped.
    case silent
    /// The right status, and nonsense in the body.
    case nonsense
}
