import CSystemd
import Glibc
import Logging
import RecoveryEngine
import Supervisor

/// What systemd says unasked: changes of units, jobs, reloads; and the death of main processes, by pidfd.
extension UnitWatcher {
    /// How long after a main process's death its unit is read if systemd has said nothing by then. systemd reaps and
    /// announces within about a millisecond, and whatever is sent to it before only delays that.
    private static let deathGrace = Duration.milliseconds(20)

    func received(_ message: BusMessage) {
        switch message.member {
        case "PropertiesChanged": self.propertiesChanged(message)
        case "JobNew":
            guard let id = message.uint32(), message.string("o") != nil, let unit = message.string() else { return }
            for record in self.records(primaryName: unit) { self.noteJob(id, of: record, thenPublish: true) }
        case "JobRemoved":
            guard let id = message.uint32(), message.string("o") != nil, let unit = message.string(),
                let result = message.string()
            else { return }
            self.jobRemoved(id, unit: unit, result: result)
        case "Reloading":
            guard let isReloading = message.boolean() else { return }
            self.reloading(isReloading)
        case "NameOwnerChanged":
            guard message.string() == "org.freedesktop.systemd1", message.string() != nil, let owner = message.string()
            else { return }
            // Gone, or another process than before (daemon-reexec keeps the PID but opens a new connection).
            if self.phase != .greeting || owner.isEmpty {
                self.isLossPending = "systemd left the bus"
            }
        default: break
        }
    }

    private func records(primaryName: String) -> [UnitRecord] {
        self.recordsByPath[UnitName.objectPath(of: primaryName)] ?? []
    }

    private func propertiesChanged(_ message: BusMessage) {
        guard let records = self.recordsByPath[message.path], let interface = message.string() else { return }
        switch interface {
        case "org.freedesktop.systemd1.Service":
            var service = records.first?.state?.service ?? ServiceState()
            service.read(message)
            for record in records { record.stagedService = service }
        case "org.freedesktop.systemd1.Unit":
            guard var general = records.first?.state?.general else { return }
            general.read(message)
            for record in records {
                if record.isService, record.stagedService == nil, record.isPartial { continue }
                self.take(
                    UnitState(
                        general: general, service: record.stagedService ?? record.state?.service ?? ServiceState()),
                    record)
            }
        default: break
        }
    }

    // MARK: Reload

    private func reloading(_ isReloading: Bool) {
        if isReloading {
            guard self.phase == .ready else { return }
            self.phase = .reloading
            for record in self.records.values { record.delivered = nil }
            self.sink(.unitsUnknown(why: "systemd is reloading its units"))
        } else {
            guard self.phase == .reloading else { return }
            self.phase = .ready
            // The same systemd on the same connection: what changed is signalled, so that the listing is enough to find
            // what the reload itself changed.
            self.list(Array(self.records.keys), all: false) { [weak self] error in
                if error?.code != .disconnected { self?.releaseReadyWaiters() }
            }
        }
    }

    // MARK: Death

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
        }
    }

    func forgetDeath(of record: UnitRecord) {
        guard let death = record.death else { return }
        record.death = nil
        self.thread.forget(death.descriptor)
        Glibc.close(death.descriptor)
    }

    private func mainProcessDied(_ record: UnitRecord) {
        let generation = record.generation
        self.forgetDeath(of: record)
        self.thread.schedule(after: Self.deathGrace) { [weak self, weak record] in
            guard let self, let record, record.generation == generation, self.phase == .ready else { return }
            self.read(record, first: true)
        }
    }
}
