import Policy
import ResilienceCore

/// What a step comes to for one component at one moment.
enum StepOrder: Hashable, Sendable {
    /// The strategy says it all.
    case plain
    case order(ActionOrder)
    /// It cannot be done, and why.
    case unfit(String)
    /// It is not known yet what it comes to.
    case wait(Hold)
}

// From a step of the ladder to what exactly is to be done.

extension RecoveryEngine {
    func order(for step: Step, _ index: Int) -> StepOrder {
        let machine = self.machines[index]
        if let within = step.when.releaseChangedWithin, step.strategy.traits.needsFact != .release {
            switch self.releaseChange(machine, within: within) {
            case .changed: break
            case .unchanged(let why): return .unfit(why)
            case .unknown: return .wait(.evidence)
            }
        }
        switch step.strategy {
        case .restart(let restart):
            let units = restart.with + (restart.dependents ? self.unitsOfDependents(index) : [])
            return units.isEmpty ? .plain : .order(.restartAfterwards(units))
        case .healthCheck, .alert, .resetConnection, .exec: return .plain
        case .clearCache:
            guard let cache = machine.component.facts.cache else { return .unfit("the component has no cache") }
            return .order(.clearCache(cache))
        case .rollback: return self.rollbackOrder(machine, step)
        case .failover: return self.failoverOrder(machine)
        case .switchEndpoint: return self.endpointOrder(machine)
        case .scale(let scale): return self.scaleOrder(machine, scale.direction)
        case .circuitBreak: return .order(.isolate)
        case .reduceLoad(let load): return self.reductionOrder(load)
        case .degrade(let strategy): return self.degradationOrder(strategy)
        }
    }

    /// The units of all that need this component, however far; each behind those that it needs.
    private func unitsOfDependents(_ index: Int) -> [String] {
        var reached: Set<Int> = []
        var toVisit = self.dependents[index]
        while let next = toVisit.popLast() {
            if reached.insert(next).inserted { toVisit += self.dependents[next] }
        }
        var ordered: [Int] = []
        while ordered.count < reached.count {
            let ready = reached.subtracting(ordered).filter { other in
                self.dependencies[other].allSatisfy { !reached.contains($0) || ordered.contains($0) }
            }
            ordered += ready.sorted()
        }
        return ordered.compactMap { other in
            let machine = self.machines[other]
            // What a person stopped, or only watches, is not started by the way.
            guard machine.component.mode == .auto, !machine.stoppedByOperator, machine.pausedUntil == nil,
                self.openWindow(machine.component) == nil
            else { return nil }
            return machine.activeUnit
        }
    }

    // MARK: - Without a step

    /// Carries out something that no step of the ladder asked for, and that has to be done all the same: nothing waits
    /// for its end, but the incident tells of it.
    mutating func actDetached(
        for machine: ComponentMachine, incident: Int64, action: String, unit: String?, _ order: ActionOrder,
        otherInvocations: [String: String]? = nil, why: String
    ) {
        var request = self.intend(
            machine, incident: incident, action: action, unit: unit, attempt: 1, order, why: why)
        request.otherInvocations = otherInvocations
        self.host.orphans[request.id] = request
        self.effects.append(.act(request))
    }

    /// Writes down the intent of an action that no step asked for.
    ///
    /// - Parameter id: its number, where it was given one already.
    mutating func intend(
        _ machine: ComponentMachine, incident: Int64, action: String, unit: String?, attempt: Int,
        _ order: ActionOrder, why: String, id: Int64? = nil
    ) -> ActionRequest {
        let request = ActionRequest(
            id: id ?? self.host.nextAction, incident: incident, component: machine.component.name, action: action,
            unit: unit, attempt: attempt, timeout: .seconds(60),
            expectedInvocationID: unit.flatMap { machine.observation(of: $0)?.invocationID },
            policyGeneration: self.generation,
            order: order, rivals: machine.rivals)
        if id == nil { self.host.nextAction += 1 }
        self.effects.append(
            .record(
                AuditRecord(
                    at: self.now.wall, component: machine.component.name, incident: incident == 0 ? nil : incident,
                    .actionIntended(
                        id: request.id, action: action, attempt: attempt, step: machine.ladder.step, unit: unit,
                        why: why))))
        return request
    }

    /// Why something that was planned has to wait; nothing that concerns a step of the ladder.
    mutating func reasonAgainstPlanned(_ index: Int) -> Hold? {
        let machine = self.machines[index]
        let now = self.now.monotonic
        if let until = machine.pausedUntil, until > now { return .paused(until: until) }
        if let until = self.host.pausedUntil, until > now { return .paused(until: until) }
        if let open = self.maintenanceReasonToHold(index) { return open }
        if let latched = self.latchReasonToHold(index) { return latched }
        if machine.component.mode == .observe { return .observing }
        if machine.unit?.isBusy == true { return .serviceManager }
        if machine.isUnitInDoubt || (machine.activeUnit != nil && machine.unit == nil) { return .evidence }
        if let root = self.rootCause(of: index) { return .dependencyInDoubt(root, until: now + .seconds(5)) }
        return self.hostHold(index)
    }

