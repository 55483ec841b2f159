import RecoveryEngine
import ResilienceCore

/// A program of an operator's that systemd runs as a unit of its own.
public struct Hook: Hashable, Sendable {
    /// The name of its unit; one that was used before names the same run.
    public var unit: String
    public var description: String
    /// argv; the first is an absolute path.
    public var command: [String]
    /// `nil`: root.
    public var user: String?
    /// `NAME=value`.
    public var environment: [String]

    public init(unit: String, description: String, command: [String], user: String?, environment: [String]) {
        self.unit = unit
        self.description = description
        self.command = command
        self.user = user
        self.environment = environment
    }
}

extension SystemdManager {
    /// Runs a hook to its end.
    ///
    /// The unit is a transient `oneshot` that systemd itself ends, with everything it has started, when the time is up, also
    /// where the supervisor is gone by then. Its output goes to the journal. It stays until its outcome is known, so
    /// that a later run of the supervisor can find it out; it is never begun twice.
    ///
    /// - Parameter timeout: of the program.
    /// - SeeAlso: systemd.exec(5) for the sandbox; org.freedesktop.systemd1(5), `StartTransientUnit`.
    public func run(_ hook: Hook, timeout: Duration) async -> ActionOutcome {
        let begin = BusThread.now()
        let deadline = begin + timeout.inNanosecondsClamped
        guard UnitName.isValid(hook.unit) else {
            return ActionOutcome(.refused, detail: "\(hook.unit) is not the name of a unit")
        }
        let record = self.record(of: hook.unit)
        defer { self.release(record) }
        if let error = await self.settle(record, until: deadline) {
            return ActionOutcome(.failed, detail: "nothing was done: \(error)")
        }
        let queued = await self.queueJob(
            .manager("StartTransientUnit"), type: "start", "Could not start the hook \(hook.unit).", record,
            until: deadline
        ) { HookUnit.write(hook, timeout: timeout, to: $0) }
        switch queued {
        case .success(let job): return await self.followHook(record, job: job, until: deadline)
        case .failure(let error) where error.code == .disconnected || error.code == .timedOut:
            return await self.reconcileHook(hook.unit, timeout: timeout)
        case .failure(let error): return ActionOutcome(.failed, detail: "\(error)")
        }
    }

    /// Finds out what became of a hook that an earlier run of the supervisor began. Never begins it.
    public func reconcileHook(_ unit: String, timeout: Duration) async -> ActionOutcome {
        let deadline = BusThread.now() + timeout.inNanosecondsClamped
        let record = self.record(of: unit)
        defer { self.release(record) }
        if let error = await self.settle(record, until: deadline) {
            return ActionOutcome(.interrupted, detail: "what became of the hook is not known: \(error)")
        }
        if let job = record.job { return await self.followHook(record, job: job.id, until: deadline) }
        guard record.state?.general.load == "loaded", record.state?.service.startedAt ?? 0 > 0 else {
            return ActionOutcome(.interrupted, detail: "there is no trace of \(unit): it was not begun")
        }
        return await self.judgeHook(record, until: deadline)
    }

    /// systemd's own limit ends the program; ours only gives up waiting a little later.
    private static let margin: Int64 = 5_000_000_000

    private func followHook(_ record: UnitRecord, job: UInt32, until deadline: Int64) async -> ActionOutcome {
        switch await self.end(of: job, until: deadline + Self.margin) {
        case .ended: return await self.judgeHook(record, until: deadline + Self.margin)
        case .deadline:
            return ActionOutcome(.timedOut, detail: "\(record.name) has not ended; see journalctl -u \(record.name)")
        case .disconnected:
            return ActionOutcome(.interrupted, detail: "the connection to systemd broke; the outcome is not known")
        }
    }

    /// Reads how it ended, and lets systemd forget it.
    private func judgeHook(_ record: UnitRecord, until deadline: Int64) async -> ActionOutcome {
        if let error = await self.read(record, until: deadline + 1_000_000_000) {
            return ActionOutcome(.interrupted, detail: "how \(record.name) ended is not known: \(error)")
        }
        let state = record.state
        let output = "its output: journalctl -u \(record.name)"
        let ending = state?.service.exit.map { "it ended with \($0.text)" } ?? "it ended"
        let outcome: ActionOutcome
        switch (state?.general.active, state?.service.result) {
        case (.active, _): outcome = ActionOutcome(.succeeded, detail: "\(ending); \(output)")
        case (_, "timeout"): outcome = ActionOutcome(.timedOut, detail: "systemd ended it, its time was up; \(output)")
        case (_, let result): outcome = ActionOutcome(.failed, detail: "\(ending) (\(result ?? "unknown")); \(output)")
        }
        let method = state?.isUp == true ? "StopUnit" : "ResetFailedUnit"
        _ = await self.call(.manager(method), "Could not remove \(record.name).", record, until: deadline) {
            $0.string(record.name)
            if method == "StopUnit" { $0.string("replace") }
        }
        return outcome
    }
}

/// The transient unit of a hook.
private enum HookUnit {
    /// The arguments of `StartTransientUnit`: name, mode, properties, auxiliary units.
    static func write(_ hook: Hook, timeout: Duration, to arguments: BusArguments) {
        arguments.string(hook.unit)
        arguments.string("fail")
        arguments.array("(sv)") {
            arguments.property("Description", "s") { arguments.string(hook.description) }
            arguments.property("Type", "s") { arguments.string("oneshot") }
            arguments.property("RemainAfterExit", "b") { arguments.boolean(true) }
            arguments.property("TimeoutStartUSec", "t") {
                arguments.uint64(UInt64(max(1, timeout.inNanosecondsClamped / 1_000)))
            }
            arguments.property("TimeoutStopUSec", "t") { arguments.uint64(1_000_000) }
            if let user = hook.user { arguments.property("User", "s") { arguments.string(user) } }
            arguments.property("Environment", "as") { arguments.strings(hook.environment) }
            arguments.property("ExecStart", "a(sasb)") {
                arguments.array("(sasb)") {
                    arguments.structure("sasb") {
                        arguments.string(hook.command.first ?? "")
                        arguments.strings(hook.command)
                        arguments.boolean(false)
                    }
                }
            }
            for name in Self.sandbox { arguments.property(name, "b") { arguments.boolean(true) } }
            arguments.property("ProtectSystem", "s") { arguments.string("full") }
            arguments.property("TasksMax", "t") { arguments.uint64(256) }
        }
        arguments.array("(sa(sv))") {}
    }

    /// A hook repairs a service, not the system: it cannot gain privileges, nor change the kernel, /usr or /etc.
    private static let sandbox = [
        "NoNewPrivileges", "PrivateTmp", "ProtectKernelTunables", "ProtectKernelModules", "ProtectControlGroups",
        "ProtectClock", "RestrictSUIDSGID", "RestrictRealtime", "LockPersonality",
    ]
}
