import RecoveryEngine
import Supervisor

/// Jobs: whose they are, what they do, when they end.
extension UnitWatcher {
    private static let endedJobsMax = 64
    /// How soon after the death of a unit systemd stops what is bound to it: at once, give or take a busy machine.
    private static let bondLasts: Int64 = 5_000_000_000

    /// A job of the unit is there.
    func noteJob(_ id: UInt32, of record: UnitRecord, as new: UnitState? = nil, thenPublish: Bool = false) {
        guard id != 0, record.job?.id != id, !self.endedJobs.contains(where: { $0.id == id }) else { return }
        var job = UnitRecord.Job(
            id: id, type: nil, isOurs: self.ownJobs.contains(id) || record.ownCalls > 0,
            isAutomatic: record.state?.isAutoRestarting == true || new?.isAutoRestarting == true,
            invocationBefore: record.state?.general.invocation)
        if job.isOurs {
            job.type = record.ownCallType
            record.job = job
        } else {
            record.job = job
            self.askType(of: id, record)
        }
        if thenPublish { self.publish(record) }
    }

    private func askType(of id: UInt32, _ record: UnitRecord) {
        guard let connection = self.connection else { return }
        record.job?.isTypeAwaited = true
        let path = "/org/freedesktop/systemd1/job/\(id)"
        connection.call(.property(of: path), what: "Could not read job \(id).", unit: record.name) {
            $0.string("org.freedesktop.systemd1.Job")
            $0.string("JobType")
        } complete: { [weak self, weak record] result in
            guard let self, let record, record.job?.id == id else { return }
            record.job?.isTypeAwaited = false
            if case .success(let message) = result, let type = message.within("v", "s", { message.string() }) {
                record.job?.type = type
                self.findBond(record)
                if let job = record.job, job.isForeignStop { record.markStopped() }
            }
            self.publish(record)
        }
    }

    /// Whether somebody's job is systemd's own: when a unit goes down without anybody's stop it queues the stop of what is
    /// bound to it, and says no word of why. Known only once the job's type is, since the news of the bound unit may come
    /// before that of the other.
    ///
    /// - SeeAlso: systemd.unit(5), `BindsTo=`.
    private func findBond(_ record: UnitRecord) {
        guard record.job?.isOurs == false, record.job?.boundTo == nil else { return }
        let since = BusThread.now() - Self.bondLasts
        record.job?.boundTo = record.state?.general.requirements["BindsTo"]?.sorted().first { name in
            self.recordsByPath[UnitName.objectPath(of: name)]?.contains { ($0.wentDownAt ?? .min) >= since } == true
        }
    }

    func jobRemoved(_ id: UInt32, unit: String, result: String) {
        self.endedJobs.append((id, result))
        if self.endedJobs.count > Self.endedJobsMax { self.endedJobs.removeFirst() }
        self.ownJobs.remove(id)
        for record in self.recordsByPath[UnitName.objectPath(of: unit)] ?? [] {
            if record.job?.id == id {
                self.findBond(record)
                record.jobEnded(result: result)
            }
            self.publish(record)
        }
        for waiter in (self.jobWaiters.removeValue(forKey: id) ?? [:]).values { waiter(result) }
    }

    /// systemd's answer to a call of ours names this job.
    ///
    /// - Parameter isNew: it was not there before the call; otherwise the call was merged into somebody else's job.
    func adopt(_ id: UInt32, record: UnitRecord, isNew: Bool) {
        if isNew, id != 0, !self.endedJobs.contains(where: { $0.id == id }) { self.ownJobs.insert(id) }
        guard let job = record.job else { return }
        if job.id == id, isNew {
            record.job?.isOurs = true
            // Known already where it is one that an earlier run began.
            record.job?.type = job.type ?? record.ownCallType
            record.stoppedByOther = false
            self.publish(record)
        } else if job.isOurs, !self.ownJobs.contains(job.id) {
            // It appeared while the call was under way and was taken for its job.
            record.job?.isOurs = false
            record.job?.type = nil
            self.askType(of: job.id, record)
        }
    }

    /// Calls `done` once: with the job's result when it ends, or with `nil` when the connection does.
    func whenEnded(_ id: UInt32, _ done: @escaping (String?) -> Void) -> UInt64? {
        if let ended = self.endedJobs.last(where: { $0.id == id }) {
            done(ended.result)
            return nil
        }
        self.nextWaiter += 1
        self.jobWaiters[id, default: [:]][self.nextWaiter] = done
        return self.nextWaiter
    }

    func stopWaiting(for id: UInt32, waiter: UInt64) { self.jobWaiters[id]?[waiter] = nil }
}
