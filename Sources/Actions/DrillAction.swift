import Glibc
import RecoveryEngine
import Systemd

/// DRILL: a fault is put into a unit's main process, or taken back where nobody has repaired it. No policy can ask for it.
public struct DrillAction: RecoveryAction {
    public static let name = ActionRequest.drillAction

    private let systemd: SystemdManager

    public init(_ means: ActionMeans) { self.systemd = means.systemd }

    public func run(_ request: ActionRequest) async -> ActionOutcome {
        // Without an invocation nobody knows whom it would meet.
        guard let unit = request.unit, let invocation = request.expectedInvocationID, let drill = request.drill else {
            return ActionOutcome(.refused, detail: "it is not said what the drill is to do to which process")
        }
        let signal: Int32
        switch drill {
        case .inject(.kill): signal = SIGKILL
        case .inject(.hang): signal = SIGSTOP
        case .takeBack(.hang): signal = SIGCONT
        case .takeBack(.kill): return await self.start(unit, invocation, request)
        }
        return await self.systemd.signalMainProcess(
            of: unit, signal, expectedInvocationID: invocation, timeout: request.timeout)
    }

    /// One that was started and stopped since is in somebody else's hands.
    private func start(_ unit: String, _ invocation: String, _ request: ActionRequest) async -> ActionOutcome {
        if let refusal = await self.systemd.rivalry(request.rivals, timeout: request.timeout) { return refusal }
        switch await self.systemd.condition(of: unit, timeout: request.timeout) {
        case .down(let seen?) where seen != invocation:
            return ActionOutcome(.refused, detail: "\(unit) was started and stopped by somebody else meanwhile")
        case .up, .down, .between, .unknown: return await self.systemd.start(unit, timeout: request.timeout)
        }
    }

    /// A fault is never put in a second time; taking it back twice does no harm.
    public func reconcile(_ request: ActionRequest) async -> ActionOutcome {
        if case .takeBack = request.drill { return await self.run(request) }
        return ActionOutcome(
            .interrupted, detail: "whether the signal was sent leaves no trace; the checks have to tell")
    }
}
