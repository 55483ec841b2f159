import Policy
import ResilienceCore

// More and less of a component, and others that step back for it.

extension RecoveryEngine {
    func scaleOrder(_ machine: ComponentMachine, _ direction: ScaleStrategy.Direction) -> StepOrder {
        guard let scale = machine.component.facts.scale else { return .unfit("the component has no scale") }
        if let scaledAt = machine.facts.scaledAt, self.now.monotonic < scaledAt + scale.cooldown {
            return .wait(.cooldown(until: scaledAt + scale.cooldown))
        }
        switch scale.kind {
        case .properties(let properties):
            guard let unit = machine.activeUnit else { return .unfit("the component has no unit") }
            if direction == .down, machine.facts.saved.raisedLimits == nil, machine.incident == nil {
                return .unfit("its limits are its own")
            }
            if direction == .up, machine.facts.saved.raisedLimits != nil, machine.incident == nil {
                return .unfit("its limits are raised already")
            }
            return .order(
                direction == .up ? .limit(units: [unit], properties) : .unlimit(units: [unit], properties))
        case .instances(_, let min, let max, let step):
            let instances = machine.instances
            guard instances.allSatisfy({ machine.observation(of: $0) != nil }) else { return .wait(.evidence) }
            let running = instances.filter { machine.observation(of: $0)?.isDown == false }
            switch direction {
            case .up:
                let idle = instances.filter { !running.contains($0) }.prefix(step)
                return idle.isEmpty ? .unfit("all \(max) instances run already") : .order(.start(Array(idle)))
            case .down:
                let spare = running.reversed().prefix(Swift.min(step, Swift.max(0, running.count - min)))
                let what = "only \(running.count) instances run, and \(min) are kept"
                return spare.isEmpty ? .unfit(what) : .order(.stop(Array(spare)))
            }
        }
    }

    /// What a finished action has changed for good.
    mutating func noteDone(_ index: Int, _ request: ActionRequest) {
        switch request.order {
        case .failOver(let order):
            self.activate(index, order.to)
            self.machines[index].incident?.failedOver = true
        case .switchEndpoint(_, let unit):
            self.activate(index, unit)
            self.machines[index].incident?.failedOver = true
        case .start, .stop: self.noteScaled(index)
        case .unlimit:
            self.noteScaled(index)
            self.machines[index].facts.saved.raisedLimits = nil
        case .limit(let units, let properties):
            guard case .reduceLoad(let strategy) = request.strategy else {
                self.noteScaled(index)
                break
            }
            self.machines[index].facts.saved.reducedLoads.removeAll { $0.units == units }
            self.machines[index].facts.saved.reducedLoads.append(
                ReducedLoad(
                    units: units, properties: properties, restoreAfter: strategy.restoreAfter,
                    incident: request.incident, invocations: request.otherInvocations))
        case .switchRelease: self.lookAtRelease(index)
        case .tryIsolated:
            if request.unit == self.machines[index].facts.saved.barred { self.machines[index].facts.saved.barred = nil }
        case .restartAfterwards, .clearCache, .isolate, .endIsolation, nil: break
        }
        self.touched.insert(index)
    }

    /// From the moment at which it is decided: whether a call that ran out of time was heard is not known.
    mutating func rememberLimits(_ index: Int, _ request: ActionRequest) {
        guard case .limit(let units, let properties) = request.order, request.action != "REDUCE_LOAD" else { return }
        self.machines[index].facts.saved.raisedLimits = ReducedLoad(
            units: units, properties: properties, restoreAfter: .zero, incident: request.incident)
    }

    mutating func noteScaled(_ index: Int) {
        self.machines[index].facts.scaledAt = self.now.monotonic
        self.machines[index].facts.saved.scaledAt = self.now.wall
    }

    /// The component has been up for long enough, or is stopped: those that stepped back get everything back.
    mutating func restoreLoads(_ index: Int) {
        let machine = self.machines[index]
        for load in machine.facts.saved.reducedLoads {
            switch machine.phase {
            case .stopped: self.restore(load, index, why: "the component was stopped")
            case .healthy:
                let due = (machine.ladder.resolvedAt ?? self.now.monotonic) + load.restoreAfter
                if self.now.monotonic >= due {
                    self.restore(load, index, why: "up for \(load.restoreAfter.brief)")
                } else if self.machines[index].deadline.map({ due < $0 }) ?? true {
                    self.setDeadline(index, due)
                }
            case .starting, .suspect, .failing, .recovering, .verifying, .exhausted, .suppressed, .isolated: break
            }
        }
    }

    /// It counts as reduced until it is known to have everything back.
    private mutating func restore(_ load: ReducedLoad, _ index: Int, why: String) {
        let order = ActionOrder.unlimit(units: load.units, load.properties)
        guard !self.isUnderWay(order, for: self.machines[index].component.name), self.mayAct(aside: index) else {
            return
        }
        self.giveBack(load, for: self.machines[index], why: why)
    }

    mutating func giveBack(_ load: ReducedLoad, for machine: ComponentMachine, why: String) {
        self.actDetached(
            for: machine, incident: load.incident, action: "REDUCE_LOAD", unit: nil,
            .unlimit(units: load.units, load.properties), otherInvocations: load.invocations,
            why: "\(why): \(load.units.joined(separator: ", ")) get everything back")
    }

    /// Limits that SCALE_UP has raised are the policy's doing: where it no longer says so, the unit's own are back.
    mutating func lowerLimits(of machine: ComponentMachine, _ raised: ReducedLoad, why: String) {
        self.actDetached(
            for: machine, incident: raised.incident, action: "SCALE_DOWN", unit: raised.units.first,
            .unlimit(units: raised.units, raised.properties),
            why: "\(why): \(raised.units.joined(separator: ", ")) has its own limits back")
    }

    /// The policy has other limits by now, or none.
    mutating func reviewRaisedLimits(_ index: Int) {
        let machine = self.machines[index]
        guard let raised = machine.facts.saved.raisedLimits else { return }
        if case .properties(raised.properties) = machine.component.facts.scale?.kind { return }
        let order = ActionOrder.unlimit(units: raised.units, raised.properties)
        guard !self.isUnderWay(order, for: machine.component.name), self.mayAct(aside: index) else { return }
        self.lowerLimits(of: machine, raised, why: "the policy no longer raises them")
    }
}
