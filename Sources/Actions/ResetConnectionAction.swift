import Policy
import RecoveryEngine
import Systemd

/// RESET_CONNECTION: a reload of the unit through systemd, or a signal to its main process.
public struct ResetConnectionAction: RecoveryAction {
    public static let name = "RESET_CONNECTION"

    private let systemd: SystemdManager

    public init(_ means: ActionMeans) { self.systemd = means.systemd }

    public func run(_ request: ActionRequest) async -> ActionOutcome {
        guard let unit = request.unit, case .resetConnection(let strategy) = request.strategy else {
            return ActionOutcome(.refused, detail: "\(request.component) has no unit whose connections could be reset")
        }
        guard let signal = strategy.signal else {
            return await self.systemd.reload(
                unit, expectedInvocationID: request.expectedInvocationID, timeout: request.timeout)
        }
        return await self.systemd.signalMainProcess(
            of: unit, signal.number, expectedInvocationID: request.expectedInvocationID, timeout: request.timeout)
    }

    /// A reload that is still under way tells; one that has ended, or a signal, does not.
    public func reconcile(_ request: ActionRequest) async -> ActionOutcome {
        if let unit = request.unit, case .resetConnection(let strategy) = request.strategy, strategy.signal == nil,
            let result = await self.systemd.endOfBegunJob(on: unit, ["reload"], timeout: request.timeout)
        {
            return ActionOutcome(
                result == "done" ? .succeeded : .failed, detail: "the reload begun before heald was killed: \(result)")
        }
        return ActionOutcome(
            .interrupted, detail: "whether it was carried out leaves no trace; the checks have to tell")
    }
}
