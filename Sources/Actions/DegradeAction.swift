import RecoveryEngine
import Systemd

/// DEGRADE: a unit is stopped or frozen for a level of degradation, or given back. The level itself is the engine's.
public struct DegradeAction: LoadAction {
    public static let name = "DEGRADE"
    let change: LoadChange
    public init(systemd: SystemdManager) { self.change = LoadChange(systemd: systemd) }

    public func run(_ request: ActionRequest) async -> ActionOutcome {
        guard let unit = request.unit else {
            return ActionOutcome(.refused, detail: "no unit is named")
        }
        if case .limit = request.order { return await self.freeze(unit, request) }
        guard case .start = request.order else { return await self.change.carryOut(request) }
        if let refusal = await self.change.systemd.rivalry(request.rivals, timeout: request.timeout) { return refusal }
        // One that was started and stopped since is in somebody else's hands.
        if case .down(let invocation?) = await self.change.systemd.condition(of: unit, timeout: request.timeout),
            let expected = request.expectedInvocationID, invocation != expected
        {
            return ActionOutcome(.refused, detail: "\(unit) was started and stopped by somebody else meanwhile")
        }
        return await self.change.carryOut(request)
    }

    /// Another invocation than the one decided on was started by somebody who wants it to run.
    private func freeze(_ unit: String, _ request: ActionRequest) async -> ActionOutcome {
        if let expected = request.expectedInvocationID,
            case .up(let invocation?) = await self.change.systemd.condition(of: unit, timeout: request.timeout),
            invocation != expected
        {
            return ActionOutcome(.refused, detail: "\(unit) was started anew meanwhile, and is not frozen")
        }
        return await self.change.carryOut(request)
    }
}
