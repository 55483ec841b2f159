import CSystemd
import RecoveryEngine
import ResilienceCore

/// One restart, followed to its end.
///
/// `RestartUnit` on a unit that is down is turned into a start by systemd itself, without a stop phase, so that it costs
/// no more than `StartUnit`. It is sent only after systemd has announced the death: sent earlier it would queue behind
/// systemd's own handling of it and gain nothing that may be used, since the intent has to be on the disk first. The mode
/// is `fail`: a job of somebody else's that would conflict makes systemd refuse ours, also where theirs came an instant
/// ago.
extension SystemdManager {
    /// How long a unit gets to come back after SIGKILL ended a restart that had run out of time.
    private static let secondChanceMax = Duration.seconds(5)

    /// Restarts a unit, unless the world is no longer the one decided on.
    ///
    /// Refused where a job of somebody else's is in flight, systemd is about to restart the unit by itself, it is masked
    /// or not found, or its invocation is another one than expected. `ResetFailedUnit` goes before it only where systemd
    /// has given up (it was started too often). When the time is up the unit's processes get SIGKILL, through systemd, and it
    /// has at most 5 s more to come back.
    ///
    /// - Parameters:
    ///   - expectedInvocationID: `nil`: the unit was never started, as far as was known.
    ///   - timeout: of the whole, those last seconds apart.
    public func restart(_ unit: String, expectedInvocationID: String?, timeout: Duration) async -> ActionOutcome {
        let begin = BusThread.now()
        let deadline = begin + timeout.inNanosecondsClamped
        guard UnitName.isValid(unit) else {
            return ActionOutcome(.refused, detail: "\(unit) is not the name of a unit")
        }
        let record = self.record(of: unit)
        defer { self.release(record) }
        let wasForetold = record.foretold != nil
        if let error = await self.settle(record, until: deadline) {
            return ActionOutcome(.failed, detail: "nothing was done: \(error)")
        }
        if wasForetold, record.stoppedByOther {
            return ActionOutcome(.refused, detail: "somebody else stopped \(unit) at the same moment")
        }
        if let refusal = Self.refusal(record, expectedInvocationID: expectedInvocationID) {
            return ActionOutcome(.refused, detail: refusal)
        }
        var run = RestartRun(
            record: record, begin: begin, deadline: deadline, invocationBefore: record.state?.general.invocation)
        var first = await self.attempt(&run)
        if first.result == .failed, run.wasNotEvenTried {
            run.hasGivenUp = true
            first = await self.attempt(&run)
        }
        guard first.result == .timedOut else { return first }
        return await self.secondChance(&run, timeout: timeout)
    }

    /// Why touching the unit would be wrong now; from what is known, without asking anybody.
    static func refusal(_ record: UnitRecord, expectedInvocationID: String?) -> String? {
        guard let state = record.state else { return "nothing is known of \(record.name)" }
        if let job = record.job, !job.isOurs {
            return "somebody else's job \(job.id) (\(job.type ?? "unknown")) is in flight for \(record.name)"
        }
        switch state.general.load {
        case "masked": return "\(record.name) is masked"
        case "not-found": return "systemd knows no unit \(record.name)"
        default: break
        }
        if state.isAutoRestarting { return "systemd is about to restart \(record.name) by itself (Restart=)" }
        let invocation = state.general.invocation
        if let expectedInvocationID {
            guard invocation != expectedInvocationID else { return nil }
            return "\(record.name) runs as another invocation than the one decided on "
                + "(\(invocation ?? "none") instead of \(expectedInvocationID))"
        }
        if let invocation, !state.isDown {
            return "\(record.name) has been started meanwhile (invocation \(invocation))"
        }
        return nil
    }

    // MARK: One attempt

    private func attempt(_ run: inout RestartRun) async -> ActionOutcome {
        let record = run.record
        if run.hasGivenUp || record.state?.service.result == "start-limit-hit" {
            _ = await self.call(
                .manager("ResetFailedUnit"), "Could not reset the failed state of \(record.name).", record,
                until: run.deadline
            ) { $0.string(record.name) }
        }
        switch await self.sendRestart(record, until: run.deadline) {
        case .success(let job):
            run.job = job
            return await self.follow(&run)
        case .failure(let error):
            switch error.code {
            case .jobInFlight, .masked, .noSuchUnit: return ActionOutcome(.refused, detail: "\(error)")
            case .timedOut where BusThread.now() >= run.deadline:
                return ActionOutcome(.timedOut, detail: "\(error)")
            case .disconnected, .timedOut: return await self.askTheWorld(&run)
            default: return ActionOutcome(.failed, detail: "\(error)")
            }
        }
    }

    private func sendRestart(_ record: UnitRecord, until deadline: Int64) async -> Result<UInt32, SystemdError> {
        await self.queueJob(
            .manager("RestartUnit"), type: "restart", "Could not restart \(record.name).", record, until: deadline
        ) {
            $0.string(record.name)
            $0.string("fail")
        }
    }

    /// Waits for the job's end and judges by what the unit is then.
    private func follow(_ run: inout RestartRun) async -> ActionOutcome {
        switch await self.end(of: run.job, until: run.deadline) {
        case .ended(let result):
            run.jobResult = result
            if let error = await self.read(run.record, until: run.deadline + 1_000_000_000) {
                if error.code == .disconnected { return await self.askTheWorld(&run) }
                // systemd has said that the job is done; that it is too busy to say more undoes nothing. The checks
                // prove the repair, or do not.
                return ActionOutcome(
                    result == "done" ? .succeeded : .failed, detail: "job \(run.job) \(result), but \(error)")
            }
            return run.outcome(jobResult: result)
        case .disconnected: return await self.askTheWorld(&run)
        case .deadline:
            return ActionOutcome(
                .timedOut, detail: "job \(run.job) has not ended after \(run.elapsed); \(run.record.summary)")
        }
    }

