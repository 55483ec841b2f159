import Policy
import ResilienceCore

/// Where a component stands. The states are named after the life of an incident.
enum Phase: Hashable, Sendable {
    /// No verdict yet. To: `healthy`, `suspect`, `failing`, `suppressed`, `stopped`.
    case starting
    /// Every check passes. To: `suspect`, `failing`, `suppressed`, `stopped`.
    case healthy
    /// Some check fails, not yet often enough, or knows nothing. To: `healthy`, `failing`, `suppressed`, `stopped`.
    case suspect
    /// Down, and no action is under way; `Hold` says why not. To: `recovering`, `verifying`, `exhausted`,
    /// `suppressed`, `stopped`, and itself with another hold.
    case failing(Hold)
    /// An action is under way. To: `verifying`, `failing`.
    case recovering(Attempt)
    /// It looks well again, or is expected to: prove it. To: `healthy`, `failing`, `stopped`.
    case verifying(Verification)
    /// The ladder is used up. To: `verifying` when it comes up, `failing` when the ladder re-arms, `stopped`.
    case exhausted(rearmAt: MonotonicInstant)
    /// A dependency's failure explains this one. To: `failing`, `verifying`, `stopped`.
    case suppressed(by: String)
    /// CIRCUIT_BREAK stopped it on purpose. To: `recovering` for its trial, `failing`, `stopped`.
    case isolated(until: MonotonicInstant)
    /// An operator stopped the unit. To: `starting`.
    case stopped
}

/// Why nothing is done right now about a component that is down.
enum Hold: Hashable, Sendable {
    /// Nothing holds it: the next step is decided now.
    case none
    /// What was seen is of another time; fresh results decide.
    case evidence
    case dependencyInDoubt(String, until: MonotonicInstant)
    /// It is not known yet whether a unit that is to be frozen is frozen already.
    case frost(until: MonotonicInstant)
    /// It is not known yet whether this machine reaches anything.
    case networkInDoubt(until: MonotonicInstant)
    case paused(until: MonotonicInstant)
    /// People work on it, as the policy has announced.
    case maintenance(window: String, until: MonotonicInstant)
    /// The audit trail cannot be written.
    case unrecorded
    /// systemd, or an operator through it, is doing something with the unit.
    case serviceManager
    case backoff(until: MonotonicInstant)
    case cooldown(until: MonotonicInstant)
    case breaker(until: MonotonicInstant)
    /// It comes and goes.
    case latched(until: MonotonicInstant)
    /// Too much was done, or too many were down, a short time ago.
    case storm(after: StormCause, until: MonotonicInstant)
    // Of the host where `group` is `nil`.
    case frozen(group: String?)
    case budget(group: String?, until: MonotonicInstant)
    case concurrency(group: String?)
    /// Its repair would leave too few members of the group in service.
    case tooFewHealthy(group: String)
    /// `mode: approve`: an operator was asked.
    case approval(id: Int64, action: String, until: MonotonicInstant)
    /// `mode: observe`.
    case observing

    /// Its beginning has a record of its own.
    var isOnRecord: Bool {
        switch self {
        case .approval: true
        // Over in a moment, and nothing to tell.
        case .frost: true
        default: false
        }
    }

    /// When it ends by itself.
    var until: MonotonicInstant? {
        switch self {
        case .none, .evidence, .unrecorded, .serviceManager, .frozen, .concurrency, .tooFewHealthy, .observing: nil
        case .dependencyInDoubt(_, let until), .paused(let until), .backoff(let until), .cooldown(let until),
            .breaker(let until), .budget(_, let until), .storm(_, let until), .latched(let until),
            .networkInDoubt(let until), .approval(_, _, let until), .maintenance(_, let until), .frost(let until):
            until
        }
    }

    /// Two holds of one kind are one line in the timeline.
    var kind: Int {
        switch self {
        case .none: 0
        case .evidence: 1
        case .dependencyInDoubt: 2
        case .paused: 3
        case .unrecorded: 4
        case .serviceManager: 5
        case .backoff: 6
        case .cooldown: 7
        case .breaker: 8
        case .frozen(let group): group == nil ? 9 : 13
        case .budget(let group, _): group == nil ? 10 : 14
        case .concurrency(let group): group == nil ? 11 : 15
        case .observing: 12
        case .tooFewHealthy: 16
        case .storm(let cause, _): cause == .freeze ? 17 : 18
        case .latched: 19
        case .networkInDoubt: 20
        case .approval: 21
        case .maintenance: 22
        case .frost: 23
        }
    }
}

/// An action under way.
struct Attempt: Hashable, Sendable {
    var request: ActionRequest
    var step: Int
    /// It can interrupt service and so counts against `maxConcurrent`.
    var isDisruptive: Bool
}

