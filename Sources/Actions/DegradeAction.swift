import RecoveryEngine
import Systemd

/// DEGRADE: a unit is stopped or frozen for a level of degradation, or given back. The level itself is the engine's.
public struct DegradeAction: LoadAction {
    public static let name = "DEGRADE"
    let change: LoadChange
    public init(_ means: ActionMeans) { self.change = LoadChange(systemd: means.systemd) }

    public func run(_ request: ActionRequest) async -> ActionOutcome { await self.carryOut(request, isResumed: false) }

    public func reconcile(_ request: ActionRequest) async -> ActionOutcome {
        await self.change.awaitBegun(request)
        return await self.carryOut(request, isResumed: true)
    }

    private func carryOut(_ request: ActionRequest, isResumed: Bool) async -> ActionOutcome {
        guard let unit = request.unit else {
            return ActionOutcome(.refused, detail: "no unit is named")
        }
        guard case .start = request.order else {
            return await self.change.carryOut(request, isResumed: isResumed)
        }
        if let refusal = await self.change.systemd.rivalry(request.rivals, timeout: request.timeout) { return refusal }
        // One that was started and stopped since is in somebody else's hands.
        if case .down(let invocation?) = await self.change.systemd.condition(of: unit, timeout: request.timeout),
            let expected = request.expectedInvocationID, invocation != expected
        {
            return ActionOutcome(.refused, detail: "\(unit) was started and stopped by somebody else meanwhile")
        }
        return await self.change.carryOut(request)
    }
}