    /// The connection broke in the middle: once it is back, the unit itself tells what became of the call.
    private func askTheWorld(_ run: inout RestartRun) async -> ActionOutcome {
        let grace = run.deadline + 2_000_000_000
        if let error = await self.settle(run.record, until: grace) {
            return ActionOutcome(.interrupted, detail: "the outcome is not known: \(error)")
        }
        if let job = run.record.job, run.job == 0 || job.id == run.job {
            run.job = job.id
            self.watcher.adopt(job.id, record: run.record, isNew: true)
            return await self.follow(&run)
        }
        return run.outcomeAfterGap()
    }

    // MARK: Out of time

    /// SIGKILL to whatever hangs, and once more.
    private func secondChance(_ run: inout RestartRun, timeout: Duration) async -> ActionOutcome {
        let record = run.record
        run.wasKilled = true
        let chance = min(Self.secondChanceMax, max(.seconds(1), timeout)).inNanosecondsClamped
        run.deadline = BusThread.now() + chance
        let killed = await self.call(
            .manager("KillUnit"), "Could not kill \(record.name).", record, until: run.deadline
        ) {
            $0.string(record.name)
            $0.string("all")
            $0.int32(9)
        }
        if let killed, killed.code == .accessDenied { return ActionOutcome(.timedOut, detail: "\(killed)") }
        // A job that hung in its stop phase goes on to the start by itself.
        var outcome = run.job != 0 ? await self.follow(&run) : await self.attempt(&run)
        if outcome.result == .failed, BusThread.now() < run.deadline {
            run.job = 0
            outcome = await self.attempt(&run)
        }
        return outcome
    }
}

/// The facts of one restart under way.
struct RestartRun {
    let record: UnitRecord
    let begin: Int64
    var deadline: Int64
    /// The invocation that is to be replaced.
    let invocationBefore: String?
    /// 0: not known.
    var job: UInt32 = 0
    /// How the job ended.
    var jobResult = ""
    var wasKilled = false
    /// systemd has given the unit up: it was started too often.
    var hasGivenUp = false

    /// The job failed before anything was started. systemd keeps the `Result` of the last crash when it gives a unit up,
    /// so that a start it refuses outright is the only reliable sign.
    var wasNotEvenTried: Bool {
        guard let state = self.record.state, !self.hasGivenUp, !self.wasKilled else { return false }
        return self.jobResult == "failed" && state.general.active == .failed && state.general.load == "loaded"
            && state.general.invocation == self.invocationBefore && state.service.result != "start-limit-hit"
    }

    var elapsed: String {
        let milliseconds = (BusThread.now() - self.begin) / 1_000_000
        return milliseconds < 10_000 ? "\(milliseconds) ms" : "\(milliseconds / 1_000) s"
    }

    /// The job has ended and the unit has been read since.
    func outcome(jobResult: String) -> ActionOutcome {
        guard let state = self.record.state else { return ActionOutcome(.failed, detail: "nothing is known") }
        let tail = "\(self.record.summary) after \(self.elapsed)\(self.wasKilled ? ", with SIGKILL" : "")"
        let isNew = state.general.invocation != self.invocationBefore
        // A oneshot is done when its process has ended well.
        let ranToItsEnd =
            isNew && state.general.active == .inactive && state.service.result == "success"
            && jobResult == "done"
        switch jobResult {
        case "done", "skipped":
            let isGood = state.isUp && (isNew || jobResult == "skipped") || ranToItsEnd
            return ActionOutcome(isGood ? .succeeded : .failed, detail: "job \(self.job) \(jobResult); \(tail)")
        case "timeout":
            return ActionOutcome(.timedOut, detail: "job \(self.job) ran into systemd's own timeout; \(tail)")
        case "canceled":
            return ActionOutcome(.failed, detail: "job \(self.job) was cancelled by another job; \(tail)")
        case "dependency":
            return ActionOutcome(.failed, detail: "job \(self.job): a unit that it needs failed to start; \(tail)")
        default:
            return ActionOutcome(.failed, detail: "job \(self.job) \(jobResult); \(tail)")
        }
    }

    /// Nobody saw the job end, and there is none now.
    func outcomeAfterGap() -> ActionOutcome {
        guard let state = self.record.state, state.general.invocation != self.invocationBefore else {
            return ActionOutcome(
                .interrupted,
                detail: "the connection to systemd broke, and \(self.record.name) has not been started since; "
                    + self.record.summary)
        }
        let isUp = state.isUp || state.general.active == .activating
        return ActionOutcome(
            isUp ? .succeeded : .failed,
            detail: "the connection to systemd broke meanwhile; \(self.record.summary) after \(self.elapsed)")
    }
}

extension UnitRecord {
    /// `active (running)`, `failed (exit-code, status 3)`.
    var summary: String {
        guard let state = self.state else { return "state unknown" }
        var words = [state.general.sub]
        if state.general.active == .failed {
            words = [state.service.result]
            if let exit = state.service.exit {
                words.append(exit.kind == .exited ? "status \(exit.status)" : "signal \(exit.status)")
            }
        }
        let text = words.filter { !$0.isEmpty }.joined(separator: ", ")
        return text.isEmpty ? state.general.active.rawValue : "\(state.general.active.rawValue) (\(text))"
    }
}
