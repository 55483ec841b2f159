import Policy
import RecoveryEngine
import Systemd

/// RESTART: the unit's restart through systemd, followed to its end, and those that go with it.
public struct RestartAction: RecoveryAction {
    public static let name = "RESTART"

    private let systemd: SystemdManager

    public init(_ means: ActionMeans) { self.systemd = means.systemd }

    public func run(_ request: ActionRequest) async -> ActionOutcome {
        guard let unit = request.unit else {
            return ActionOutcome(.refused, detail: "\(request.component) has no unit to restart")
        }
        // The common case goes its way without a detour.
        guard request.rivals != nil || request.order != nil || Self.signal(request) != nil else {
            return await self.systemd.restart(
                unit, expectedInvocationID: request.expectedInvocationID, timeout: request.timeout)
        }
        if let refusal = await self.systemd.rivalry(request.rivals, timeout: request.timeout) { return refusal }
        var procedure = Procedure(timeout: request.timeout)
        if let signal = Self.signal(request), case .up = await self.systemd.condition(of: unit, timeout: .seconds(2)) {
            await procedure.then { left in
                await self.systemd.signalMainProcess(
                    of: unit, signal.number, expectedInvocationID: request.expectedInvocationID, timeout: left)
            }
            await self.giveTime(to: unit)
        }
        await procedure.then { left in
            await self.systemd.restart(unit, expectedInvocationID: request.expectedInvocationID, timeout: left)
        }
        if case .restartAfterwards(let others) = request.order {
            for other in others {
                await procedure.then { left in await self.systemd.restartIfUp(other, timeout: left) }
            }
        }
        return procedure.outcome
    }

    /// A signal is of use only to who gets to handle it before the restart's own.
    private func giveTime(to unit: String) async {
        for _ in 0..<10 {
            guard case .up = await self.systemd.condition(of: unit, timeout: .seconds(1)) else { return }
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Whether those that go with it were restarted too leaves no trace; they are not restarted again.
    public func reconcile(_ request: ActionRequest) async -> ActionOutcome {
        guard let unit = request.unit else {
            return ActionOutcome(.interrupted, detail: "\(request.component) has no unit")
        }
        return await self.systemd.reconcileRestart(
            of: unit, expectedInvocationID: request.expectedInvocationID, timeout: request.timeout)
    }

    private static func signal(_ request: ActionRequest) -> ProcessSignal? {
        guard case .restart(let strategy) = request.strategy else { return nil }
        return strategy.signal
    }
}