/// The proof that a component is well again.
struct Verification: Hashable, Sendable {
    /// The action to prove; `nil` where it came back without one of ours.
    var action: ActionRequest?
    /// When the action ended.
    var since: MonotonicInstant
    /// By then every check must have reached `rise`; `nil` without an action.
    var deadline: MonotonicInstant?
    /// When it was seen up; the incident closes `stable` later.
    var upAt: MonotonicInstant?
    /// Only looking, not repairing: the first failed result ends it.
    var isLook: Bool = false
    /// A new start in its middle has moved the deadline.
    var isProlonged: Bool = false
    /// It waited for a dependency that has come back.
    var afterDependency: Bool = false
    /// It had been given up until then: if it does not stay up, it still is.
    var exhaustedUntil: MonotonicInstant?
}

/// Position on the ladder and what it remembers.
struct Ladder: Hashable, Sendable {
    var step = 0
    /// Attempts of `step` already begun.
    var attempts = 0
    /// Attempts since the backoff last decayed.
    var backoffLevel = 0
    /// Not before: backoff or cooldown, with the reason.
    var notBefore: Hold = .none
    /// Steps whose skipping is on record for this incident.
    var skipped: Set<Int> = []
    /// When the last step was used up; before `rearm` has passed since, no step is taken again.
    var exhaustedAt: MonotonicInstant?
    var resolvedAt: MonotonicInstant?
    var lastIncident: Int64?
    var healedByUs = false

    mutating func restart() {
        self.exhaustedAt = nil
        self.step = 0
        self.attempts = 0
        self.backoffLevel = 0
        self.notBefore = .none
        self.skipped.removeAll()
    }

    mutating func nextStep() {
        self.step += 1
        self.attempts = 0
        self.backoffLevel = 0
        self.notBefore = .none
    }
}

/// One component: its checks, its unit, its incident and its place on the ladder.
struct ComponentMachine: Sendable {
    var component: Component
    var trackers: [CheckTracker]
    /// Its composite checks, in an order in which they can be brought up to date.
    private(set) var compositions: [Composition] = []
    var phase: Phase = .starting
    var phaseSince: WallTime
    var incident: SavedIncident?
    var ladder = Ladder()
    var breaker: CircuitBreakerMachine
    var flap = FlapDetector()
    var pausedUntil: MonotonicInstant?
    /// The step that an operator was asked about.
    var approval: Approval?
    var stoppedByOperator = false
    /// Since when it has been left alone for that, in this process.
    var stoppedSince: MonotonicInstant?
    /// What its unit requires by systemd's last word, as names of units; `nil`: not known yet, or not asked for.
    var requiredUnits: [String]?
    var unit: UnitObservation?
    /// The unit has been seen at least once by this process, so that a later death is news.
    var hasSeenUnit = false
    var timeSuspended = false
    /// The machine's own timer; the checks have theirs.
    var deadline: MonotonicInstant?
    /// Since when a dependency's doubt has been waited out.
    var doubtUntil: MonotonicInstant?
    /// Until when a doubt about the network is waited out.
    var networkDoubtUntil: MonotonicInstant?
    /// Since when nothing has been known of it.
    var unknownSince: MonotonicInstant?
    var toldUnknown = false
    /// What was last written down of it.
    var saved: SavedComponent?
    /// Counted by the engine as unhealthy, and as failing for its dependents.
    var countsUnhealthy = false
    var impairsDependents = false
    /// Known to its group as in service.
    var countsServing = false
    /// Known to the degradation of the host; `nil`: not yet.
    var countedHealth: ServiceHealth?
    /// systemd's own restarts when the incident opened.
    var restartsSeen: UInt32 = 0
    /// systemd's own restarts when the component was last up, or first seen.
    var restartsWhenUp: UInt32 = 0
    /// When its last disruptive action was decided on, in this process.
    var lastActedAt: MonotonicInstant?
    /// An operator stopped this invocation and later gave it back into our care: that stop counts no more. Empty
    /// where the unit has none.
    var forgivenStop: String?
    /// The incident that was opened on a death foretold: systemd's account of it replaces ours.
    var foretoldIncident: Int64?
    /// What single actions know of it.
    var facts = FactsState()
    /// systemd was not heard of this unit since the bus was lost.
    var isUnitInDoubt = false

    init(component: Component, now: Moment) {
        self.component = component
        let start = now.monotonic + component.startupGrace
        self.trackers = component.checks.map { CheckTracker(check: $0, from: start) }
        self.phaseSince = now.wall
        self.breaker = Self.breaker(for: component)
        self.composeChecks()
    }

    /// To be called whenever the trackers are others.
    mutating func composeChecks() {
        self.compositions = Composition.all(among: self.trackers.map(\.check))
        let members = self.component.membersOfComposites
        for index in self.trackers.indices {
            self.trackers[index].isMember = members.contains(self.trackers[index].check.name)
        }
    }

    static func breaker(for component: Component) -> CircuitBreakerMachine {
        let policy = component.breaker
        return CircuitBreakerMachine(
            failuresMax: policy.failures, window: policy.window, openFor: policy.openFor, trials: policy.halfOpen)
    }

