import RecoveryEngine
import ResilienceCore

/// What the supervisor knows of itself and its components in figures, as of one moment.
public struct SupervisorFigures: Sendable {
    public var version: String
    public var startedAt: WallTime
    /// As in `SupervisorStatus`.
    public var state: String
    public var policyGeneration = 0
    public var policyLoadedAt = WallTime(microseconds: 0)
    /// The policy on disk is not the one that runs.
    public var isPolicyRefused = false
    public var components: [ComponentSnapshot] = []
    public var degradation: DegradationSnapshot?
    public var engine = EngineFigures()
    public var tally = LoopTally()
    /// The audit trail can be written.
    public var isRecording = true
    public var recordsWaiting = 0
    public var actionsInFlight = 0
    /// Checks that run.
    public var checksInFlight = 0
    /// `nil` where nothing is known of it.
    public var alerts: AlertFigures?

    public init(version: String, startedAt: WallTime, state: String) {
        self.version = version
        self.startedAt = startedAt
        self.state = state
    }
}

/// How the delivery of messages goes.
public struct AlertFigures: Hashable, Sendable {
    /// Messages of the outbox that somebody has not got yet.
    public var waiting = 0
    /// By channel: messages that it has, attempts that failed, messages that it was given up on.
    public var delivered: [String: UInt64] = [:]
    public var failed: [String: UInt64] = [:]
    public var givenUp: [String: UInt64] = [:]

    public init() {}
}
