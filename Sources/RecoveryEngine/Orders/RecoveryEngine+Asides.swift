import Policy
import ResilienceCore

// What has to be done although no step asks for it: giving back what was lent, lifting what bars a start, pointing
// clients at who is active by now. Nothing waits for it; what could not be done is tried again.

extension RecoveryEngine {
    /// How long after a vain try the next.
    static let asideRetry = Duration.seconds(30)

    mutating func tendAsides(_ index: Int) {
        self.liftBarrier(index)
        self.restoreLoads(index)
        self.reviewRaisedLimits(index)
    }

    /// Why nothing is done aside just now; a unit that is only watched gets back what is its own all the same.
    private mutating func reasonAgainstAside(_ index: Int) -> Hold? {
        let machine = self.machines[index]
        let now = self.now.monotonic
        if let until = machine.pausedUntil, until > now { return .paused(until: until) }
        if let until = self.host.pausedUntil, until > now { return .paused(until: until) }
        if let open = self.maintenanceReasonToHold(index) { return open }
        if self.host.unrecorded != nil { return .unrecorded }
        if case .recovering = machine.phase { return .concurrency(group: nil) }
        if let until = machine.facts.asideNotBefore, until > now { return .backoff(until: until) }
        return nil
    }

    /// - Returns: whether it may be done now; else it is looked at again in time.
    mutating func mayAct(aside index: Int) -> Bool {
        guard let reason = self.reasonAgainstAside(index) else { return true }
        let wanted = reason.until ?? self.now.monotonic + Self.asideRetry
        if self.machines[index].deadline.map({ wanted < $0 }) ?? true { self.setDeadline(index, wanted) }
        return false
    }

    /// Whether such an order of the component is on its way already.
    func isUnderWay(_ order: ActionOrder, for component: String) -> Bool {
        self.host.orphans.values.contains { $0.component == component && $0.order == order }
    }

    /// An isolation that failed half-way, or that somebody else ended, must not leave behind a unit that cannot start.
    private mutating func liftBarrier(_ index: Int) {
        let machine = self.machines[index]
        guard let unit = machine.facts.saved.barred, machine.facts.saved.isolatedUntil == nil,
            machine.facts.saved.pendingUndo?.order != .isolate,
            !self.isUnderWay(.endIsolation, for: machine.component.name), self.mayAct(aside: index)
        else { return }
        self.actDetached(
            for: machine, incident: machine.lastIncident, action: "CIRCUIT_BREAK", unit: unit, .endIsolation,
            why: "it is no longer isolated")
    }

    /// Another unit became the active one without an action of ours.
    mutating func pointClients(_ index: Int) {
        let machine = self.machines[index]
        guard machine.facts.saved.unpointed == true, let unit = machine.activeUnit, machine.unit?.isUp == true else {
            return
        }
        guard let endpoint = machine.component.facts.failover?.endpoint, machine.component.mode == .auto else {
            self.machines[index].facts.saved.unpointed = nil
            self.touched.insert(index)
            return
        }
        let order = ActionOrder.switchEndpoint(endpoint, to: unit)
        guard !self.isUnderWay(order, for: machine.component.name), self.mayAct(aside: index) else { return }
        self.actDetached(
            for: machine, incident: machine.lastIncident, action: "SWITCH_ENDPOINT", unit: unit, order,
            why: "\(unit) is the active unit now")
    }

    /// - Returns: whether a vain try is news.
    mutating func finishAside(_ request: ActionRequest, _ outcome: ActionOutcome) -> Bool {
        guard let index = self.indexByName[request.component] else {
            self.takeBackLate(request)
            return true
        }
        self.evaluateLater(index)
        guard outcome.result == .succeeded else {
            let isNews = self.machines[index].facts.asideNotBefore == nil
            self.machines[index].facts.asideNotBefore = self.now.monotonic + Self.asideRetry
            return isNews
        }
        self.machines[index].facts.asideNotBefore = nil
        self.touched.insert(index)
        switch request.order {
        case .endIsolation: self.machines[index].facts.saved.barred = nil
        case .switchEndpoint(_, let unit):
            if unit == self.machines[index].activeUnit { self.machines[index].facts.saved.unpointed = nil }
        case .unlimit(let units, let properties):
            self.machines[index].facts.saved.reducedLoads.removeAll {
                $0.units == units && $0.properties == properties
            }
            if properties.isEmpty { self.lookAgain(atThawed: units) }
            if let raised = self.machines[index].facts.saved.raisedLimits, raised.units == units {
                self.machines[index].facts.saved.raisedLimits = nil
                self.noteScaled(index)
            }
        case .start, .stop, .limit:
            // The load asked for it; what its component no longer follows has left the policy and is back again.
            self.noteDone(index, request)
        case .restartAfterwards, .clearCache, .switchRelease, .failOver, .isolate, .tryIsolated, nil: break
        }
        return false
    }

    /// Limits were set, or others frozen, for a component that left the policy meanwhile: nobody remembers them.
    private mutating func takeBackLate(_ request: ActionRequest) {
        guard case .limit(let units, let properties) = request.order else { return }
        let gone = ComponentMachine(component: Component(name: request.component, checks: []), now: self.now)
        let load = ReducedLoad(
            units: units, properties: properties, restoreAfter: .zero, incident: request.incident,
            invocations: request.otherInvocations)
        if request.action == "REDUCE_LOAD" {
            self.giveBack(load, for: gone, why: "the component has left the policy")
        } else {
            self.lowerLimits(of: gone, load, why: "the component has left the policy")
        }
    }
}

extension ComponentMachine {
    /// The open incident, or the one before.
    var lastIncident: Int64 { self.incident?.id ?? self.ladder.lastIncident ?? 0 }
}
