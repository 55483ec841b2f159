import CSystemd
import Glibc
import RecoveryEngine
import ResilienceCore

/// The death of main processes, by pidfd: known about a millisecond before systemd speaks of it.
extension UnitWatcher {
    /// How long after a main process's death its unit is read if systemd has said nothing by then. systemd reaps and
    /// announces within about a millisecond, and whatever is sent to it before only delays that.
    private static let deathGrace = Duration.milliseconds(20)

    /// Watches the unit's main process with a descriptor that can never come to mean another process.
    func followMainProcess(of record: UnitRecord) {
        let pid = record.state?.service.mainPID ?? 0
        guard record.death?.pid != pid else { return }
        self.forgetDeath(of: record)
        guard pid > 0 else { return }
        let descriptor = heald_pidfd_open(pid)
        guard descriptor >= 0 else {
            // It is gone already, or there are no descriptors left: the signals tell.
            return
        }
        record.death = (descriptor, pid)
        self.thread.watch(descriptor) { [weak self, weak record] in
            guard let self, let record, record.death?.descriptor == descriptor else { return }
            self.mainProcessDied(record)
        }
        self.confirm(pid, of: record, descriptor: descriptor)
        if record.ending == nil { self.readEndingLater(of: record) }
    }

    /// Between systemd's word and the opening the process may have died and its number been given to a stranger: only if
    /// systemd still names that process afterwards is it the one.
    private func confirm(_ pid: Int32, of record: UnitRecord, descriptor: Int32) {
        self.connection?.call(.property(of: record.path), what: "Could not read \(record.name).", unit: record.name) {
            $0.string("org.freedesktop.systemd1.Service")
            $0.string("MainPID")
        } complete: { [weak self, weak record] result in
            guard let self, let record, record.death?.descriptor == descriptor else { return }
            guard case .success(let message) = result, let now = message.within("v", "u", { message.uint32() }),
                now == UInt32(pid)
            else { return self.forgetDeath(of: record) }
            record.isDeathOurs = true
        }
    }

    func forgetDeath(of record: UnitRecord) {
        guard let death = record.death else { return }
        record.death = nil
        record.isDeathOurs = false
        self.thread.forget(death.descriptor)
        Glibc.close(death.descriptor)
    }

    private func mainProcessDied(_ record: UnitRecord) {
        // What systemd has said already, of a job of somebody's for one, comes first.
        self.processBus()
        guard record.death != nil else { return }
        let generation = record.generation
        self.foretell(record)
        self.forgetDeath(of: record)
        self.thread.schedule(after: Self.deathGrace) { [weak self, weak record] in
            guard let self, let record, record.generation == generation, self.phase == .ready else { return }
            self.read(record, first: true)
        }
    }

    // MARK: Foretelling

    /// Tells of the death at once where it is certain what systemd is going to say of it, so that what has to be
    /// written down before the repair is written while systemd reaps the process. Nothing is sent to systemd before it
    /// has spoken: see `settle`.
    private func foretell(_ record: UnitRecord) {
        guard self.phase == .ready, record.isDeathOurs, let death = record.death, let ending = record.ending,
            ending.isPlain, record.stagedService == nil, let seen = record.observation,
            seen.activeState == .active, seen.subState == "running", seen.mainPID == death.pid, seen.job == nil,
            let end = ProcessEnd(of: death.pid, descriptor: death.descriptor), !end.isCleanToSystemd,
            ending.isControlGroupEmpty
        else { return }
        record.foretold = seen.ended(by: end, at: .now)
        self.publish(record)
    }

    /// The definitions of units may have changed.
    func forgetEndings() {
        for record in self.records.values {
            record.ending = nil
            if record.death != nil { self.readEndingLater(of: record) }
        }
    }

    /// Not while anything urgent goes on: it is for the next death.
    private func readEndingLater(of record: UnitRecord) {
        self.endingQueue.append(record)
        guard self.endingQueue.count == 1 else { return }
        self.thread.schedule(after: .milliseconds(20)) { [weak self] in self?.readNextEnding() }
    }

    private func readNextEnding() {
        while let record = self.endingQueue.first {
            guard let connection = self.connection, self.phase == .ready, record.ending == nil, record.isService,
                record.death != nil
            else {
                self.endingQueue.removeFirst()
                continue
            }
            UnitEnding.read(record, over: connection) { [weak self] ending in
                record.ending = ending
                guard let self, self.endingQueue.first === record else { return }
                self.endingQueue.removeFirst()
                self.readNextEnding()
            }
            return
        }
    }
}

extension UnitObservation {
    /// What systemd says of the unit once it has reaped the main process that ended so.
    fileprivate func ended(by end: ProcessEnd, at time: WallTime) -> UnitObservation {
        var next = self
        next.activeState = .failed
        next.subState = "failed"
        next.mainPID = 0
        next.result = end.result
        next.exit = ProcessExit(kind: end.kind, status: end.status, at: time)
        next.inactiveEnteredAt = time
        next.isForetold = true
        return next
    }
}

extension WallTime {
    fileprivate static var now: WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }
}
