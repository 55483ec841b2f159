import Policy
import RecoveryEngine
import Systemd

/// ROLLBACK: `current` is pointed at another release, atomically, and the unit is started anew.
public struct RollbackAction: RecoveryAction {
    public static let name = "ROLLBACK"

    private let systemd: SystemdManager
    private let files: FileCalls

    public init(_ means: ActionMeans) {
        self.systemd = means.systemd
        self.files = means.files
    }

    public func run(_ request: ActionRequest) async -> ActionOutcome {
        guard let unit = request.unit, case .switchRelease(let change) = request.order else {
            return ActionOutcome(.refused, detail: "\(request.component) has no release to go back to")
        }
        if let refusal = await self.systemd.rivalry(request.rivals, timeout: request.timeout) { return refusal }
        var procedure = Procedure(timeout: request.timeout)
        switch await self.swap(change, timeout: procedure.timeLeft) {
        case .swapped: await procedure.then { _ in ActionOutcome(.succeeded, detail: "\(change.from) → \(change.to)") }
        case .done where change.isPutBack:
            return ActionOutcome(.succeeded, detail: "\(change.to) is in place already")
        case .done: await procedure.then { _ in ActionOutcome(.succeeded, detail: "\(change.to) is in place already") }
        case .not(let outcome): return outcome
        }
        await procedure.then { left in
            await self.systemd.restart(unit, expectedInvocationID: request.expectedInvocationID, timeout: left)
        }
        return procedure.outcome
    }

    private enum Swap: Sendable {
        case swapped, done
        case not(ActionOutcome)
    }

    private func swap(_ change: ReleaseSwitch, timeout: Duration) async -> Swap {
        let swap = await self.files.call(on: change.policy.current, within: timeout) { () -> Swap in
            let directory = ReleaseDirectory(policy: change.policy)
            let seen = directory.look()
            if let problem = seen.problem { return .not(ActionOutcome(.failed, detail: problem)) }
            if seen.current == change.to { return .done }
            guard seen.current == change.from else {
                let now = "\(change.policy.current) points to \(seen.current ?? "nothing") by now"
                return .not(ActionOutcome(.refused, detail: now))
            }
            return directory.point(to: change.to).map { .not(ActionOutcome(.failed, detail: $0)) } ?? .swapped
        }
        switch swap {
        case .success(let swap): return swap
        case .failure(let failure): return .not(failure.outcome)
        }
    }

    /// The link tells how far it came. Where it was moved and the unit was not started since, only that is left to do.
    public func reconcile(_ request: ActionRequest) async -> ActionOutcome {
        guard let unit = request.unit, case .switchRelease(let change) = request.order else {
            return ActionOutcome(.interrupted, detail: "\(request.component) has no release to go back to")
        }
        let seen = await self.files.look(at: change.policy, within: request.timeout)
        if let problem = seen.problem {
            return ActionOutcome(.interrupted, detail: "what became of it is not known: \(problem)")
        }
        guard seen.current == change.to else {
            return ActionOutcome(
                .interrupted, detail: "\(seen.current ?? "nothing") is still current: nothing was done")
        }
        let before = await self.systemd.reconcileRestart(
            of: unit, expectedInvocationID: request.expectedInvocationID, timeout: request.timeout)
        guard before.result == .interrupted else { return before }
        return await self.systemd.restart(
            unit, expectedInvocationID: request.expectedInvocationID, timeout: request.timeout)
    }
}
