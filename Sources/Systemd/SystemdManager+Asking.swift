import CSystemd
import RecoveryEngine
import ResilienceCore

/// Waiting steps of an action, each with a deadline.
extension SystemdManager {
    enum JobEnd: Sendable {
        case ended(String)
        case disconnected
        case deadline
    }

    /// The record of a unit that something is done to; made for the purpose where it is not watched.
    func record(of unit: String) -> UnitRecord {
        if let record = self.watcher.records[unit] {
            record.users += 1
            return record
        }
        let record = UnitRecord(name: unit)
        record.isTold = false
        record.users = 1
        self.watcher.add(record)
        return record
    }

    func release(_ record: UnitRecord) {
        record.users -= 1
        if record.users == 0, !record.isTold, self.watcher.records[record.name] === record {
            self.watcher.forget(record.name)
        }
    }

    /// Returns when systemd can be asked and the unit is fully known; with the reason where that is not reached.
    func settle(_ record: UnitRecord, until deadline: Int64) async -> SystemdError? {
        while BusThread.now() < deadline {
            await self.ready(until: deadline)
            guard self.watcher.phase != .closed else { break }
            // It may have gone away again before this ran.
            guard self.watcher.phase == .ready else { continue }
            if record.foretold != nil {
                await self.word(on: record, until: deadline)
                continue
            }
            if record.state != nil, !record.isPartial, !record.hasGap { return nil }
            // Reading again does no harm, so that only the deadline ends it.
            if let error = await self.read(record, until: deadline),
                error.code != .disconnected, error.code != .timedOut || BusThread.now() >= deadline
            {
                return error
            }
        }
        return .disconnected("Could not ask systemd about \(record.name).")
    }

    private func ready(until deadline: Int64) async {
        guard self.watcher.phase != .ready else { return }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let once = Once { continuation.resume() }
            self.watcher.whenReady { once.fire() }
            self.thread.schedule(at: deadline) { once.fire() }
        }
    }

    /// Returns when systemd has spoken of a death that is known already, or can no longer be heard.
    private func word(on record: UnitRecord, until deadline: Int64) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let once = Once { continuation.resume() }
            record.wordWaiters.append { once.fire() }
            self.thread.schedule(at: deadline) { once.fire() }
        }
    }

    /// Reads all of the unit's properties again.
    func read(_ record: UnitRecord, until deadline: Int64) async -> SystemdError? {
        await withCheckedContinuation { continuation in
            var answer: SystemdError?
            let once = Once { continuation.resume(returning: answer) }
            let timer = self.thread.schedule(at: deadline) {
                answer = .timedOut("Could not read \(record.name).")
                once.fire()
            }
            self.watcher.read(record, first: true) { [thread] error in
                thread.cancel(timer: timer)
                answer = error
                once.fire()
            }
        }
    }

    /// Calls a method of the manager that answers nothing.
    func call(
        _ method: BusMethod, _ what: String, _ record: UnitRecord, until deadline: Int64,
        arguments: (BusArguments) -> Void
    ) async -> SystemdError? {
        await withCheckedContinuation { continuation in
            guard let connection = self.watcher.connection else {
                return continuation.resume(returning: .disconnected(what))
            }
            connection.call(
                method, what: what, unit: record.name,
                timeout: .nanoseconds(max(1_000_000, deadline - BusThread.now())), arguments: arguments
            ) { result in
                switch result {
                case .success: continuation.resume(returning: nil)
                case .failure(let error): continuation.resume(returning: error)
                }
            }
        }
    }

    /// Calls a method of the manager that queues a job for the unit, and knows the job as ours from its first signal.
    ///
    /// - Returns: the job's number.
    func queueJob(
        _ method: BusMethod, type: String, _ what: String, _ record: UnitRecord, until deadline: Int64,
        arguments: (BusArguments) -> Void
    ) async -> Result<UInt32, SystemdError> {
        let before = record.job?.id
        return await withCheckedContinuation { continuation in
            guard let connection = self.watcher.connection else {
                return continuation.resume(returning: .failure(.disconnected(what)))
            }
            record.ownCalls += 1
            record.ownCallType = type
            connection.call(
                method, what: what, unit: record.name,
                timeout: .nanoseconds(max(1_000_000, deadline - BusThread.now())), arguments: arguments
            ) { [watcher] result in
                record.ownCalls -= 1
                let job = result.map { $0.string("o").flatMap { UInt32($0.split(separator: "/").last ?? "") } ?? 0 }
                switch job {
                case .success(let id): watcher.adopt(id, record: record, isNew: id != before)
                case .failure(let error):
                    // A job that appeared since is the call's, though its answer was lost; a refused call made none.
                    let appeared = record.job.flatMap { $0.id == before ? nil : $0.id } ?? 0
                    let isLost = error.code == .disconnected || error.code == .timedOut
                    watcher.adopt(isLost ? appeared : 0, record: record, isNew: true)
                }
                continuation.resume(returning: job)
            }
        }
    }

    /// Waits for the end of a job.
    func end(of job: UInt32, until deadline: Int64) async -> JobEnd {
        await withCheckedContinuation { continuation in
            var end = JobEnd.deadline
            var timer: UInt64?
            let once = Once { continuation.resume(returning: end) }
            let waiter = self.watcher.whenEnded(job) { [thread] result in
                if let timer { thread.cancel(timer: timer) }
                end = result.map { .ended($0) } ?? .disconnected
                once.fire()
            }
            guard let waiter else { return }
            timer = self.thread.schedule(at: deadline) { [watcher] in
                watcher.stopWaiting(for: job, waiter: waiter)
                once.fire()
            }
        }
    }
}
