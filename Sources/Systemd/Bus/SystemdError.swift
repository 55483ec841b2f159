import Glibc

/// Why something asked of systemd failed, and what the operator can do.
public struct SystemdError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a program may tell apart.
    public enum Code: Hashable, Sendable {
        case accessDenied, noSuchUnit, masked, badUnit, jobInFlight, nothingToClean, disconnected, timedOut,
            invalidName, system
        case other
    }
    public var code: Code
    /// What was tried and did not work.
    public var what: String
    /// The reason, as far as it is known.
    public var why: String
    /// What a person can do about it.
    public var howToFix: String

    public var description: String { "\(self.what) \(self.why) \(self.howToFix)" }

    /// A call to systemd was answered with an error, or not at all.
    ///
    /// - SeeAlso: org.freedesktop.systemd1(5); sd-bus-errors(3).
    static func call(_ what: String, unit: String?, name: String?, message: String?, errno code: Int32) -> Self {
        let unitName = unit ?? "UNIT"
        let said = message.map { "systemd says: \(Self.sentence($0))" } ?? "\(name ?? Self.text(of: code))."
        switch name {
        case "org.freedesktop.DBus.Error.AccessDenied",
            "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired":
            return SystemdError(
                code: .accessDenied, what: what, why: "polkit refused org.freedesktop.systemd1.manage-units. \(said)",
                howToFix: "Run as root, or install a polkit rule that allows this user to manage \(unitName).")
        case "org.freedesktop.systemd1.NoSuchUnit":
            return SystemdError(
                code: .noSuchUnit, what: what, why: said,
                howToFix: "Correct `unit` in the policy, or install the unit and run `systemctl daemon-reload`.")
        case "org.freedesktop.systemd1.UnitMasked":
            return SystemdError(
                code: .masked, what: what, why: said, howToFix: "Run `systemctl unmask \(unitName)` if it should run.")
        case "org.freedesktop.systemd1.BadUnitSetting", "org.freedesktop.systemd1.LoadFailed":
            return SystemdError(
                code: .badUnit, what: what, why: said,
                howToFix: "Run `systemd-analyze verify \(unitName)` and mend the unit file.")
        case "org.freedesktop.systemd1.TransactionIsDestructive",
            "org.freedesktop.systemd1.TransactionJobsConflicting":
            return SystemdError(
                code: .jobInFlight, what: what, why: said,
                howToFix: "Somebody else's job is under way; see `systemctl list-jobs`.")
        case "org.freedesktop.systemd1.NothingToClean":
            return SystemdError(
                code: .nothingToClean, what: what, why: said, howToFix: "Give the unit a `CacheDirectory=`.")
        case "org.freedesktop.DBus.Error.NoReply" where !Self.isTimeout(message): return .disconnected(what)
        case "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Timeout": return .timedOut(what)
        case "org.freedesktop.DBus.Error.Disconnected", "org.freedesktop.DBus.Error.ServiceUnknown",
            "org.freedesktop.DBus.Error.NameHasNoOwner":
            return .disconnected(what)
        default:
            if code == ETIMEDOUT { return .timedOut(what) }
            if code == ENOTCONN || code == ECONNRESET || code == EPIPE { return .disconnected(what) }
            return SystemdError(
                code: .other, what: what, why: said, howToFix: "See `systemctl status \(unitName)` and its journal.")
        }
    }

    /// `NoReply` means two things. sd-bus says "Connection terminated" and dbus-daemon says that the recipient has
    /// disconnected where systemd went away (daemon-reexec); only with "timed out" or "timeout" was it too slow.
    private static func isTimeout(_ message: String?) -> Bool {
        guard let message else { return true }
        return message.contains("timed out") || message.contains("timeout")
    }

    static func timedOut(_ what: String) -> Self {
        SystemdError(
            code: .timedOut, what: what, why: "systemd gave no answer in time.",
            howToFix: "See whether it answers `systemctl status`.")
    }

    /// There is no connection to systemd, or it broke before the answer.
    static func disconnected(_ what: String) -> Self {
        SystemdError(
            code: .disconnected, what: what, why: "The connection to systemd is gone.",
            howToFix: "It is tried again by itself; see whether systemd and dbus run.")
    }

    /// A system call failed. - SeeAlso: errno(3)
    static func system(_ what: String, errno code: Int32) -> Self {
        SystemdError(
            code: .system, what: what, why: "\(Self.text(of: code)).",
            howToFix: "See the limits of the process (`LimitNOFILE=`, `TasksMax=`) and free memory.")
    }

    /// Nobody takes connections at the address, or not from us.
    static func unreachable(_ address: String, errno code: Int32) -> Self {
        SystemdError(
            code: .system, what: "Could not connect to systemd at \(address).", why: "\(Self.text(of: code)).",
            howToFix: code == EACCES || code == EPERM
                ? "Run as root." : "See whether systemd and dbus run, and whether --bus names the right one.")
    }

    private static func text(of code: Int32) -> String { String(cString: strerror(code)) }

    private static func sentence(_ text: String) -> String { text.hasSuffix(".") ? text : text + "." }
}
