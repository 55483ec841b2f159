import RecoveryEngine
import ResilienceCore

/// Starting and stopping as parts of something larger.
extension SystemdManager {
    /// How long a unit gets to be gone after SIGKILL.
    private static let afterKill: Int64 = 5_000_000_000

    /// Stops a unit and proves that nothing of it runs any more, which is what fencing asks for.
    ///
    /// One that is down already is proven so. When the time is up its processes get SIGKILL, through systemd. Refused where
    /// somebody else's job is in flight.
    ///
    /// - Parameter expectedInvocationID: refused where another one runs; `nil`: whichever runs is stopped.
    /// - Returns: `succeeded` only where systemd says that the unit is inactive or failed and has no job.
    public func stop(_ unit: String, expectedInvocationID: String? = nil, timeout: Duration) async -> ActionOutcome {
        let deadline = BusThread.now() + timeout.inNanosecondsClamped
        let record = self.record(of: unit)
        defer { self.release(record) }
        if let error = await self.settle(record, until: deadline) {
            return ActionOutcome(.failed, detail: "\(unit) was not stopped: \(error)")
        }
        if let job = record.job, !job.isOurs {
            return ActionOutcome(.refused, detail: "somebody else's job \(job.id) is in flight for \(unit)")
        }
        if record.job == nil, record.state?.isDown == true {
            return ActionOutcome(.succeeded, detail: "\(unit) is \(record.summary)")
        }
        if let expectedInvocationID, record.state?.general.invocation != expectedInvocationID {
            return ActionOutcome(.refused, detail: "\(unit) was started anew meanwhile, and is not stopped")
        }
        await self.cancelOwnJob(of: record, until: deadline)
        let queued = await self.queueJob(
            .manager("StopUnit"), type: "stop", "Could not stop \(unit).", record, until: deadline
        ) {
            $0.string(unit)
            $0.string("fail")
        }
        switch queued {
        case .success(let job): return await self.proveStopped(record, job: job, until: deadline)
        case .failure(let error) where error.code == .jobInFlight: return ActionOutcome(.refused, detail: "\(error)")
        case .failure(let error): return ActionOutcome(.failed, detail: "\(error)")
        }
    }

    /// A job of ours that has run out of time (a start that hangs) would make systemd refuse the stop.
    ///
    /// By its number, so that a job of somebody else's that took its place an instant ago is not hit.
    private func cancelOwnJob(of record: UnitRecord, until deadline: Int64) async {
        guard let job = record.job, job.isOurs, job.type != "stop" else { return }
        _ = await self.call(
            .manager("CancelJob"), "Could not cancel job \(job.id) of \(record.name).", record, until: deadline
        ) {
            $0.uint32(job.id)
        }
        _ = await self.end(of: job.id, until: deadline)
    }

    private func proveStopped(_ record: UnitRecord, job: UInt32, until deadline: Int64) async -> ActionOutcome {
        var wasKilled = false
        if case .deadline = await self.end(of: job, until: deadline) {
            wasKilled = true
            _ = await self.call(
                .manager("KillUnit"), "Could not kill \(record.name).", record, until: deadline + Self.afterKill
            ) {
                $0.string(record.name)
                $0.string("all")
                $0.int32(9)
            }
            _ = await self.end(of: job, until: deadline + Self.afterKill)
        }
        if let error = await self.settleAndRead(record, until: deadline + 2 * Self.afterKill) {
            return ActionOutcome(.failed, detail: "whether \(record.name) runs is not known: \(error)")
        }
        let how = wasKilled ? ", with SIGKILL" : ""
        guard record.state?.isDown == true, record.job == nil else {
            return ActionOutcome(.timedOut, detail: "\(record.name) is not down: \(record.summary)\(how)")
        }
        return ActionOutcome(.succeeded, detail: "\(record.name) was stopped: \(record.summary)\(how)")
    }

    func settleAndRead(_ record: UnitRecord, until deadline: Int64) async -> SystemdError? {
        if let error = await self.settle(record, until: deadline) { return error }
        return await self.read(record, until: deadline)
    }

    /// Starts a unit, as a restart would; one that runs is left as it is.
    public func start(_ unit: String, timeout: Duration) async -> ActionOutcome {
        switch await self.condition(of: unit, timeout: timeout) {
        case .up: return ActionOutcome(.succeeded, detail: "\(unit) runs")
        case .down(let invocation):
            return await self.restart(unit, expectedInvocationID: invocation, timeout: timeout)
        case .between:
            // Perhaps it was started already, by a run of the supervisor that was killed.
            let begun = await self.reconcileRestart(of: unit, expectedInvocationID: nil, timeout: timeout)
            guard begun.result != .succeeded,
                case .down(let invocation) = await self.condition(of: unit, timeout: timeout)
            else { return begun }
            return await self.restart(unit, expectedInvocationID: invocation, timeout: timeout)
        case .unknown(let why): return ActionOutcome(.failed, detail: "\(unit) was not started: \(why)")
        }
    }

    /// Restarts a unit whichever invocation runs; one that is down is left so.
    public func restartIfUp(_ unit: String, timeout: Duration) async -> ActionOutcome {
        switch await self.condition(of: unit, timeout: timeout) {
        case .up(let invocation), .between(let invocation, _):
            return await self.restart(unit, expectedInvocationID: invocation, timeout: timeout)
        case .down: return ActionOutcome(.succeeded, detail: "\(unit) does not run, and is left so")
        case .unknown(let why): return ActionOutcome(.failed, detail: "\(unit) was not restarted: \(why)")
        }
    }

    /// Reloads a unit whichever invocation runs; one that is down has nothing to reload.
    public func reloadIfUp(_ unit: String, timeout: Duration) async -> ActionOutcome {
        var condition = await self.condition(of: unit, timeout: timeout)
        if case .between = condition {
            // A reload that is under way may have begun before there was something new to read.
            await self.endOfBegunJob(on: unit, ["reload"], timeout: timeout)
            condition = await self.condition(of: unit, timeout: timeout)
        }
        switch condition {
        case .up(let invocation):
            return await self.reload(unit, expectedInvocationID: invocation, timeout: timeout)
        case .down: return ActionOutcome(.succeeded, detail: "\(unit) does not run: nothing to reload")
        case .between(_, let how): return ActionOutcome(.failed, detail: "\(unit) was not reloaded: it is \(how)")
        case .unknown(let why): return ActionOutcome(.failed, detail: "\(unit) was not reloaded: \(why)")
        }
    }

    /// How a unit stands, as systemd says now.
    public func condition(of unit: String, timeout: Duration) async -> UnitCondition {
        let deadline = BusThread.now() + timeout.inNanosecondsClamped
        guard UnitName.isValid(unit) else { return .unknown("\(unit) is not the name of a unit") }
        let record = self.record(of: unit)
        defer { self.release(record) }
        if let error = await self.settleAndRead(record, until: deadline) { return .unknown("\(error)") }
        guard let state = record.state else { return .unknown("nothing is known of \(unit)") }
        if record.job == nil, state.isUp { return .up(invocation: state.general.invocation) }
        if record.job == nil, state.isDown { return .down(invocation: state.general.invocation) }
        return .between(invocation: state.general.invocation, record.summary)
    }
}

/// Whether a unit runs.
public enum UnitCondition: Hashable, Sendable {
    case up(invocation: String?)
    /// Inactive or failed, and without a job.
    case down(invocation: String?)
    /// On its way from one to the other, or with a job.
    case between(invocation: String?, String)
    case unknown(String)
}
