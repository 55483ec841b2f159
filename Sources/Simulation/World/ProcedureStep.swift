import Policy
import RecoveryEngine
import ResilienceCore

/// One step of an action that consists of several.
enum ProcedureStep: Hashable, Sendable {
    /// None of these runs, for certain.
    case proveDown([String])
    case proveUp(String)
    case stop(String, expecting: String?)
    /// One that runs is left as it is.
    case start(String)
    case restart(String, expecting: String?)
    /// One that is down is left so.
    case restartIfUp(String)
    case point(Endpoint, to: String)
    case emptyCache(of: String)
    case hook
    case swapRelease(ReleaseSwitch)
    case forbidStart(of: String)
    case allowStart(of: String)
    /// systemd reads its files again.
    case reloadManager
    case limit(String, [UnitProperty])
    /// One that is frozen already is left so, unless an earlier run or try of ours may have done it.
    case freeze(String, mayBeOurs: Bool)
    case unlimit(String, [UnitProperty])
}

extension ProcedureStep {
    /// It does not only look.
    var changesSomething: Bool {
        switch self {
        case .proveDown, .proveUp: false
        case .stop, .start, .restart, .restartIfUp, .point, .emptyCache, .hook, .swapRelease, .forbidStart, .allowStart,
            .reloadManager, .limit, .freeze, .unlimit:
            true
        }
    }
}

/// A step and when it has its turn.
struct PlannedStep: Hashable, Sendable {
    enum Turn: Hashable, Sendable {
        /// Unless an earlier one failed.
        case inOrder
        /// Whatever became of those before.
        case always
        /// Only where one before it failed.
        case afterFailure
        /// Where it does not succeed, nothing else is done.
        case gate
        /// As `gate`, and then the whole action is refused.
        case gateOrRefuse
    }

    var step: ProcedureStep
    var turn: Turn

    init(_ step: ProcedureStep, _ turn: Turn = .inOrder) {
        self.step = step
        self.turn = turn
    }
}

/// An action of several steps on its way.
struct Procedure {
    var request: ActionRequest
    /// The process of the supervisor that carries it out.
    var run: Int
    var left: ArraySlice<PlannedStep>
    var outcome = ActionOutcome(.succeeded, detail: "")
    var deadline: MonotonicInstant
    /// Something in the world is no longer what it was.
    var hasDoneSomething = false
    var isTold = false

    var isGood: Bool { self.outcome.result == .succeeded }

    /// The next step that has its turn.
    mutating func next() -> PlannedStep? {
        while let step = self.left.popFirst() {
            switch step.turn {
            case .inOrder, .gate, .gateOrRefuse: if self.isGood { return step }
            case .always: return step
            case .afterFailure: if !self.isGood { return step }
            }
        }
        return nil
    }

    /// Takes in how a step ended; the first failure stays the outcome.
    mutating func add(_ end: StepEnd, of step: PlannedStep) {
        let isGood = end.outcome.result == .succeeded
        // Once something was done, the whole was not refused.
        let isVain = end.outcome.result == .refused && !self.hasDoneSomething
        self.hasDoneSomething = self.hasDoneSomething || (step.step.changesSomething && end.outcome.result != .refused)
        if isVain || (step.turn == .gateOrRefuse && !isGood && !self.hasDoneSomething) {
            self.outcome = ActionOutcome(.refused, detail: end.outcome.detail)
        } else {
            let own = end.outcome.result == .refused ? ActionResult.failed : end.outcome.result
            let result = self.isGood ? own : self.outcome.result
            let details = [self.outcome.detail, end.outcome.detail].filter { !$0.isEmpty }
            self.outcome = ActionOutcome(result, detail: details.joined(separator: "; "))
        }
        let isGate = step.turn == .gate || step.turn == .gateOrRefuse
        if end.isLast || (isGate && !isGood) { self.left = [] }
    }
}

/// How a step ended.
struct StepEnd {
    var outcome: ActionOutcome
    /// Nothing is left to do after it.
    var isLast = false

    init(_ result: ActionResult, _ detail: String, isLast: Bool = false) {
        self.outcome = ActionOutcome(result, detail: detail)
        self.isLast = isLast
    }
}

/// How a unit stands, as systemd says now.
enum UnitCondition {
    case up, down, between
}

extension SimulatedUnit {
    var condition: UnitCondition {
        guard self.job == nil else { return .between }
        switch self.activeState {
        case .active, .reloading: return .up
        case .inactive, .failed: return .down
        case .activating, .deactivating, .maintenance, .other: return .between
        }
    }
}
