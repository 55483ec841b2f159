import Policy
import RecoveryEngine
import Systemd

/// CLEAR_CACHE: stop, empty, start; or the operator's own program.
public struct ClearCacheAction: RecoveryAction {
    public static let name = "CLEAR_CACHE"

    private let systemd: SystemdManager
    private let files: FileCalls
    private let hooks: HookCalls

    public init(_ means: ActionMeans) {
        self.systemd = means.systemd
        self.files = means.files
        self.hooks = means.hooks
    }

    public func run(_ request: ActionRequest) async -> ActionOutcome {
        guard let unit = request.unit, case .clearCache(let cache) = request.order else {
            return ActionOutcome(.refused, detail: "\(request.component) has no cache to clear")
        }
        guard cache.needsStop else { return await self.hook(cache, request, request.timeout) }
        if let refusal = await self.systemd.rivalry(request.rivals, timeout: request.timeout) { return refusal }
        var procedure = Procedure(timeout: request.timeout)
        await procedure.then { left in
            await self.systemd.stop(unit, expectedInvocationID: request.expectedInvocationID, timeout: left)
        }
        guard procedure.isGood else { return procedure.outcome }
        await self.clearAndStart(unit, cache, request, &procedure)
        return procedure.outcome
    }

    /// The unit is down. It is started again whatever became of the cache.
    private func clearAndStart(
        _ unit: String, _ cache: CachePolicy, _ request: ActionRequest, _ procedure: inout Procedure
    ) async {
        if cache.systemd {
            await procedure.then { left in await self.systemd.cleanCache(of: unit, timeout: left) }
        }
        let deadline = procedure.deadline
        for path in cache.paths {
            await procedure.then { left in await self.empty(path, until: deadline, timeout: left) }
        }
        if !cache.hook.isEmpty {
            await procedure.then { left in await self.hook(cache, request, left) }
        }
        await procedure.always { left in await self.systemd.start(unit, timeout: left) }
    }

    /// It stops by itself at the deadline, unless its file system holds it.
    private func empty(
        _ path: String, until deadline: ContinuousClock.Instant, timeout: Duration
    ) async -> ActionOutcome {
        let result: CacheCleaner.Result
        switch await self.files.call(
            on: path, within: timeout + .seconds(1), { CacheCleaner.empty(path, until: deadline) })
        {
        case .success(let ended): result = ended
        case .failure(let failure): return failure.outcome
        }
        let count = "\(result.removed) entries removed from \(path)"
        guard let problem = result.problem else { return ActionOutcome(.succeeded, detail: count) }
        return ActionOutcome(.failed, detail: "\(count), but not all: \(problem)")
    }

    private func hook(_ cache: CachePolicy, _ request: ActionRequest, _ timeout: Duration) async -> ActionOutcome {
        // A run of heald that was killed may have begun it.
        let earlier = await self.systemd.reconcileHook(ExecAction.unit(of: request), timeout: timeout)
        guard earlier.result == .interrupted else { return earlier }
        return await self.hooks.run(ExecAction.hook(cache.hook, user: nil, of: request), timeout: timeout)
    }

    /// Goes on where the unit was left stopped; emptying twice does no harm.
    public func reconcile(_ request: ActionRequest) async -> ActionOutcome {
        guard let unit = request.unit, case .clearCache(let cache) = request.order else {
            return ActionOutcome(.interrupted, detail: "\(request.component) has no cache to clear")
        }
        guard cache.needsStop else {
            return await self.systemd.reconcileHook(ExecAction.unit(of: request), timeout: request.timeout)
        }
        switch await self.systemd.conditionInTheEnd(of: unit, timeout: request.timeout) {
        case .up(let invocation) where invocation != request.expectedInvocationID:
            return ActionOutcome(.succeeded, detail: "\(unit) has been started anew since it was stopped for it")
        case .up: return ActionOutcome(.interrupted, detail: "\(unit) was not stopped for it: nothing was cleared")
        case .between(_, let how): return ActionOutcome(.interrupted, detail: "\(unit) is \(how)")
        case .unknown(let why): return ActionOutcome(.interrupted, detail: "how far it came is not known: \(why)")
        case .down:
            var procedure = Procedure(timeout: request.timeout)
            await self.clearAndStart(unit, cache, request, &procedure)
            return procedure.outcome
        }
    }
}
