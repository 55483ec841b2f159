import Policy
import ResilienceCore

// Freezing: what stands still already is not ours, and is left so.

extension RecoveryEngine {
    /// Whether a unit is frozen, by systemd's word of just now; `nil`: it has been asked, and the answer is an event.
    mutating func isFrozen(_ unit: String) -> Bool? {
        if let known = self.host.frost.isFrozen(unit, at: self.now.monotonic) { return known }
        if self.host.frost.ask(unit, at: self.now.monotonic) { self.effects.append(.lookAtFreezer(unit: unit)) }
        return nil
    }

    mutating func takeFrost(_ unit: String, _ seen: FreezerObservation?) {
        self.host.frost.take(unit, seen, at: self.now.monotonic)
        guard seen != nil else { return }
        for index in self.machines.indices {
            if case .failing(.frost) = self.machines[index].phase { self.evaluateLater(index) }
        }
    }

    /// REDUCE_LOAD: limits for all of its units, or a freeze of those that are not frozen.
    func reductionOrder(_ strategy: ReduceLoadStrategy) -> StepOrder {
        guard strategy.properties.isEmpty else { return .order(.limit(units: strategy.units, strategy.properties)) }
        let units = strategy.units.filter { !self.host.frost.wasFoundFrozen($0, at: self.now.monotonic) }
        guard !units.isEmpty else {
            return .unfit("\(strategy.units.joined(separator: ", ")): frozen already, and left so")
        }
        return .order(.limit(units: units, []))
    }

    /// Why a freeze cannot be decided on yet: each unit is looked at shortly before.
    mutating func frostReasonToHold(_ order: ActionOrder?) -> Hold? {
        guard case .limit(let units, let properties) = order, properties.isEmpty else { return nil }
        // All of them are asked for, not the first alone.
        let isKnown = units.map { self.isFrozen($0) == false }
        return isKnown.allSatisfy(\.self) ? nil : .frost(until: self.now.monotonic + FrostLooks.counts)
    }

    /// The invocations that a freeze is decided on; `nil`: it is none.
    mutating func invocationsToFreeze(by order: ActionOrder?) -> [String: String]? {
        guard case .limit(let units, []) = order else { return nil }
        return self.host.frost.use(units)
    }
}