    /// Why nothing disruptive may be done on the host, in the group, or to this unit, just now.
    mutating func hostHold(_ index: Int) -> Hold? {
        if self.host.unrecorded != nil { return .unrecorded }
        if self.host.isFrozen { return .frozen(group: nil) }
        if let reason = self.stormReasonToHold() { return reason }
        // What a level stops may take its time, and no repair waits for that.
        let asides = self.host.orphans.values.count { !$0.isOfHost }
        if self.host.inFlight + asides >= self.policy.guards.maxConcurrent {
            return .concurrency(group: nil)
        }
        if let unit = self.machines[index].activeUnit, self.isInHand([unit], besides: index) {
            return .concurrency(group: nil)
        }
        if let reason = self.groupReasonToHold(index) { return reason }
        guard let until = self.host.budget.nextAllowed(at: self.now.monotonic) else { return nil }
        self.beginStorm(.budget, budgetUntil: until)
        return .budget(group: nil, until: until)
    }

    /// An action of ours for another component, or for one that has left, is at work on one of the units.
    func isInHand(_ units: Set<String>, besides index: Int) -> Bool {
        let others = self.machines.indices.contains { other in
            guard other != index, case .recovering(let attempt) = self.machines[other].phase else { return false }
            return !attempt.request.units.isDisjoint(with: units)
        }
        return others || self.host.orphans.values.contains { !$0.units.isDisjoint(with: units) }
    }

    // MARK: - Taking back

    /// A step that did not help and left something behind is taken back before the next is taken.
    mutating func planUndo(_ index: Int, after request: ActionRequest) {
        let undo: PendingUndo
        switch request.order {
        case .switchRelease(let change) where !change.isPutBack:
            let back = ReleaseSwitch(policy: change.policy, from: change.to, to: change.from, isPutBack: true)
            undo = PendingUndo(
                action: request.action, attempt: request.attempt, order: .switchRelease(back),
                why: "release \(change.to) did not help: \(change.from) is put back")
            self.machines[index].incident?.rollbacks?.inVain.append(change.to)
        // Also where the standby never became the active one: what was stopped for it must not stay so.
        case .failOver(let order) where !order.isPutBack: undo = Self.wayBack(from: order, request)
        case .tryIsolated:
            undo = PendingUndo(
                action: request.action, attempt: request.attempt, order: .isolate, why: "the trial failed")
        case .restartAfterwards, .clearCache, .switchRelease, .failOver, .switchEndpoint, .start, .stop, .limit,
            .unlimit, .isolate, .endIsolation, nil:
            return
        }
        self.machines[index].facts.saved.pendingUndo = undo
        self.touched.insert(index)
    }

    /// - Returns: whether something has to be taken back first.
    mutating func takeBack(_ index: Int) -> Bool {
        let machine = self.machines[index]
        guard let undo = machine.facts.saved.pendingUndo, let incident = machine.incident else { return false }
        if let reason = self.latchReasonToHold(index) ?? self.hostHold(index) {
            self.hold(index, reason)
            return true
        }
        if case .failOver(let order) = undo.order, machine.observation(of: order.from) == nil {
            self.hold(index, .evidence)
            return true
        }
        self.machines[index].facts.saved.pendingUndo = nil
        var unit = machine.activeUnit
        if case .failOver(let order) = undo.order { unit = order.from }
        let request = self.intend(
            machine, incident: incident.id, action: undo.action, unit: unit, attempt: undo.attempt, undo.order,
            why: undo.why)
        self.carryOut(request, index, isDisruptive: true)
        return true
    }

    /// What the facts of a component ask for while nothing is wrong with it.
    mutating func tendFacts(_ index: Int) {
        guard self.machines[index].component.facts != ComponentFacts() || self.machines[index].factsToSave != nil else {
            return
        }
        self.watchRelease(index)
        self.tendAsides(index)
        self.failBackWhenDue(index)
    }
}

extension ActionRequest {
    /// Every unit that it stops or starts.
    var units: Set<String> {
        let own = Set([self.unit].compactMap(\.self))
        switch self.order {
        case .restartAfterwards(let others), .start(let others), .stop(let others): return own.union(others)
        case .failOver(let order): return own.union([order.from, order.to])
        case .clearCache, .switchRelease, .switchEndpoint, .limit, .unlimit, .isolate, .tryIsolated, .endIsolation, nil:
            return own
        }
    }

    /// The unit runs as another process after it.
    var startsAnew: Bool {
        if case .clearCache(let cache) = self.order { return cache.needsStop }
        return self.strategy?.traits.startsAnew ?? true
    }

    /// It starts the unit, or runs a program that may have asked for a start.
    var mayStart: Bool {
        switch self.strategy {
        case .exec: true
        case .clearCache: true
        default: self.startsAnew && self.unit != nil
        }
    }

    /// It takes back what an earlier action did; nothing has to be proven after it.
    var isUndo: Bool {
        switch self.order {
        case .switchRelease(let change): change.isPutBack
        case .isolate: self.strategy == nil
        case .restartAfterwards, .clearCache, .failOver, .switchEndpoint, .start, .stop, .limit, .unlimit,
            .tryIsolated, .endIsolation, nil:
            false
        }
    }
}
