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
        case .start, .stop, .unlimit: self.noteScaled(index)
        case .limit(let units, let properties):
            guard case .reduceLoad(let strategy) = request.strategy else {
                self.noteScaled(index)
                break
            }
            self.machines[index].facts.saved.reducedLoads.removeAll { $0.units == units }
            self.machines[index].facts.saved.reducedLoads.append(
                ReducedLoad(
                    units: units, properties: properties, restoreAfter: strategy.restoreAfter,
                    incident: request.incident))
        case .switchRelease: self.lookAtRelease(index)
        case .restartAfterwards, .clearCache, .isolate, .tryIsolated, .endIsolation, nil: break
        }
        self.touched.insert(index)
    }

    private mutating func noteScaled(_ index: Int) {
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

    private mutating func restore(_ load: ReducedLoad, _ index: Int, why: String) {
        self.machines[index].facts.saved.reducedLoads.removeAll { $0 == load }
        self.touched.insert(index)
        self.giveBack(load, for: self.machines[index], why: why)
    }

    mutating func giveBack(_ load: ReducedLoad, for machine: ComponentMachine, why: String) {
        self.actDetached(
            for: machine, incident: load.incident, action: "REDUCE_LOAD", unit: nil,
            .unlimit(units: load.units, load.properties),
            why: "\(why): \(load.units.joined(separator: ", ")) get everything back")
    }
}
