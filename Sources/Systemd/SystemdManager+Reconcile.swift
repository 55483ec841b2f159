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
        let deadline = BusThread.now() + timeout.inNanosecondsClamped
        guard UnitName.isValid(unit) else {
            return ActionOutcome(.interrupted, detail: "\(unit) is not the name of a unit")
        }
        let record = self.record(of: unit)
        defer { self.release(record) }
        switch await self.followJobs(of: record, takingForOurs: ["restart", "start"], until: deadline) {
        case .deadline(let job):
            return ActionOutcome(.timedOut, detail: "job \(job) is still in flight; \(record.summary)")
        case .unknown(let error):
            return ActionOutcome(.interrupted, detail: "what became of the restart is not known: \(error)")
        case .over: return Self.verdict(record, expectedInvocationID: expectedInvocationID)
        }
    }

    /// Waits for the end of the job that an earlier run of the supervisor may have begun on a unit; never acts.
    ///
    /// Only for a unit of which such an intent is on record: a job of one of these types that is in flight is taken for
    /// ours from here on, so that what it leaves behind is not taken for an operator's wish.
    ///
    /// - Parameters:
    ///   - types: of the jobs that the intent would have made: `stop`, `reload`, …
    ///   - timeout: how long to wait for systemd and for that job.
    /// - Returns: how the last of them ended, as systemd says it; `nil` where there was none, or its end was not seen.
    @discardableResult
    public func endOfBegunJob(on unit: String, _ types: Set<String>, timeout: Duration) async -> String? {
        guard UnitName.isValid(unit) else { return nil }
        let record = self.record(of: unit)
        defer { self.release(record) }
        let deadline = BusThread.now() + timeout.inNanosecondsClamped
        guard case .over(let result) = await self.followJobs(of: record, takingForOurs: types, until: deadline) else {
            return nil
        }
        // One that ended while nobody watched was marked as an operator's.
        if types.contains("stop"), record.takeBackStop() { self.watcher.publish(record) }
        return result
    }

    private enum JobsEnd {
        /// The unit has no job and has been read since; with the result of the last that was ours.
        case over(result: String?)
        case deadline(job: UInt32)
        case unknown(SystemdError)
    }

    private func followJobs(
        of record: UnitRecord, takingForOurs types: Set<String>, until deadline: Int64
    ) async -> JobsEnd {
        var result: String?
        if let error = await self.settle(record, until: deadline) { return .unknown(error) }
        while var job = record.job {
            if job.type == nil {
                // The answer to an earlier question is here before that to a later one.
                if let error = await self.read(record, until: deadline) { return .unknown(error) }
                guard let same = record.job, same.id == job.id else { continue }
                job = same
            }
            let isOurs = job.isOurs || job.type.map { types.contains($0) } ?? true
            if isOurs, !job.isOurs { self.watcher.adopt(job.id, record: record, isNew: true) }
            switch await self.end(of: job.id, until: deadline) {
            case .ended(let ended): if isOurs { result = ended }
            case .deadline: return .deadline(job: job.id)
            case .disconnected: break
            }
            record.hasGap = record.hasGap || record.job?.id == job.id
            if let error = await self.settle(record, until: deadline) { return .unknown(error) }
        }
        if let error = await self.read(record, until: deadline + 1_000_000_000) { return .unknown(error) }
        return .over(result: result)
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
