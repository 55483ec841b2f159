import Logging
import Policy
import RecoveryEngine
import ResilienceCore

/// The one loop: events in, decisions, one commit, then what was decided.
///
/// Everything here happens on one thread, which runs `turn()`, waits for the mailbox and begins again. It is a class
/// that only that thread holds; others reach it through the mailbox.
final class DecisionLoop {
    /// Events taken into one batch: many enough to share a commit, few enough that the first need not wait.
    static let batchMost = 256
    /// Turns for the engine's deadlines alone are at least so far apart; what is due between shares the next one.
    static let deadlinesApart = Duration.milliseconds(10)
    /// How often within a turn the engine may answer to what became of its own effects.
    static let feedbackRoundsMost = 8

    /// Where the loop is in its life.
    enum Phase {
        /// Without policy: nothing is decided.
        case waiting
        case running
        /// Takes in outcomes of what is in flight, until the time, and begins nothing.
        case ending(reason: String, until: MonotonicInstant)
        case ended
    }

    let ports: SupervisorPorts
    let options: SupervisorOptions
    let logger: Logger
    let mailbox: Mailbox
    let watching: UnitWatching
    let evidence: EvidenceGathering
    var delayedEvidence = DelayedEvidence()

    var engine: any DecisionEngine
    var recorder: Recorder
    var inFlight = ActionsInFlight()
    /// Probes that were started and have not answered, with their component.
    var probesInFlight: [UInt64: String] = [:]
    var waiters: [CheckWaiter] = []
    var policy = PolicyState()
    var phase = Phase.waiting
    /// The turn's only reading of the clocks: everything in it sees the same time.
    var now: Moment

    /// Decided in this turn, not yet committed.
    var effects: [Effect] = []
    /// The loop's own records for this turn's commit.
    var records: [AuditRecord] = []
    /// Answers that wait for this turn's commit.
    var afterCommit: [() -> Void] = []
    /// Answers that wait for the loop's end.
    var afterEnd: [() -> Void] = []
    var pause = PauseSwitchState()
    var heartbeat: Heartbeat
    var news = DegradationNews()
    var tally = LoopTally()
    /// The first repair in the last drill of this process.
    var drillRepair: (drill: Int64, sentAt: WallTime)?

    var stalls: StallDetector
    private var deadlineHandledAt: MonotonicInstant?

    init(
        engine: any DecisionEngine, ports: SupervisorPorts, options: SupervisorOptions, mailbox: Mailbox,
        feed: EventFeed = EventFeed(), logger: Logger
    ) {
        self.engine = engine
        self.ports = ports
        self.options = options
        self.mailbox = mailbox
        self.logger = logger
        self.watching = UnitWatching(observer: ports.observer)
        self.evidence = EvidenceGathering(source: ports.evidence) { request, text in
            mailbox.put(.work { $0.keep(evidence: text, for: request) })
        }
        self.recorder = Recorder(store: ports.store, feed: feed)
        self.stalls = StallDetector()
        self.now = ports.clock.now()
        self.heartbeat = Heartbeat(watchdogInterval: ports.notifier.watchdogInterval, now: self.now.monotonic)
    }

    var hasEnded: Bool {
        if case .ended = self.phase { true } else { false }
    }

    /// Takes in what has come, decides, commits and acts.
    ///
    /// - Returns: when the next turn is due if nothing comes before.
    func turn() -> MonotonicInstant {
        self.now = self.ports.clock.now()
        self.takeStall()
        self.takePauseSwitch()
        for message in self.mailbox.take(most: Self.batchMost) {
            switch message {
            case .event(let event): self.take(event)
            case .work(let work): work(self)
            }
        }
        self.takeOverdueActions()
        self.takeDeadline()
        self.settle()
        for request in self.delayedEvidence.takeDue(at: self.now.monotonic) { self.evidence.gather(request) }
        self.retryRecording()
        self.beat()
        self.answer()
        self.endIfDone()
        let next = self.nextTurn()
        let ended = self.ports.clock.now().monotonic
        self.stalls.ended(began: self.now.monotonic, ended: ended, next: next)
        self.tally.turned(late: self.stalls.late, took: ended - self.now.monotonic)
        return next
    }

    /// Lets the engine decide on an event; its effects join those of the turn.
    func decide(_ event: Event) {
        self.effects += self.engine.handle(event, at: self.now)
    }

    private func take(_ event: Event) {
        switch event {
        case .actionFinished(let id, let outcome):
            self.tally.ended(id, at: self.now.monotonic)
            // Answers count once, also where the time limit spoke first.
            guard self.inFlight.ended(id) else {
                self.logger.debug(
                    "Ignored the late end of an action",
                    metadata: ["action": "\(id)", "result": "\(outcome.result.rawValue)"])
                return
            }
        case .probeFinished(let id, let component, let check, let result):
            self.tally.took(result, of: component, check: check)
            self.probesInFlight[id] = nil
            for index in self.waiters.indices { self.waiters[index].probes.remove(id) }
        case .started, .policyLoaded, .unitObserved, .unitsUnknown, .beat, .deadline, .stalled, .recordingFailed,
            .releaseSeen, .freezerSeen, .operatorAsked:
            break
        }
        switch self.phase {
        case .running: self.decide(event)
        case .ending: if case .actionFinished = event { self.decide(event) }
        case .waiting, .ended: break
        }
    }

    private func takeStall() {
        let away = self.stalls.began(at: self.now.monotonic, suspended: self.ports.clock.suspended)
        guard let away, case .running = self.phase else { return }
        self.tally.stalled(for: away)
        self.logger.warning("The supervisor was held up", metadata: ["seconds": "\(away.inSeconds)"])
        self.decide(.stalled(away))
    }

    private func takeOverdueActions() {
        for request in self.inFlight.overdue(at: self.now.monotonic) {
            self.logger.error(
                "An action did not come back within its time",
                metadata: ["action": "\(request.id)", "component": "\(request.component)"])
            let detail = "no result within twice its timeout of \(request.timeout.inSeconds) s; what it did is unknown"
            self.decide(.actionFinished(id: request.id, ActionOutcome(.timedOut, detail: detail)))
        }
    }

    private func takeDeadline() {
        guard case .running = self.phase, let due = self.deadlineDue, due <= self.now.monotonic else { return }
        self.deadlineHandledAt = self.now.monotonic
        self.decide(.deadline)
    }

    /// The engine's next deadline, moved back where the last one was only just served.
    private var deadlineDue: MonotonicInstant? {
        guard let wanted = self.engine.nextDeadline else { return nil }
        return self.deadlineHandledAt.map { max(wanted, $0 + Self.deadlinesApart) } ?? wanted
    }

    private func answer() {
        self.answerWaiters()
        let answers = self.afterCommit
        self.afterCommit = []
        for answer in answers { answer() }
    }

    private func nextTurn() -> MonotonicInstant {
        var next = self.heartbeat.next
        if let failure = self.recorder.failure { next = min(next, failure.retryAt) }
        if let evidence = self.delayedEvidence.nextDue { next = min(next, evidence) }
        if let overdue = self.inFlight.nextDeadline { next = min(next, overdue) }
        if let waiter = self.waiters.map(\.deadline).min() { next = min(next, waiter) }
        switch self.phase {
        case .running:
            if let deadline = self.deadlineDue { next = min(next, deadline) }
            if let due = self.news.dueAt { next = min(next, due) }
        case .ending(_, let until): next = min(next, until)
        case .waiting, .ended: break
        }
        return next
    }
}
