import RecoveryEngine
import ResilienceCore
import Systemd

/// An action of several steps, taken one after another for as long as each succeeds.
struct Procedure {
    private(set) var outcome = ActionOutcome(.succeeded, detail: "")
    let deadline: ContinuousClock.Instant
    private var details: [String] = []
    private var hasBegun = false

    init(timeout: Duration) { self.deadline = ContinuousClock.now + timeout }

    /// What is left of the action's time; a step that is begun gets at least a second to end in good order.
    var timeLeft: Duration { max(.seconds(1), self.deadline - ContinuousClock.now) }

    var isGood: Bool { self.outcome.result == .succeeded }

    /// Takes a step unless an earlier one failed.
    mutating func then(_ step: (Duration) async -> ActionOutcome) async {
        guard self.isGood else { return }
        self.add(await step(self.timeLeft))
    }

    /// Takes a step whatever became of those before; the first failure stays the outcome.
    mutating func always(_ step: (Duration) async -> ActionOutcome) async { self.add(await step(self.timeLeft)) }

    private mutating func add(_ step: ActionOutcome) {
        // Once a step was taken the whole was not refused: what was done has to be proven, or taken back.
        let own = step.result == .refused && self.hasBegun ? ActionResult.failed : step.result
        if !step.detail.isEmpty { self.details.append(step.detail) }
        let result = self.isGood ? own : self.outcome.result
        self.hasBegun = true
        self.outcome = ActionOutcome(result, detail: self.details.joined(separator: "; "))
    }
}

extension SystemdManager {
    /// How a unit stands once the job that an earlier run of heald may have begun is over.
    func conditionInTheEnd(of unit: String, timeout: Duration) async -> UnitCondition {
        await self.endOfBegunJob(on: unit, ["stop", "start", "restart"], timeout: timeout)
        return await self.condition(of: unit, timeout: .seconds(5))
    }

    /// Why a unit may not be started beside `rivals`; `nil` where all of them are down for certain.
    func rivalry(_ rivals: [String]?, timeout: Duration) async -> ActionOutcome? {
        for rival in rivals ?? [] {
            switch await self.condition(of: rival, timeout: min(timeout, .seconds(5))) {
            case .down: continue
            case .up: return ActionOutcome(.refused, detail: "\(rival) runs, and never two of them do")
            case .between(_, let how): return ActionOutcome(.refused, detail: "\(rival) may run: \(how)")
            case .unknown(let why): return ActionOutcome(.refused, detail: "whether \(rival) runs is not known: \(why)")
            }
        }
        return nil
    }
}
