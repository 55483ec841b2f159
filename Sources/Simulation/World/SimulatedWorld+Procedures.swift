import Policy
import RecoveryEngine
import ResilienceCore

// Actions that consist of several steps: what they are, and how one that was interrupted goes on. They are those of the
// real actions, in the same order.
extension SimulatedWorld {
    /// - Returns: whether the request is one of several steps; then it is under way.
    func startProcedure(_ request: ActionRequest, run: Int) -> Bool {
        guard let steps = self.steps(for: request) else { return false }
        self.actionNames[request.id] = request.kind
        self.begin(request, steps, run: run, delay: self.random.milliseconds(1...6)) { world in
            world.note("action    \(request.id) \(request.action) \(request.unit ?? "-")")
        }
        return true
    }

    /// - Returns: whether the request is one of several steps; then it goes on where it was left.
    func resumeProcedure(_ request: ActionRequest, run: Int) -> Bool {
        guard self.steps(for: request) != nil else { return false }
        self.after(self.random.milliseconds(1...20)) { world in
            world.onceReachable(until: world.now + request.timeout, run: run) { world, isReachable in
                guard isReachable else {
                    let outcome = ActionOutcome(.interrupted, detail: "how far it came is not known")
                    return world.postOutcome(request.id, outcome, run: run)
                }
                // A job that the earlier run began is followed to its end.
                world.whenSettled(request.unit ?? "", until: world.now + request.timeout, run: run) { world in
                    world.resume(request, run: run)
                }
            }
        }
        return true
    }

    private func begin(
        _ request: ActionRequest, _ steps: [PlannedStep], run: Int, delay: Duration, isResumed: Bool = false,
        _ first: @escaping Happening
    ) {
        let procedure = Procedure(
            request: request, run: run, left: steps[...], deadline: self.now + delay + request.timeout,
            isTold: isResumed)
        self.after(delay) { world in
            guard world.supervisor.run == run, world.supervisor.engine != nil else { return }
            first(world)
            world.goOn(procedure)
        }
    }

    private func goOn(_ procedure: Procedure) {
        var procedure = procedure
        guard self.supervisor.run == procedure.run, self.supervisor.engine != nil else { return }
        guard let next = procedure.next() else {
            if self.crashes(at: .beforeOutcomeIsHeard) { return }
            return self.postOutcome(procedure.request.id, procedure.outcome, run: procedure.run)
        }
        self.take(next.step, of: procedure) { world, end in
            procedure.add(end, of: next)
            if procedure.hasDoneSomething, !procedure.isTold {
                procedure.isTold = true
                world.tell(.actionPerformed(procedure.request))
            }
            world.note("  step    \(procedure.request.id) \(describe(next.step)): \(end.outcome.result.rawValue)")
            // Not always behind the first.
            if world.random.chance(0.5), world.supervisor.run == procedure.run, world.crashes(at: .amidAction) {
                return
            }
            world.goOn(procedure)
        }
    }

    /// The steps of a request; `nil` for one that is a single job.
    private func steps(for request: ActionRequest) -> [PlannedStep]? {
        let rivals = PlannedStep(.proveDown(request.rivals ?? []), .gateOrRefuse)
        let expected = request.expectedInvocationID
        switch request.order {
        case nil:
            guard request.action == "RESTART", let unit = request.unit, request.rivals != nil else { return nil }
            return [rivals, PlannedStep(.restart(unit, expecting: expected))]
        case .restartAfterwards(let others):
            guard let unit = request.unit else { return nil }
            return [rivals, PlannedStep(.restart(unit, expecting: expected))]
                + others.map { PlannedStep(.restartIfUp($0)) }
        case .clearCache(let cache):
            guard let unit = request.unit else { return nil }
            guard cache.needsStop else { return [PlannedStep(.hook)] }
            return [rivals, PlannedStep(.stop(unit, expecting: expected), .gate)] + Self.clearing(unit, cache)
        case .switchRelease(let change):
            guard let unit = request.unit else { return nil }
            return [
                rivals, PlannedStep(.swapRelease(change), .gate), PlannedStep(.restart(unit, expecting: expected)),
            ]
        case .failOver(let order): return Self.takeover(order, request)
        case .switchEndpoint(let endpoint, let unit):
            return [PlannedStep(.proveUp(unit), .gateOrRefuse), PlannedStep(.point(endpoint, to: unit))]
        case .start(let units): return units.map { PlannedStep(.start($0)) }
        case .stop(let units):
            return units.map { PlannedStep(.stop($0, expecting: $0 == request.unit ? expected : nil)) }
        case .limit(let units, let properties):
            let freeing = request.action == "REDUCE_LOAD" ? Self.freeing(units, properties, .afterFailure) : []
            return units.map { PlannedStep(.limit($0, properties)) } + freeing
        case .unlimit(let units, let properties): return Self.freeing(units, properties, .always)
        case .isolate, .tryIsolated, .endIsolation:
            guard let unit = request.unit else { return nil }
            return Self.isolation(unit, request, rivals)
        }
    }

    private static func clearing(_ unit: String, _ cache: CachePolicy) -> [PlannedStep] {
        [PlannedStep(.emptyCache(of: unit))] + (cache.hook.isEmpty ? [] : [PlannedStep(.hook)])
            + [PlannedStep(.start(unit), .always)]
    }