    /// Of the enabled checks that are no members of composites: `down` if any is, else `degraded`, else `unknown`, else `up`.
    var verdict: Verdict {
        var seen: Verdict = .up
        for tracker in self.trackers where tracker.counts {
            switch tracker.verdict {
            case .down: return .down
            case .degraded: seen = .degraded
            case .unknown: if seen == .up { seen = .unknown }
            case .up: break
            }
        }
        return seen
    }

    /// Some step wants to run while the component is degraded.
    var actsOnDegraded: Bool {
        self.component.recovery.contains { $0.when.verdicts?.contains(.degraded) ?? false }
    }

    /// The check that explains the present verdict: the unit's before endpoints, the graver before the lesser.
    var culprit: CheckTracker? {
        let verdict = self.verdict
        return self.trackers.filter { $0.counts && $0.verdict == verdict && $0.failure != nil }
            .max(by: Self.isLessTelling)
    }

    static func isLessTelling(_ left: CheckTracker, _ right: CheckTracker) -> Bool {
        if left.check.kind.isUnit != right.check.kind.isUnit { return right.check.kind.isUnit }
        if left.check.severity != right.check.severity { return left.check.severity < right.check.severity }
        return left.check.name > right.check.name
    }

    /// Names of the checks that are not up, with what they saw.
    var complaint: String {
        let lines = self.trackers.filter { $0.counts && $0.verdict != .up }
            .map { "\($0.check.name): \($0.failure?.message ?? $0.verdict.rawValue)" }
        return lines.isEmpty ? "all checks pass" : lines.joined(separator: "; ")
    }

    /// The first of the passes that hold now: when the last of its checks began to pass.
    var passingSince: WallTime? {
        self.trackers.filter(\.counts).compactMap(\.passingSince).max()
    }

    /// Endpoint checks begin anew: a start or a repair makes old results worthless.
    mutating func restartEvidence(graceUntil: MonotonicInstant, at now: MonotonicInstant) {
        for index in self.trackers.indices where !self.trackers[index].check.kind.isUnit {
            self.trackers[index].forget()
            self.trackers[index].graceUntil = graceUntil
            // What was heard is dropped now, however long ago the start was.
            self.trackers[index].pulse?.awaitFirst(from: max(graceUntil, now))
            self.trackers[index].outstanding = nil
            self.hurry(index, to: now)
        }
    }

    /// What was seen of the unit is of another time, or of another unit.
    mutating func forgetUnitChecks() {
        for index in self.trackers.indices where self.trackers[index].check.kind.isUnit {
            self.trackers[index].forget()
        }
    }

    /// Runs a check at once unless it is running or due already.
    mutating func hurry(_ index: Int, to now: MonotonicInstant) {
        let tracker = self.trackers[index]
        guard tracker.check.enabled, tracker.check.kind.hasPace, tracker.outstanding == nil else { return }
        if let due = tracker.nextProbeAt, due <= now { return }
        self.trackers[index].nextProbeAt = now
    }

    /// Needs neither repair nor company: its own failure, not one it suffers from.
    var isUnhealthyByItself: Bool {
        switch self.phase {
        case .starting, .healthy, .suspect, .suppressed, .stopped: false
        case .failing(.dependencyInDoubt), .failing(.networkInDoubt), .failing(.evidence): false
        case .verifying(let verification): verification.upAt == nil
        // What is done to one that is well was planned.
        case .recovering: self.incident != nil
        case .failing, .exhausted, .isolated: true
        }
    }

    /// Its dependents cannot be expected to work.
    var isImpaired: Bool {
        switch self.phase {
        case .starting, .healthy, .suspect: false
        case .failing, .recovering, .verifying, .exhausted, .suppressed, .isolated, .stopped: true
        }
    }

    func snapshotToSave(at now: Moment) -> SavedComponent {
        var inFlight: ActionRequest?
        if case .recovering(let attempt) = self.phase { inFlight = attempt.request }
        return SavedComponent(
            incident: self.incident,
            ladder: SavedLadder(
                step: self.ladder.step, attempts: self.ladder.attempts, backoffLevel: self.ladder.backoffLevel,
                exhaustedAt: self.ladder.exhaustedAt.map(now.wall(at:)),
                resolvedAt: self.ladder.resolvedAt.map(now.wall(at:)),
                lastIncident: self.ladder.lastIncident, healedByUs: self.ladder.healedByUs),
            breaker: SavedBreaker(
                failures: self.breaker.failures.map(now.wall(at:)),
                openedAt: self.breaker.openedAt.map(now.wall(at:))),
            pausedUntil: self.pausedUntil.map(now.wall(at:)), stoppedByOperator: self.stoppedByOperator,
            inFlight: inFlight, timeSuspended: self.timeSuspended,
            flap: self.flap.changes.isEmpty && !self.flap.isFlapping
                ? nil : SavedFlap(changes: self.flap.changes.map(now.wall(at:)), latched: self.flap.isFlapping),
            approval: self.approval?.saved(at: now), facts: self.factsToSave)
    }
}
