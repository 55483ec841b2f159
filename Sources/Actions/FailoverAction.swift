import Policy
import RecoveryEngine
import Systemd

/// FAILOVER: the old one is proven inactive, the standby is started, clients are pointed at it.
public struct FailoverAction: RecoveryAction {
    public static let name = "FAILOVER"

    private let systemd: SystemdManager
    private let endpoint: EndpointSwitch

    public init(_ means: ActionMeans) {
        self.systemd = means.systemd
        self.endpoint = EndpointSwitch(means)
    }

    public func run(_ request: ActionRequest) async -> ActionOutcome {
        guard case .failOver(let order) = request.order else {
            return ActionOutcome(.refused, detail: "\(request.component) has no standby")
        }
        let others = request.rivals?.filter { $0 != order.to && $0 != order.from }
        // Nothing is stopped in vain.
        if let refusal = await self.systemd.rivalry(others, timeout: request.timeout) { return refusal }
        let fence = await self.systemd.stop(
            order.from, expectedInvocationID: request.expectedInvocationID, timeout: request.timeout)
        guard fence.result == .succeeded else {
            return ActionOutcome(fence.result, detail: "not fenced, so no standby is started: \(fence.detail)")
        }
        if let refusal = await self.systemd.rivalry(others, timeout: request.timeout) {
            // By now it counts, and the old one is down: that has to be taken back.
            return ActionOutcome(.failed, detail: "\(fence.detail); \(refusal.detail)")
        }
        return await self.takeOver(order, request, fence: fence)
    }

    /// The old one is down.
    private func takeOver(
        _ order: FailoverOrder, _ request: ActionRequest, fence: ActionOutcome
    ) async -> ActionOutcome {
        var procedure = Procedure(timeout: request.timeout)
        await procedure.then { _ in fence }
        if order.isPutBack {
            if let endpoint = order.endpoint {
                await procedure.then { left in await self.endpoint.point(endpoint, to: order.to, left) }
            }
            await procedure.always { left in await self.systemd.start(order.to, timeout: left) }
            return procedure.outcome
        }
        await procedure.then { left in await self.systemd.start(order.to, timeout: left) }
        if let endpoint = order.endpoint {
            await procedure.then { left in await self.endpoint.point(endpoint, to: order.to, left) }
        }
        if !procedure.isGood {
            // Half a standby is none: nobody would know of it, and it would be in the way of the next attempt.
            await procedure.always { left in await self.systemd.stop(order.to, timeout: left) }
        }
        return procedure.outcome
    }

    /// The units tell how far it came; what is left is done, once.
    public func reconcile(_ request: ActionRequest) async -> ActionOutcome {
        guard case .failOver(let order) = request.order else {
            return ActionOutcome(.interrupted, detail: "\(request.component) has no standby")
        }
        switch await self.systemd.conditionInTheEnd(of: order.from, timeout: request.timeout) {
        case .down(let invocation) where invocation == request.expectedInvocationID: return await self.run(request)
        case .down, .up: return ActionOutcome(.interrupted, detail: "\(order.from) was not stopped for it")
        case .between(_, let how): return ActionOutcome(.interrupted, detail: "\(order.from) is \(how)")
        case .unknown(let why): return ActionOutcome(.interrupted, detail: "how far it came is not known: \(why)")
        }
    }
}

/// SWITCH_ENDPOINT: clients are pointed at another unit that runs.
public struct SwitchEndpointAction: RecoveryAction {
    public static let name = "SWITCH_ENDPOINT"

    private let systemd: SystemdManager
    private let endpoint: EndpointSwitch

    public init(_ means: ActionMeans) {
        self.systemd = means.systemd
        self.endpoint = EndpointSwitch(means)
    }

    public func run(_ request: ActionRequest) async -> ActionOutcome {
        guard case .switchEndpoint(let endpoint, let unit) = request.order else {
            return ActionOutcome(.refused, detail: "\(request.component) has no endpoint")
        }
        guard case .up = await self.systemd.condition(of: unit, timeout: request.timeout) else {
            return ActionOutcome(.refused, detail: "\(unit) does not run")
        }
        return await self.endpoint.point(endpoint, to: unit, request.timeout)
    }

    /// Pointing twice at the same is pointing once.
    public func reconcile(_ request: ActionRequest) async -> ActionOutcome { await self.run(request) }
}

/// Where clients look.
struct EndpointSwitch {
    let systemd: SystemdManager
    let files: FileCalls

    init(_ means: ActionMeans) {
        self.systemd = means.systemd
        self.files = means.files
    }

    func point(_ endpoint: Endpoint, to unit: String, _ timeout: Duration) async -> ActionOutcome {
        let pointed = await self.files.call(on: endpoint.path, within: timeout) { () -> String? in
            switch endpoint.kind {
            case .symlink(let path, let targets):
                guard let target = targets[unit] else { return "no target is declared for \(unit)" }
                return AtomicFile.link(path, to: target)
            case .file(let path, let templates):
                guard let template = templates[unit] else { return "no file is declared for \(unit)" }
                return AtomicFile.copy(template, to: path)
            }
        }
        switch pointed {
        case .success(nil): break
        case .success(let problem?): return ActionOutcome(.failed, detail: "the endpoint was not moved: \(problem)")
        case .failure(let failure):
            return ActionOutcome(failure.result, detail: "whether the endpoint was moved is not known: \(failure)")
        }
        let moved = ActionOutcome(.succeeded, detail: "clients are pointed at \(unit)")
        guard let reader = endpoint.reload else { return moved }
        var procedure = Procedure(timeout: timeout)
        await procedure.then { _ in moved }
        await procedure.then { left in await self.systemd.reloadIfUp(reader, timeout: left) }
        return procedure.outcome
    }
}
