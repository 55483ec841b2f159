import Policy
import ResilienceCore

// `desired: running`: a stop is not what its operators want, whoever asked for it.

extension RecoveryEngine {
    /// So long after a stop it is certain that no start of the same hand follows, and that it is not the machine itself
    /// that goes down: then the supervisor is stopped too.
    static let stopSettles = Duration.seconds(2)

    /// A unit that is stopped is taken back into care, as by `healctl resume`; what is then done about it is the
    /// ladder's matter. While repairs are held back nothing is taken back, so that people can work on it.
    mutating func startWhatOughtToRun(_ index: Int) {
        let machine = self.machines[index]
        guard machine.component.desired == .running, machine.component.mode != .observe, let unit = machine.unit,
            unit.isDown, unit.job == nil, !machine.isUnitInDoubt, self.host.unitsUnknown == nil,
            // A level of degradation does without it on purpose, and gives it back by itself.
            self.isShed(index) == nil, machine.facts.saved.abandoned == nil
        else { return }
        if let reason = self.reasonToLeaveStopped(index) {
            if let until = reason.until { self.setDeadline(index, until) }
            return
        }
        let since = machine.stoppedSince ?? self.now.monotonic
        self.machines[index].stoppedSince = since
        guard self.now.monotonic >= since + Self.stopSettles else {
            return self.setDeadline(index, since + Self.stopSettles)
        }
        self.machines[index].stoppedSince = nil
        self.record(index, .note("it was stopped, and ought to run (desired: running): it is taken back into care"))
        self.takeBackIntoCare(index)
        self.evaluateLater(index)
    }

    private mutating func reasonToLeaveStopped(_ index: Int) -> Hold? {
        let now = self.now.monotonic
        if let until = self.machines[index].pausedUntil, until > now { return .paused(until: until) }
        if let until = self.host.pausedUntil, until > now { return .paused(until: until) }
        return self.maintenanceReasonToHold(index)
    }
}
