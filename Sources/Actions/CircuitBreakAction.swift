import RecoveryEngine
import Systemd

/// CIRCUIT_BREAK: the unit is stopped and cannot be started, by nobody, until its trial.
public struct CircuitBreakAction: RecoveryAction {
    public static let name = "CIRCUIT_BREAK"

    private let systemd: SystemdManager

    public init(_ means: ActionMeans) { self.systemd = means.systemd }

    public func run(_ request: ActionRequest) async -> ActionOutcome {
        guard let unit = request.unit else {
            return ActionOutcome(.refused, detail: "\(request.component) has no unit to isolate")
        }
        if let refusal = await self.systemd.rivalry(
            request.order == .tryIsolated ? request.rivals : nil, timeout: request.timeout)
        {
            return refusal
        }
        var procedure = Procedure(timeout: request.timeout)
        switch request.order {
        case .isolate:
            // What can be taken back without a trace comes first: a unit that was stopped and cannot be barred would
            // stay down by our hand.
            await procedure.then { _ in await UnitDropIns.forbidStart(of: unit) }
            await procedure.then { left in await self.systemd.reloadUnitFiles(timeout: left) }
            await procedure.then { left in
                await self.systemd.stop(unit, expectedInvocationID: request.expectedInvocationID, timeout: left)
            }
            if !procedure.isGood {
                await procedure.always { _ in await UnitDropIns.allowStart(of: unit) }
                await procedure.always { left in await self.systemd.reloadUnitFiles(timeout: left) }
            }
        case .tryIsolated:
            await self.allow(unit, &procedure)
            await procedure.then { left in await self.systemd.start(unit, timeout: left) }
        case .endIsolation: await self.allow(unit, &procedure)
        case .restartAfterwards, .clearCache, .switchRelease, .failOver, .switchEndpoint, .start, .stop, .limit,
            .unlimit, nil:
            return ActionOutcome(.refused, detail: "nothing says what is to be isolated")
        }
        return procedure.outcome
    }

    private func allow(_ unit: String, _ procedure: inout Procedure) async {
        await procedure.then { _ in await UnitDropIns.allowStart(of: unit) }
        await procedure.then { left in await self.systemd.reloadUnitFiles(timeout: left) }
    }

    /// Stopping what is stopped and starting what runs change nothing.
    public func reconcile(_ request: ActionRequest) async -> ActionOutcome {
        if let unit = request.unit, request.order == .isolate {
            await self.systemd.endOfBegunJob(on: unit, ["stop"], timeout: request.timeout)
        }
        return await self.run(request)
    }
}
