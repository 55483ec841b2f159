import Policy
import RecoveryEngine
import ResilienceCore

// Units whose processes stand still, and whose doing that is.
extension SimulatedWorld {
    /// Somebody freezes a unit, or thaws it.
    func freezeByHand(_ name: String, _ isFrozen: Bool) {
        guard let unit = self.units[name], unit.condition == .up, (unit.frozenBy != nil) != isFrozen else { return }
        self.change(name) { $0.frozenBy = isFrozen ? .person : nil }
        self.tell(.frozenByHand(unit: name, isFrozen))
    }

    func lookAtFreezer(of name: String) {
        let run = self.supervisor.run
        self.after(self.random.milliseconds(1...5)) { world in
            world.onceReachable(until: world.now + .seconds(5), run: run) { world, isReachable in
                guard world.supervisor.run == run else { return }
                let unit = world.units[name]
                let seen = FreezerObservation(isFrozen: unit?.isFrozen ?? false, invocationID: unit?.invocationID)
                world.post(.freezerSeen(unit: name, isReachable ? seen : nil))
            }
        }
    }

    /// - Parameter mayBeOurs: an earlier run, or an earlier try, may have done it already.
    func freeze(_ name: String, for request: ActionRequest, mayBeOurs: Bool) -> StepEnd {
        guard let unit = self.units[name] else { return StepEnd(.failed, "no such unit") }
        if let expected = request.expectedInvocation(of: name), unit.condition == .up, unit.invocationID != expected {
            return StepEnd(.refused, "\(name) was started anew meanwhile")
        }
        if unit.isFrozen, !mayBeOurs { return StepEnd(.refused, "\(name) was frozen by somebody else meanwhile") }
        guard unit.condition == .up else { return StepEnd(.failed, "\(name) cannot be frozen") }
        if unit.frozenBy == nil { self.change(name) { $0.frozenBy = .us } }
        return StepEnd(.succeeded, "\(name) is frozen")
    }

    func thaw(_ name: String, for request: ActionRequest) -> StepEnd {
        guard let unit = self.units[name] else { return StepEnd(.failed, "no such unit") }
        if let expected = request.expectedInvocation(of: name), unit.invocationID != expected {
            return StepEnd(.succeeded, "\(name) was started anew since, and is left as it is")
        }
        guard unit.condition == .up else { return StepEnd(.failed, "\(name) cannot be thawed") }
        self.tell(.thawed(unit: name, whose: unit.frozenBy))
        self.change(name) { $0.frozenBy = nil }
        return StepEnd(.succeeded, "\(name) goes on")
    }
}
