import Policy
import RecoveryEngine
import ResilienceCore

/// What changes a unit without starting or stopping it.
extension SystemdManager {
    /// Empties the unit's cache directories. The unit has to be down.
    ///
    /// - SeeAlso: systemd.exec(5), `CacheDirectory=`; org.freedesktop.systemd1(5), `CleanUnit`.
    public func cleanCache(of unit: String, timeout: Duration) async -> ActionOutcome {
        let deadline = BusThread.now() + timeout.inNanosecondsClamped
        let record = self.record(of: unit)
        defer { self.release(record) }
        let error = await self.call(
            .manager("CleanUnit"), "Could not clean \(unit).", record, until: deadline
        ) {
            $0.string(unit)
            $0.strings(["cache"])
        }
        if let error { return ActionOutcome(.failed, detail: "\(error)") }
        // systemd does it in a process of its own; meanwhile the unit is in the state `maintenance`.
        var wait: Int64 = 5_000_000
        while BusThread.now() < deadline {
            if let error = await self.read(record, until: deadline) {
                return ActionOutcome(.failed, detail: "whether the cache was cleared is not known: \(error)")
            }
            if record.state?.isDown == true {
                return ActionOutcome(
                    record.state?.general.active == .inactive ? .succeeded : .failed,
                    detail: "systemd emptied the cache of \(unit); \(record.summary)")
            }
            await self.pause(wait)
            wait = min(wait * 2, 200_000_000)
        }
        return ActionOutcome(.timedOut, detail: "systemd is still cleaning \(unit)")
    }

    private func pause(_ nanoseconds: Int64) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            self.thread.schedule(at: BusThread.now() + nanoseconds) { continuation.resume() }
        }
    }

    /// Sets resource limits until they are taken back or the machine restarts.
    ///
    /// - SeeAlso: systemd.resource-control(5); org.freedesktop.systemd1(5), `SetUnitProperties`.
    public func set(_ properties: [UnitProperty], of unit: String, timeout: Duration) async -> ActionOutcome {
        let set = properties.map { "\($0.name.rawValue)=\($0.value)" }.joined(separator: " ")
        return await self.tell("SetUnitProperties", unit, did: "\(unit) was given \(set)", timeout: timeout) {
            arguments in
            arguments.boolean(true)
            arguments.array("(sv)") {
                for property in properties {
                    arguments.property(property.busName, "t") { arguments.uint64(property.value) }
                }
            }
        }
    }

    /// Stops all processes of a unit where they are.
    public func freeze(_ unit: String, timeout: Duration) async -> ActionOutcome {
        await self.tell("FreezeUnit", unit, did: "\(unit) is frozen", timeout: timeout) { _ in }
    }

    public func thaw(_ unit: String, timeout: Duration) async -> ActionOutcome {
        await self.tell("ThawUnit", unit, did: "\(unit) goes on", timeout: timeout) { _ in }
    }

    /// Whether a unit's processes stand still, or are about to, whoever froze them; `nil` where systemd does not say.
    /// Waits at most 5 seconds.
    ///
    /// - SeeAlso: org.freedesktop.systemd1(5), `FreezerState`. It is asked for each time: systemd tells of no change of it.
    public func freezer(of unit: String) async -> FreezerObservation? {
        guard UnitName.isValid(unit) else { return nil }
        let deadline = BusThread.now() + 5_000_000_000
        let record = self.record(of: unit)
        defer { self.release(record) }
        guard await self.settleAndRead(record, until: deadline) == nil,
            let state = await self.freezerState(of: record, until: deadline)
        else { return nil }
        return FreezerObservation(
            isFrozen: state == "frozen" || state == "freezing", invocationID: record.state?.general.invocation)
    }

    private func freezerState(of record: UnitRecord, until deadline: Int64) async -> String? {
        await withCheckedContinuation { continuation in
            guard let connection = self.watcher.connection else { return continuation.resume(returning: nil) }
            connection.call(
                .property(of: record.path), what: "Could not read \(record.name).", unit: record.name,
                timeout: .nanoseconds(max(1_000_000, deadline - BusThread.now()))
            ) {
                $0.string("org.freedesktop.systemd1.Unit")
                $0.string("FreezerState")
            } complete: { result in
                var state: String?
                if case .success(let message) = result { message.within("v", "s") { state = message.string() } }
                continuation.resume(returning: state)
            }
        }
    }

    /// Has systemd read all unit files again.
    public func reloadUnitFiles(timeout: Duration) async -> ActionOutcome {
        await self.tell("Reload", nil, did: "systemd has read its files again", timeout: timeout) { _ in }
    }

    private func tell(
        _ method: String, _ unit: String?, did: String, timeout: Duration, arguments: (BusArguments) -> Void
    ) async -> ActionOutcome {
        let deadline = BusThread.now() + timeout.inNanosecondsClamped
        let record = self.record(of: unit ?? "-.slice")
        defer { self.release(record) }
        if let error = await self.settle(record, until: deadline) { return ActionOutcome(.failed, detail: "\(error)") }
        let error = await self.call(
            .manager(method), "\(method) of \(unit ?? "systemd") failed.", record, until: deadline
        ) {
            if let unit { $0.string(unit) }
            arguments($0)
        }
        return error.map { ActionOutcome($0.code == .timedOut ? .timedOut : .failed, detail: "\($0)") }
            ?? ActionOutcome(.succeeded, detail: did)
    }
}

extension UnitProperty {
    /// As the bus calls it.
    fileprivate var busName: String { self.name == .cpuQuota ? "CPUQuotaPerSecUSec" : self.name.rawValue }
}
