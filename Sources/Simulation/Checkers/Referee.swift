import RecoveryEngine
import ResilienceCore

/// Keeps the notes, shows every fact to every checker, and collects what they object to.
struct Referee {
    private(set) var knowledge = Knowledge()
    private(set) var violations: [Violation] = []
    private var checkers: [any Checker]
    /// True time at which the engine's clock showed 0.
    var clockZero: MonotonicInstant {
        get { self.knowledge.clockZero }
        set { self.knowledge.clockZero = newValue }
    }

    init(checkers: [any Checker] = Self.allCheckers()) { self.checkers = checkers }

    mutating func observe(_ fact: Fact, at now: MonotonicInstant) {
        switch fact {
        case .told(let event):
            self.knowledge.hear(event, at: now)
            self.show(fact, at: now)
        case .decided(let effects):
            for case .act(let request) in effects { self.knowledge.deciding[request.id] = request }
            defer { self.knowledge.deciding = [:] }
            self.show(fact, at: now)
            // In the order in which the batch takes effect: what is written down comes before what is done.
            for effect in effects where effect.isWritten { self.consider(effect, at: now) }
            for effect in effects where !effect.isWritten { self.consider(effect, at: now) }
        case .supervisorStarted(let run, _):
            self.show(fact, at: now)
            self.knowledge.begin(run: run, at: now)
        case .supervisorEnded(let lost):
            self.show(fact, at: now)
            self.knowledge.end(lost: lost)
        case .wallMoved(let duration):
            if duration > .zero { self.knowledge.hasWallJumped = true }
            self.show(fact, at: now)
        case .committed, .commitFailed, .considered, .actionBegun, .actionPerformed, .reconcileBegun, .truth,
            .calm, .ended, .stepTaken, .cacheEmptied, .processBegan, .processEnded, .releaseInstalled, .left,
            .frozenByHand, .thawed, .drillsOver:
            self.show(fact, at: now)
        }
    }

    mutating func violate(_ invariant: String, _ what: String, at now: MonotonicInstant) {
        self.violations.append(Violation(invariant: invariant, what: what, at: now))
    }

    private mutating func consider(_ effect: Effect, at now: MonotonicInstant) {
        self.show(.considered(effect), at: now)
        self.knowledge.note(effect, at: now)
    }

    private mutating func show(_ fact: Fact, at now: MonotonicInstant) {
        for index in self.checkers.indices {
            guard let what = self.checkers[index].observe(fact, at: now, knowing: self.knowledge) else { continue }
            self.violate(type(of: self.checkers[index]).invariant, what, at: now)
        }
    }

    /// One of each kind.
    static func allCheckers() -> [any Checker] {
        [
            OneActionPerUnit(), ActionBudgetHolds(), MaxConcurrentHolds(), IntentBeforeEffect(), IntentsAreClosed(),
            NoActionWhileHeld(), NoActionOnForeignHands(), ActionsAreFresh(), NothingIsDoneTwice(),
            DependentsWait(), RootCauseIsTrue(), TimesAreOrdered(), AlertsAreBounded(), GraceIsRespected(),
            HealthyIsLeftAlone(), IncidentsHaveEvidence(), IncidentsAreWellFormed(), LadderIsFollowed(),
            BreakerHolds(), FreezeHolds(), ChecksKeepTheirPace(), EverythingIsHealed(), EngineIsCalm(),
            ProofsAreFair(), TrailIsBounded(), StormsAreWaitedOut(), ActionsAreApproved(), WindowsAreKept(),
            NeverTwoActive(), OneFailoverPerIncident(), WhatRunsIsWatched(), FencedIsNotForgotten(),
            RollbacksAreSound(), UndoFollowsStep(), CacheIsEmptiedWhileDown(), StoppedForCacheIsStarted(),
            InstancesStayInBounds(), WhatWasLentComesBack(), AsidesAreCalm(), IsolationHolds(), OwnStopsAreKnown(),
            LevelsAreJustified(), LevelsAreLeftInSteps(), LevelsTouchOnlyTheirUnits(), ShedUnitsComeBack(),
            OthersFreezesAreTheirs(), DesiredIsKept(), DrillsAreSafe(), DrillsAreTakenBack(),
        ]
    }
}
