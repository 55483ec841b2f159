import RecoveryEngine
import ResilienceCore

extension SystemdManager {
    /// Finds out what became of a restart that an earlier run of the supervisor intended, or began. Never acts.
    ///
    /// A job in flight is followed to its end. Otherwise the unit's invocation tells: another one than the one decided on
    /// means that it was started since.
    ///
    /// - Parameter timeout: how long to wait for systemd and for that job.
    public func reconcileRestart(
        of unit: String, expectedInvocationID: String?, timeout: Duration
    ) async -> ActionOutcome {
        let begin = BusThread.now()
        let deadline = begin + timeout.inNanosecondsClamped
        guard UnitName.isValid(unit) else {
            return ActionOutcome(.interrupted, detail: "\(unit) is not the name of a unit")
        }
        let record = self.record(of: unit)
        defer { self.release(record) }
        if let error = await self.settle(record, until: deadline) {
            return ActionOutcome(.interrupted, detail: "what became of the restart is not known: \(error)")
        }
        while let job = record.job {
            if !job.isOurs, job.type == nil || job.type == "restart" || job.type == "start" {
                self.watcher.adopt(job.id, record: record, isNew: true)
            }
            switch await self.end(of: job.id, until: deadline) {
            case .ended: break
            case .deadline:
                return ActionOutcome(.timedOut, detail: "job \(job.id) is still in flight; \(record.summary)")
            case .disconnected: break
            }
            record.hasGap = record.hasGap || record.job?.id == job.id
            if let error = await self.settle(record, until: deadline) {
                return ActionOutcome(.interrupted, detail: "what became of the restart is not known: \(error)")
            }
        }
        if let error = await self.read(record, until: deadline + 1_000_000_000) {
            return ActionOutcome(.interrupted, detail: "what became of the restart is not known: \(error)")
        }
        return Self.verdict(record, expectedInvocationID: expectedInvocationID)
    }

    private static func verdict(_ record: UnitRecord, expectedInvocationID: String?) -> ActionOutcome {
        guard let state = record.state else { return ActionOutcome(.interrupted, detail: "nothing is known") }
        guard state.general.invocation != expectedInvocationID else {
            return ActionOutcome(
                .interrupted, detail: "the restart did not happen: the invocation is still the same; \(record.summary)")
        }
        let isUp = state.isUp || state.general.active == .activating
        return ActionOutcome(
            isUp ? .succeeded : .failed,
            detail: "started as invocation \(state.general.invocation ?? "none"); \(record.summary)")
    }
}
