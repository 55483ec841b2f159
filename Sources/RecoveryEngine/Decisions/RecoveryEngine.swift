import HeapModule
import Policy
import ResilienceCore

/// The decisions. A value: the same events at the same moments give the same effects, byte for byte.
///
/// One `ComponentMachine` per component holds what concerns it alone; this type routes events to them, and owns what
/// crosses components: dependencies, guards, timers and the numbers of incidents and actions. Its parts, by topic, are
/// extensions in this folder.
public struct RecoveryEngine: Sendable {
    var policy = PolicySnapshot()
    var generation = 0
    /// In the order of `policy.components`.
    var machines: [ComponentMachine] = []
    var indexByName: [String: Int] = [:]
    var indexByUnit: [String: Int] = [:]
    var dependencies: [[Int]] = []
    var dependents: [[Int]] = []
    /// The checks of the connectivity gate.
    var gate: [GateCheck] = []
    /// How far the machine's own time is ahead of UTC.
    let localOffset: @Sendable (Int64) -> Int64
    var host: HostState
    var generator: SeededGenerator
    var timers = Heap<TimerEntry>()
    var nextProbeID: UInt64 = 1
    /// `started` has come: before it nothing is decided, since earlier incidents are not known yet.
    var isStarted = false

    // Valid while an event is handled.
    var now = Moment(monotonic: MonotonicInstant(nanoseconds: 0), wall: WallTime(microseconds: 0))
    var effects: [Effect] = []
    /// Components to evaluate, in order, each once.
    var agenda: [Int] = []
    var agendaMembers: Set<Int> = []
    /// Components that a guard may let go on, the first of them last. What they may do depends on how all others are,
    /// who therefore have their turn before.
    var waiting: [Int] = []
    /// Components whose saved state may have changed.
    var touched: Set<Int> = []

    /// - Parameters:
    ///   - seed: of the jitter in check intervals and backoffs.
    ///   - localOffset: how far the machine's own time is ahead of UTC at an instant, in seconds; maintenance windows
    ///     go by it.
    public init(seed: UInt64, localOffset: @escaping @Sendable (Int64) -> Int64 = { _ in 0 }) {
        self.localOffset = localOffset
        self.generator = SeededGenerator(seed: seed)
        self.host = HostState(guards: Guards())
    }

    /// When `Event.deadline` is wanted next, if nothing else happens before.
    public var nextDeadline: MonotonicInstant? { self.timers.min?.at }

    /// Takes in one event.
    ///
    /// - Returns: effects in order; see `Effect`.
    public mutating func handle(_ event: Event, at now: Moment) -> [Effect] {
        self.now = now
        switch event {
        case .policyLoaded(let policy, let generation): self.load(policy, generation: generation)
        case .started(let restored): self.start(restored)
        case .unitObserved(let unit, let observation): self.observe(unit: unit, observation)
        case .unitsUnknown(let why): self.loseSight(of: why)
        case .probeFinished(let id, let component, let check, let result):
            self.takeProbe(id: id, component: component, check: check, result)
        case .beat(let component, let check): self.takeBeat(component: component, check: check)
        case .releaseSeen(let component, let seen): self.takeRelease(component, seen)
        case .freezerSeen(let unit, let seen): self.takeFrost(unit, seen)
        case .actionFinished(let id, let outcome): self.finishAction(id, outcome)
        case .deadline: break
        case .stalled(let duration): self.doubtMyself(duration)
        case .recordingFailed(let why): self.setUnrecorded(why)
        case .operatorAsked(let request): self.obey(request)
        }
        // What is decided may make a probe due at once; a few rounds settle it, and the rest is due at the next event.
        for _ in 0..<4 {
            self.runDueTimers()
            self.settle()
            self.reviewDegradation()
            self.reviewDrill()
            if !self.agenda.isEmpty { continue }
            guard let next = self.timers.min, next.at <= now.monotonic else { break }
        }
        self.save()
        self.dropStaleTimers()
        defer { self.effects = [] }
        return self.effects
    }

    // MARK: - Agenda

    /// Has the component's machine looked at once the present step is done.
    mutating func evaluateLater(_ index: Int) {
        if self.agendaMembers.insert(index).inserted { self.agenda.append(index) }
    }

    /// Evaluates until nothing is left to say. Each evaluation may put others on the agenda; a machine that keeps
    /// putting itself there is a bug of ours, and ends the process rather than the host.
    private mutating func settle() {
        guard self.isStarted else {
            self.agenda.removeAll()
            self.agendaMembers.removeAll()
            self.waiting.removeAll()
            return
        }
        var position = 0
        let limit = 64 + 64 * self.machines.count
        while true {
            if position == self.agenda.count { self.takeUpWaiting() }
            guard position < self.agenda.count else { break }
            precondition(
                position < limit, "component \(self.machines[self.agenda[position]].component.name) never settles")
            let index = self.agenda[position]
            position += 1
            self.agendaMembers.remove(index)
            self.evaluate(index)
        }
        self.agenda.removeAll(keepingCapacity: true)
    }

    /// Nothing else is left to say: whoever waited for a guard has its turn, and then the guards themselves.
    private mutating func takeUpWaiting() {
        if self.waiting.isEmpty { self.reviewThaw() }
        if let next = self.waiting.popLast() { self.evaluateLater(next) }
    }

    // MARK: - What is written down

    mutating func record(_ index: Int?, _ body: AuditRecord.Body) {
        let machine = index.map { self.machines[$0] }
        self.effects.append(
            .record(
                AuditRecord(
                    at: self.now.wall, component: machine?.component.name, incident: machine?.incident?.id, body)))
    }

    private mutating func save() {
        // Before `started` nothing is known of earlier runs: writing now would wipe out what they left behind.
        guard self.isStarted else { return }
        for index in self.touched.sorted() where index < self.machines.count {
            let saved = self.machines[index].snapshotToSave(at: self.now)
            guard !saved.isSame(as: self.machines[index].saved) else { continue }
            self.machines[index].saved = saved
            self.effects.append(.saveComponent(self.machines[index].component.name, saved))
        }
        self.touched.removeAll(keepingCapacity: true)
        let savedHost = self.host.snapshotToSave(at: self.now)
        if !savedHost.isSame(as: self.host.saved) {
            self.host.saved = savedHost
            self.effects.append(.saveHost(savedHost))
        }
    }

    mutating func enter(_ index: Int, _ phase: Phase) {
        if self.machines[index].phase.name != phase.name { self.machines[index].phaseSince = self.now.wall }
        self.machines[index].phase = phase
        self.machines[index].deadline = nil
        self.touched.insert(index)
    }
}

extension Phase {
    /// Two phases of one name are one stay.
    var name: String {
        switch self {
        case .starting: "starting"
        case .healthy: "healthy"
        case .suspect: "suspect"
        case .failing: "failing"
        case .recovering: "recovering"
        case .verifying: "verifying"
        case .exhausted: "exhausted"
        case .suppressed: "suppressed"
        case .isolated: "isolated"
        case .stopped: "stopped"
        }
    }
}
