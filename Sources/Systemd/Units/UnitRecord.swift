import RecoveryEngine
import ResilienceCore

/// One watched unit: what is known of it, who touched it, and what was told of it. On the bus thread only.
final class UnitRecord {
    /// A job of the unit that has not ended.
    struct Job {
        var id: UInt32
        /// `nil` until systemd has been asked.
        var type: String?
        var isOurs: Bool
        /// systemd's own `Restart=` asked for it.
        var isAutomatic: Bool
        /// The unit's invocation when the job appeared.
        var invocationBefore: String?
        /// systemd has been asked for the type and has not answered yet.
        var isTypeAwaited = false

        /// The unit that it is bound to and that has just gone down by itself.
        var boundTo: String?

        /// A stop that a person asked for, as far as can be known.
        var isForeignStop: Bool { !self.isOurs && self.type == "stop" && self.boundTo == nil }
    }

    /// As the policy calls it; may be an alias.
    let name: String
    /// systemd's primary name of it, which is how job signals call it.
    var primaryName: String
    /// The object of the primary name, which is where its signals come from.
    var path: String

    /// The sink wants to hear of it; otherwise it is here for an action only.
    var isTold = true
    /// The sink wants to hear what it requires, too.
    var tellsRequirements = false
    /// `nil`: not known at present.
    var state: UnitState?
    /// Only what a listing tells is known; the rest is being read.
    var isPartial = true
    /// The first half of a change, until the second comes.
    var stagedService: ServiceState?
    /// Grows with each snapshot, so that an older answer is told from a newer signal.
    var generation = 0
    /// A reading of all properties is queued or under way.
    var isReading = false
    /// Called, in order, when a full snapshot has been taken or could not be had.
    var readers: [(SystemdError?) -> Void] = []

    var job: Job?
    /// Actions under way on it.
    var users = 0
    /// Calls of ours that queue a job for it and have not been answered.
    var ownCalls = 0
    /// What the newest of those calls asks for: `restart`, `reload`, …
    var ownCallType = "restart"
    var stoppedByOther = false
    var startedByOther = false
    /// The invocation that was stopped.
    var stoppedInvocation: String?
    /// systemd stopped it with that unit, which it is bound to.
    var stoppedWith: String?
    /// When it last went down without a stop of somebody's, on the clock of the bus thread.
    var wentDownAt: Int64?
    /// Whether nobody watched since the last snapshot, so that jobs may have gone by unseen.
    var hasGap = true

    /// What the sink was last told; `nil`: nothing that still counts.
    var delivered: UnitObservation?
    /// A descriptor of the main process, and which process that is.
    var death: (descriptor: Int32, pid: Int32)?
    /// systemd has confirmed that `death` is of its main process.
    var isDeathOurs = false
    /// What systemd does when the main process ends; `nil`: not known (any more).
    var ending: UnitEnding?
    /// The main process has ended and systemd has not spoken of it yet: what it is going to say.
    var foretold: UnitObservation?
    /// Called, in order, when systemd has spoken of what was foretold, or can no longer be heard.
    var wordWaiters: [() -> Void] = []

    init(name: String) {
        self.name = name
        self.primaryName = name
        self.path = UnitName.objectPath(of: name)
    }

    var isService: Bool { self.primaryName.hasSuffix(".service") }

    /// What is to be told, as things stand; `nil` where it is not known or not yet certain.
    var observation: UnitObservation? {
        if let foretold = self.foretold { return foretold }
        guard let state = self.state else { return nil }
        // A unit that went down under somebody's job of which the type is not known yet: the answer is a matter of a
        // millisecond, and decides between a failure and an operator's hand.
        if state.isDown, let job = self.job, !job.isOurs, job.type == nil, job.isTypeAwaited { return nil }
        // A death is told once and whole: how it ended has to be known first.
        if self.isPartial, state.general.load == "loaded", !state.isUp { return nil }
        return UnitObservation(
            loadState: state.general.load, activeState: state.general.active, subState: state.general.sub,
            invocationID: state.general.invocation, mainPID: state.service.mainPID, result: state.service.result,
            exit: state.service.exit,
            job: self.job.map { UnitJob(id: $0.id, type: $0.type ?? "", isOurs: $0.isOurs) },
            stoppedByOther: self.stoppedByOther, startedByOther: self.startedByOther,
            restarts: state.service.restarts, activeEnteredAt: Self.wall(state.general.activeEnter),
            inactiveEnteredAt: Self.wall(state.general.inactiveEnter),
            requires: self.tellsRequirements ? state.general.requires : nil,
            stoppedWith: self.stoppedWith)
    }

