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
    ///
    /// - Parameter isResumed: an earlier run of heald may have begun it.
    func carryOut(_ request: ActionRequest, isResumed: Bool = false) async -> ActionOutcome {
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
        case .limit(let units, []): await self.freeze(units, for: request, isResumed: isResumed, &procedure)
        case .limit(let units, let properties):
            for unit in units {
                await procedure.then { left in await self.systemd.set(properties, of: unit, timeout: left) }
            }
            // Half of a reduction would be taken back by nobody.
            if !procedure.isGood, request.action == "REDUCE_LOAD" {
                await self.free(units, properties, for: request, &procedure)
            }
        case .unlimit(let units, let properties): await self.free(units, properties, for: request, &procedure)
        case .restartAfterwards, .clearCache, .switchRelease, .failOver, .switchEndpoint, .isolate, .tryIsolated,
            .endIsolation, nil:
            return ActionOutcome(.refused, detail: "\(request.component) has nothing to scale")
        }
        return procedure.outcome
    }

    /// Each of the units was seen not to be frozen when it was decided. So one that is frozen now is somebody else's in the
    /// first try, which ends there; after a crash, or a try that ended in doubt, it is taken for ours. Another invocation
    /// than the one decided on was started by somebody who wants it to run.
    private func freeze(
        _ units: [String], for request: ActionRequest, isResumed: Bool, _ procedure: inout Procedure
    ) async {
        // A freeze of REDUCE_LOAD that failed was taken back; one for a level stays asked for.
        let mayBeOurs = isResumed || (request.isOfHost && request.attempt > 1)
        var ours = mayBeOurs ? units : []
        for unit in units {
            await procedure.then { left in
                guard let seen = await self.systemd.freezer(of: unit) else {
                    return ActionOutcome(.failed, detail: "whether \(unit) is frozen already is not known")
                }
                let refusal = ActionOutcome(.refused, detail: "\(unit) was started anew meanwhile, and is not frozen")
                if request.isAbout(another: seen.invocationID, of: unit) { return refusal }
                if !mayBeOurs {
                    if seen.isFrozen {
                        return ActionOutcome(.refused, detail: "\(unit) was frozen by somebody else meanwhile")
                    }
                    ours.append(unit)
                }
                let outcome = await self.systemd.freeze(unit, timeout: left)
                // It may have been started anew in the moment between: then this freeze met what it was not meant for.
                guard outcome.result == .succeeded, let after = await self.systemd.freezer(of: unit),
                    request.isAbout(another: after.invocationID, of: unit)
                else { return outcome }
                let thaw = await self.systemd.thaw(unit, timeout: left)
                return thaw.result == .succeeded ? refusal : thaw
            }
        }
        if !procedure.isGood, request.action == "REDUCE_LOAD" { await self.free(ours, [], for: request, &procedure) }
    }

    private func free(
        _ units: [String], _ properties: [UnitProperty], for request: ActionRequest, _ procedure: inout Procedure
    ) async {
        for unit in units {
            await procedure.always { left in
                properties.isEmpty
                    ? await self.thaw(unit, for: request, timeout: left)
                    : await UnitDropIns.forget(properties, of: unit)
            }
        }
        if !properties.isEmpty {
            await procedure.always { left in await self.systemd.reloadUnitFiles(timeout: left) }
        }
    }

    /// What was started anew since runs thawed; if it is frozen by now, that is somebody else's doing.
    private func thaw(_ unit: String, for request: ActionRequest, timeout: Duration) async -> ActionOutcome {
        if let seen = await self.systemd.freezer(of: unit), request.isAbout(another: seen.invocationID, of: unit) {
            return ActionOutcome(.succeeded, detail: "\(unit) was started anew since, and is left as it is")
        }
        return await self.systemd.thaw(unit, timeout: timeout)
    }
}

extension ActionRequest {
    /// It was decided about an invocation of the unit, and that is not this one.
    fileprivate func isAbout(another invocationID: String?, of unit: String) -> Bool {
        guard let expected = self.expectedInvocation(of: unit), let invocationID else { return false }
        return invocationID != expected
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
        return await self.change.carryOut(request, isResumed: true)
    }
}

/// SCALE_UP: more instances, or higher limits.
public struct ScaleUpAction: LoadAction {
    public static let name = "SCALE_UP"
    let change: LoadChange
    public init(_ means: ActionMeans) { self.change = LoadChange(systemd: means.systemd) }
}

/// SCALE_DOWN: fewer instances, or the limits that the unit's own files give.
public struct ScaleDownAction: LoadAction {
    public static let name = "SCALE_DOWN"
    let change: LoadChange
    public init(_ means: ActionMeans) { self.change = LoadChange(systemd: means.systemd) }
}

/// REDUCE_LOAD: others step back, or get everything back.
public struct ReduceLoadAction: LoadAction {
    public static let name = "REDUCE_LOAD"
    let change: LoadChange
    public init(_ means: ActionMeans) { self.change = LoadChange(systemd: means.systemd) }
}
