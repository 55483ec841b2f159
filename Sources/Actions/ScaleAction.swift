import Policy
import RecoveryEngine
import Systemd

/// What SCALE_UP, SCALE_DOWN, REDUCE_LOAD and DEGRADE have in common: units are started, stopped, limited or set free.
struct LoadChange {
    let systemd: SystemdManager

    /// What a run of heald that was killed had begun comes to its end first.
    func awaitBegun(_ request: ActionRequest) async {
        guard case .stop(let units) = request.order else { return }
        for unit in units { await self.systemd.endOfBegunJob(on: unit, ["stop"], timeout: request.timeout) }
    }

    /// Each of it can be done again without harm, which is what a reconciliation does.
    func carryOut(_ request: ActionRequest) async -> ActionOutcome {
        var procedure = Procedure(timeout: request.timeout)
        switch request.order {
        case .start(let units):
            for unit in units { await procedure.then { left in await self.systemd.start(unit, timeout: left) } }
        case .stop(let units):
            for unit in units {
                // The one that the decision was about is known.
                let expected = unit == request.unit ? request.expectedInvocationID : nil
                await procedure.then { left in
                    await self.systemd.stop(unit, expectedInvocationID: expected, timeout: left)
                }
            }
        case .limit(let units, let properties):
            for unit in units {
                await procedure.then { left in
                    properties.isEmpty
                        ? await self.systemd.freeze(unit, timeout: left)
                        : await self.systemd.set(properties, of: unit, timeout: left)
                }
            }
            // Half of a reduction would be taken back by nobody.
            if !procedure.isGood, request.action == "REDUCE_LOAD" { await self.free(units, properties, &procedure) }
        case .unlimit(let units, let properties): await self.free(units, properties, &procedure)
        case .restartAfterwards, .clearCache, .switchRelease, .failOver, .switchEndpoint, .isolate, .tryIsolated,
            .endIsolation, nil:
            return ActionOutcome(.refused, detail: "\(request.component) has nothing to scale")
        }
        return procedure.outcome
    }

    private func free(_ units: [String], _ properties: [UnitProperty], _ procedure: inout Procedure) async {
        for unit in units {
            await procedure.always { left in
                properties.isEmpty
                    ? await self.systemd.thaw(unit, timeout: left) : await UnitDropIns.forget(properties, of: unit)
            }
        }
        if !properties.isEmpty {
            await procedure.always { left in await self.systemd.reloadUnitFiles(timeout: left) }
        }
    }
}

/// An action that is a change of load and nothing else.
protocol LoadAction: RecoveryAction {
    var change: LoadChange { get }
}

extension LoadAction {
    public func run(_ request: ActionRequest) async -> ActionOutcome { await self.change.carryOut(request) }
    public func reconcile(_ request: ActionRequest) async -> ActionOutcome {
        await self.change.awaitBegun(request)
        return await self.run(request)
    }
}

/// SCALE_UP: more instances, or higher limits.
public struct ScaleUpAction: LoadAction {
    public static let name = "SCALE_UP"
    let change: LoadChange
    public init(systemd: SystemdManager) { self.change = LoadChange(systemd: systemd) }
}

/// SCALE_DOWN: fewer instances, or the limits that the unit's own files give.
public struct ScaleDownAction: LoadAction {
    public static let name = "SCALE_DOWN"
    let change: LoadChange
    public init(systemd: SystemdManager) { self.change = LoadChange(systemd: systemd) }
}

/// REDUCE_LOAD: others step back, or get everything back.
public struct ReduceLoadAction: LoadAction {
    public static let name = "REDUCE_LOAD"
    let change: LoadChange
    public init(systemd: SystemdManager) { self.change = LoadChange(systemd: systemd) }
}
