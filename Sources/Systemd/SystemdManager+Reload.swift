import RecoveryEngine
import ResilienceCore

/// What touches a running unit without starting it anew.
extension SystemdManager {
    /// Has systemd reload a unit (its `ExecReload=`) and follows the job to its end.
    ///
    /// Refused as a restart is, and where the unit does not run.
    ///
    /// - Parameters:
    ///   - expectedInvocationID: the invocation that the decision was about.
    ///   - timeout: of the whole.
    public func reload(_ unit: String, expectedInvocationID: String?, timeout: Duration) async -> ActionOutcome {
        let begin = BusThread.now()
        let deadline = begin + timeout.inNanosecondsClamped
        let record = self.record(of: unit)
        defer { self.release(record) }
        if let refusal = await self.prepare(record, expectedInvocationID: expectedInvocationID, until: deadline) {
            return refusal
        }
        let what = "Could not reload \(unit)."
        let queued = await self.queueJob(
            .manager("ReloadUnit"), type: "reload", what, record, until: deadline
        ) {
            $0.string(unit)
            $0.string("fail")
        }
        guard case .success(let job) = queued else {
            guard case .failure(let error) = queued else { return ActionOutcome(.failed, detail: what) }
            return ActionOutcome(error.code == .jobInFlight ? .refused : .failed, detail: "\(error)")
        }
        switch await self.end(of: job, until: deadline) {
        case .ended("done"): return ActionOutcome(.succeeded, detail: "job \(job) done, the unit was reloaded")
        case .ended("timeout"): return ActionOutcome(.timedOut, detail: "job \(job) ran into systemd's own timeout")
        case .ended(let result): return ActionOutcome(.failed, detail: "job \(job) \(result): the reload failed")
        case .disconnected:
            return ActionOutcome(.interrupted, detail: "the connection to systemd broke; the outcome is not known")
        case .deadline: return ActionOutcome(.timedOut, detail: "job \(job) has not ended in \(timeout.brief)")
        }
    }

    /// Sends a signal to the unit's main process, through systemd.
    ///
    /// Refused as a reload is. What the process makes of the signal, the checks have to tell.
    public func signalMainProcess(
        of unit: String, _ signal: Int32, expectedInvocationID: String?, timeout: Duration
    ) async -> ActionOutcome {
        let deadline = BusThread.now() + timeout.inNanosecondsClamped
        let record = self.record(of: unit)
        defer { self.release(record) }
        if let refusal = await self.prepare(record, expectedInvocationID: expectedInvocationID, until: deadline) {
            return refusal
        }
        let pid = record.state?.service.mainPID ?? 0
        let error = await self.call(.manager("KillUnit"), "Could not signal \(unit).", record, until: deadline) {
            $0.string(unit)
            $0.string("main")
            $0.int32(signal)
        }
        if let error { return ActionOutcome(.failed, detail: "\(error)") }
        return ActionOutcome(.succeeded, detail: "signal \(signal) was sent to the main process, \(pid)")
    }

    /// Waits until the unit is known.
    ///
    /// - Returns: why it is not to be touched, if so.
    private func prepare(
        _ record: UnitRecord, expectedInvocationID: String?, until deadline: Int64
    ) async -> ActionOutcome? {
        guard UnitName.isValid(record.name) else {
            return ActionOutcome(.refused, detail: "\(record.name) is not the name of a unit")
        }
        if let error = await self.settle(record, until: deadline) {
            return ActionOutcome(.failed, detail: "nothing was done: \(error)")
        }
        if let refusal = Self.refusal(record, expectedInvocationID: expectedInvocationID) {
            return ActionOutcome(.refused, detail: refusal)
        }
        guard record.state?.isUp == true else {
            return ActionOutcome(.refused, detail: "\(record.name) does not run: \(record.summary)")
        }
        return nil
    }
}