    private static func wall(_ microseconds: UInt64) -> WallTime? {
        microseconds == 0 ? nil : WallTime(microseconds: Int64(clamping: microseconds))
    }

    // MARK: Whose hand

    /// Takes in a complete snapshot.
    func take(_ new: UnitState) {
        let old = self.state
        self.state = new
        self.generation += 1
        self.stagedService = nil
        self.isPartial = false
        self.foretold = nil
        if let old, new.service.restarts > old.service.restarts { self.job?.isAutomatic = true }
        if new.isDown {
            if let old, !old.isDown { self.startedByOther = false }
            if old?.isDown == false { self.wentDownAt = BusThread.now() }
            if let job = self.job, job.isForeignStop { self.markStopped() }
            if let job = self.job, job.type == "stop", let other = job.boundTo { self.stoppedWith = other }
            // The job, if there was one, went by unseen.
            if self.hasGap, self.job == nil, old == nil || old?.isDown == false || old?.general != new.general {
                if new.wasStopped { self.markStopped() }
            }
        } else if new.general.active != .deactivating {
            self.stoppedWith = nil
            self.wentDownAt = nil
            if new.general.invocation != self.stoppedInvocation {
                self.stoppedByOther = false
                self.stoppedInvocation = nil
            }
        }
        if !new.isDown, let job = self.job { self.noteStart(by: job) }
        self.hasGap = false
    }

    /// A job of ours or somebody else's has ended, or was seen to be gone.
    func jobEnded(result: String) {
        guard let job = self.job else { return }
        self.job = nil
        self.state?.general.job = 0
        guard !job.isOurs, let state = self.state else { return }
        // Too short to be asked: a start gives a new invocation, a stop leaves the old one behind. So does a start that
        // systemd refuses because there were too many, but it is not done.
        let isStop =
            state.isDown && state.general.invocation == job.invocationBefore && result == "done" && !job.isAutomatic
        let type = job.type ?? (isStop ? "stop" : "start")
        if type == "stop" {
            if state.isDown, let other = job.boundTo {
                self.stoppedWith = other
            } else if state.isDown {
                self.markStopped()
            } else if result != "done" {
                self.stoppedByOther = false
            }
        } else if result == "done" {
            self.noteStart(by: job)
        }
    }

    /// What was foretold no longer counts: systemd has spoken, or cannot.
    ///
    /// - Returns: whether anybody waited for that.
    @discardableResult
    func endForetelling() -> Bool {
        self.foretold = nil
        let waiters = self.wordWaiters
        self.wordWaiters = []
        for waiter in waiters { waiter() }
        return !waiters.isEmpty
    }

    func markStopped() {
        self.stoppedByOther = true
        self.wentDownAt = nil
        self.stoppedInvocation = self.state?.general.invocation
    }

    /// What was taken for somebody's stop was ours.
    ///
    /// - Returns: whether it was.
    func takeBackStop() -> Bool {
        guard self.stoppedByOther, self.job == nil else { return false }
        self.stoppedByOther = false
        self.stoppedInvocation = nil
        return true
    }

    private func noteStart(by job: Job) {
        guard !job.isOurs, !job.isAutomatic, let state = self.state, !state.isDown else { return }
        guard job.type != "stop", state.general.invocation != job.invocationBefore else { return }
        self.startedByOther = true
    }
}
