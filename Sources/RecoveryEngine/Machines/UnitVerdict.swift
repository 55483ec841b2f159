import Policy
import ResilienceCore

/// What a unit's state means for its component.
enum UnitReading: Hashable, Sendable {
    case up
    case down(Failure)
    /// Between two states: wait for what comes of it.
    case pending
    /// An operator stopped it: not a failure.
    case stopped
    case unknown
}

extension UnitObservation {
    /// Reads the state as `check` asks.
    ///
    /// - Parameter isFirst: nothing was known of the unit before. One that then lies inactive without a trace of
    ///   failure was left so by somebody, and is respected.
    func reading(by check: UnitCheck, isFirst: Bool) -> UnitReading {
        if let failure = self.loadFailure { return .down(failure) }
        if self.stoppedByOther, self.activeState != .active, self.activeState != .reloading,
            self.activeState != .activating
        {
            return .stopped
        }
        // A job of ours may take it down on the way up, and so may somebody's restart: what it is shows when that has
        // ended. A program that ends with an error when it is asked to stop is no failure either.
        if let job = self.job, self.isDown, job.isOurs || job.type != "stop" { return .pending }
        if check.states.contains(self.activeState.rawValue) { return .up }
        if self.isDown, let other = self.stoppedWith {
            let message = "systemd stopped it because \(other), which it is bound to (BindsTo=), went down"
            return .down(Failure(reason: .exited, message: message))
        }
        switch self.activeState {
        case .active, .reloading: return .up
        case .failed: return .down(self.exitFailure)
        case .inactive: return isFirst && self.result.isSuccess ? .stopped : .down(self.exitFailure)
        case .activating: return self.isAutoRestart ? .down(self.exitFailure) : .pending
        case .deactivating: return .pending
        case .maintenance, .other: return .unknown
        }
    }

    /// systemd's own `Restart=` is about to start it again, or does.
    var isAutoRestart: Bool { self.subState.hasPrefix("auto-restart") }

    /// Somebody, systemd included, is doing something with it: keep off.
    var isBusy: Bool {
        // What a job of ours has left unfinished when its time was up is ours to end.
        if let job { return !job.isOurs }
        return self.isAutoRestart || self.activeState == .activating || self.activeState == .deactivating
    }

    var isLoaded: Bool { self.loadFailure == nil }

    /// Somebody stops or starts it: what its endpoints say until that has ended tells nothing of it.
    var isInOthersHands: Bool {
        guard let job = self.job, !job.isOurs, !self.isAutoRestart else { return false }
        switch job.type {
        case "stop", "restart", "try-restart": return true
        case "start": return self.isDown || self.activeState == .activating
        default: return false
        }
    }

    private var loadFailure: Failure? {
        switch self.loadState {
        case "loaded", "merged", "stub", "": nil
        case "masked":
            Failure(reason: .misconfigured, message: "the unit is masked; `systemctl unmask` makes it usable")
        case "not-found": Failure(reason: .misconfigured, message: "systemd knows no such unit")
        default: Failure(reason: .misconfigured, message: "the unit cannot be loaded: \(self.loadState)")
        }
    }

    /// Why it is not running, by systemd's `Result` and the main process's end.
    ///
    /// - SeeAlso: systemd.exec(5), "Process Exit Codes"; systemd.service(5), `$SERVICE_RESULT`.
    var exitFailure: Failure {
        let ending = self.exit.map { ": \($0.text)" } ?? ""
        switch self.result {
        case "exit-code": return self.exitCodeFailure
        case "signal": return Failure(reason: .crashed, message: "main process was killed\(ending)")
        case "core-dump": return Failure(reason: .crashed, message: "main process dumped core\(ending)")
        case "oom-kill": return Failure(reason: .oom, message: "killed by the kernel for want of memory\(ending)")
        case "watchdog": return Failure(reason: .stalled, message: "systemd's watchdog heard nothing of it\(ending)")
        case "timeout": return Failure(reason: .timeout, message: "systemd's start or stop timeout passed\(ending)")
        case "resources": return Failure(reason: .resource, message: "systemd lacked a resource to start it")
        case "start-limit-hit":
            return Failure(reason: .exited, message: "systemd gave up restarting it (start limit)\(ending)")
        case "protocol": return Failure(reason: .exited, message: "it did not keep to the start protocol\(ending)")
        case "exec-condition": return Failure(reason: .misconfigured, message: "its ExecCondition= refused the start")
        case "success", "": return Failure(reason: .exited, message: "main process ended by itself\(ending)")
        default: return Failure(reason: .other, message: "failed with result \(self.result)\(ending)")
        }
    }

    private var exitCodeFailure: Failure {
        guard let exit else { return Failure(reason: .exited, message: "exited with a failure") }
        switch exit.status {
        case 78: return Failure(reason: .misconfigured, message: "it calls its configuration wrong: \(exit.text)")
        case 126, 127, 200...243:
            return Failure(reason: .misconfigured, message: "systemd could not execute it: \(exit.text)")
        default: return Failure(reason: .exited, message: "main process exited: \(exit.text)")
        }
    }
}

extension String {
    fileprivate var isSuccess: Bool { self == "success" || self.isEmpty }
}

extension ProcessExit {
    /// As `systemctl status` writes it: `code=killed, status=9/KILL`.
    public var text: String {
        switch self.kind {
        case .exited: "code=exited, status=\(self.status)"
        case .killed: "code=killed, status=\(self.status)\(Self.signalName(self.status))"
        case .dumped: "code=dumped, status=\(self.status)\(Self.signalName(self.status))"
        }
    }

    /// - SeeAlso: signal(7).
    private static func signalName(_ number: Int32) -> String {
        let names: [Int32: String] = [
            1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 7: "BUS", 8: "FPE", 9: "KILL", 10: "USR1",
            11: "SEGV", 12: "USR2", 13: "PIPE", 14: "ALRM", 15: "TERM", 24: "XCPU", 25: "XFSZ", 31: "SYS",
        ]
        return names[number].map { "/\($0)" } ?? ""
    }
}