    private static func takeover(_ order: FailoverOrder, _ request: ActionRequest) -> [PlannedStep] {
        let others = PlannedStep(
            .proveDown((request.rivals ?? []).filter { $0 != order.to && $0 != order.from }), .gateOrRefuse)
        // Before the stop, so that nothing is stopped in vain, and after it, when it counts.
        var steps = [
            others, PlannedStep(.stop(order.from, expecting: request.expectedInvocationID), .gate), others,
        ]
        let pointing = order.endpoint.map { [PlannedStep(.point($0, to: order.to))] } ?? []
        if order.isPutBack {
            steps += pointing + [PlannedStep(.start(order.to), .always)]
        } else {
            steps += [PlannedStep(.start(order.to))] + pointing
            steps.append(PlannedStep(.stop(order.to, expecting: nil), .afterFailure))
        }
        return steps
    }

    private static func freeing(
        _ units: [String], _ properties: [UnitProperty], _ turn: PlannedStep.Turn
    ) -> [PlannedStep] {
        units.map { PlannedStep(.unlimit($0, properties), turn) }
            + (properties.isEmpty ? [] : [PlannedStep(.reloadManager, turn)])
    }

    private static func isolation(_ unit: String, _ request: ActionRequest, _ rivals: PlannedStep) -> [PlannedStep] {
        let allowing = [PlannedStep(.allowStart(of: unit)), PlannedStep(.reloadManager)]
        switch request.order {
        case .isolate:
            return [
                PlannedStep(.forbidStart(of: unit)), PlannedStep(.reloadManager),
                PlannedStep(.stop(unit, expecting: request.expectedInvocationID)),
                PlannedStep(.allowStart(of: unit), .afterFailure), PlannedStep(.reloadManager, .afterFailure),
            ]
        case .tryIsolated: return [rivals] + allowing + [PlannedStep(.start(unit))]
        default: return allowing
        }
    }

    // MARK: - After a crash

    /// The world tells how far it came.
    private func resume(_ request: ActionRequest, run: Int) {
        func end(_ result: ActionResult, _ detail: String) {
            self.postOutcome(request.id, ActionOutcome(result, detail: detail), run: run)
        }
        switch request.order {
        case .restartAfterwards, nil: self.reconcileRestart(request, run: run)
        case .clearCache(let cache): self.resumeClearing(request, cache, run: run)
        case .switchRelease(let change):
            guard let unit = request.unit, self.releases[change.policy.current]?.current == change.to else {
                return end(.interrupted, "nothing was done")
            }
            self.whenSettled(unit, until: self.now + request.timeout, run: run) { world in
                guard world.units[unit]?.invocationID == request.expectedInvocationID else {
                    return world.reconcileRestart(request, run: run)
                }
                let steps = [PlannedStep(.restart(unit, expecting: request.expectedInvocationID))]
                world.begin(request, steps, run: run, delay: .milliseconds(1), isResumed: true) { _ in }
            }
        case .failOver(let order):
            guard let from = self.units[order.from] else { return end(.interrupted, "no such unit") }
            guard from.condition == .down, from.invocationID == request.expectedInvocationID else {
                return end(.interrupted, "\(order.from) was not stopped for it")
            }
            self.begin(request, self.steps(for: request) ?? [], run: run, delay: .milliseconds(1), isResumed: true) {
                _ in
            }
        case .switchEndpoint, .start, .stop, .limit, .unlimit, .isolate, .tryIsolated, .endIsolation:
            self.begin(request, self.steps(for: request) ?? [], run: run, delay: .milliseconds(1), isResumed: true) {
                _ in
            }
        }
    }

    private func resumeClearing(_ request: ActionRequest, _ cache: CachePolicy, run: Int) {
        guard cache.needsStop, let name = request.unit, let unit = self.units[name] else {
            let outcome = ActionOutcome(.interrupted, detail: "whether the hook ran leaves no trace here")
            return self.postOutcome(request.id, outcome, run: run)
        }
        let outcome: ActionOutcome
        switch unit.condition {
        case .down:
            self.begin(request, Self.clearing(name, cache), run: run, delay: .milliseconds(1), isResumed: true) { _ in }
            return
        case .up where unit.invocationID != request.expectedInvocationID:
            outcome = ActionOutcome(.succeeded, detail: "started anew since it was stopped for it")
        case .up: outcome = ActionOutcome(.interrupted, detail: "not stopped for it")
        case .between: outcome = ActionOutcome(.interrupted, detail: "it is between states")
        }
        self.postOutcome(request.id, outcome, run: run)
    }
}

extension ActionRequest {
    /// Its name, and what kind of it.
    var kind: String {
        switch self.origin {
        case .step: self.action
        case .undo: "undo \(self.action)"
        case .plan: "planned \(self.action)"
        case .aside: "aside \(self.action)"
        }
    }
}

func describe(_ step: ProcedureStep) -> String {
    switch step {
    case .point(_, let unit): "point(\(unit))"
    case .swapRelease(let change): "swapRelease(\(change.from) → \(change.to))"
    case .limit(let unit, let properties): "limit(\(unit)\(properties.isEmpty ? ", freeze" : ""))"
    case .unlimit(let unit, let properties): "unlimit(\(unit)\(properties.isEmpty ? ", thaw" : ""))"
    default: "\(step)"
    }
}
