import Logging
import RecoveryEngine
import Supervisor

/// What systemd says unasked: changes of units, jobs, reloads.
extension UnitWatcher {
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

    /// A listing does not show that a unit requires something else now.
    private func readRequirements() {
        for record in self.records.values where record.tellsRequirements { self.read(record) }
    }

    private func reloading(_ isReloading: Bool) {
        if isReloading {
            guard self.phase == .ready else { return }
            self.phase = .reloading
            for record in self.records.values { record.delivered = nil }
            self.sink(.unitsUnknown(why: "systemd is reloading its units"))
        } else {
            guard self.phase == .reloading else { return }
            self.phase = .ready
            self.forgetEndings()
            // The same systemd on the same connection: what changed is signalled, so that the listing is enough to find
            // what the reload itself changed.
            self.list(Array(self.records.keys), all: false) { [weak self] error in
                guard error?.code != .disconnected else { return }
                self?.readRequirements()
                self?.releaseReadyWaiters()
            }
        }
    }
}
