import RecoveryEngine
import Systemd

/// RESTART: the unit's restart through systemd, followed to its end.
public struct RestartAction: RecoveryAction {
    public static let name = "RESTART"

    private let systemd: SystemdManager

    public init(systemd: SystemdManager) { self.systemd = systemd }

    public func run(_ request: ActionRequest) async -> ActionOutcome {
        guard let unit = request.unit else {
            return ActionOutcome(.refused, detail: "\(request.component) has no unit to restart")
        }
        return await self.systemd.restart(
            unit, expectedInvocationID: request.expectedInvocationID, timeout: request.timeout)
    }

    public func reconcile(_ request: ActionRequest) async -> ActionOutcome {
        guard let unit = request.unit else {
            return ActionOutcome(.interrupted, detail: "\(request.component) has no unit")
        }
        return await self.systemd.reconcileRestart(
            of: unit, expectedInvocationID: request.expectedInvocationID, timeout: request.timeout)
    }
}
