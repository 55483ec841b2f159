import RecoveryEngine
import ResilienceCore

/// What systemd last said of a unit, as raw facts.
///
/// systemd announces a change of a unit as two messages, first the part of its type and then the general part, each with
/// all of its properties that can change; the two together are one consistent snapshot.
struct UnitState: Hashable, Sendable {
    var general = GeneralState()
    var service = ServiceState()

    /// It neither runs nor is on its way to.
    var isDown: Bool { self.general.active == .inactive || self.general.active == .failed }
    var isUp: Bool { self.general.active == .active || self.general.active == .reloading }
    /// systemd is about to restart it by itself.
    var isAutoRestarting: Bool { self.general.sub.hasPrefix("auto-restart") }

    /// The main process was still running when the unit left the active state and ended after it: systemd ended it,
    /// because of a stop job. A process that ends by itself takes the unit out of the active state only afterwards.
    ///
    /// Needed where nobody watched while it happened, so that no job could be seen.
    var wasStopped: Bool {
        guard self.isDown, ["success", "exit-code", "signal", "core-dump"].contains(self.service.result) else {
            return false
        }
        let left = self.general.activeExit
        return self.service.exitedAt > 0 && self.service.startedAt <= left && left < self.service.exitedAt
    }
}

/// Properties of `org.freedesktop.systemd1.Unit`. Times are microseconds of `CLOCK_REALTIME`, 0 for never.
struct GeneralState: Hashable, Sendable {
    var load = "loaded"
    var active = ActiveState.inactive
    var sub = ""
    var invocation: String?
    /// 0: none.
    var job: UInt32 = 0
    var activeEnter: UInt64 = 0
    var activeExit: UInt64 = 0
    var inactiveEnter: UInt64 = 0
    /// What its files say that it requires, by the properties that say so. They come with a reading only: no signal
    /// carries them.
    var requirements: [String: [String]] = [:]

    /// The properties that name what a unit cannot do without.
    static let requirementProperties: Set = ["Requires", "BindsTo", "Requisite"]

    /// All of them, each once, in order; `nil` where they have not been read.
    var requires: [String]? {
        self.requirements.isEmpty ? nil : Set(self.requirements.values.joined()).sorted()
    }

    /// Takes over what `message` (at an `a{sv}`) says; the rest stays.
    mutating func read(_ message: BusMessage) {
        message.forEach(array: "{sv}", element: "e", "sv") {
            let name = message.string() ?? ""
            switch name {
            case "LoadState": message.within("v", "s") { self.load = message.string() ?? self.load }
            case "ActiveState":
                message.within("v", "s") { self.active = ActiveState(systemd: message.string() ?? "") }
            case "SubState": message.within("v", "s") { self.sub = message.string() ?? self.sub }
            case "InvocationID":
                message.within("v", "ay") { self.invocation = Self.hexadecimal(message.bytes() ?? []) }
            case "Job":
                message.within("v", "(uo)") {
                    message.within("r", "uo") {
                        self.job = message.uint32() ?? 0
                        message.skip("o")
                    }
                }
            case "ActiveEnterTimestamp": message.within("v", "t") { self.activeEnter = message.uint64() ?? 0 }
            case "ActiveExitTimestamp": message.within("v", "t") { self.activeExit = message.uint64() ?? 0 }
            case "InactiveEnterTimestamp": message.within("v", "t") { self.inactiveEnter = message.uint64() ?? 0 }
            case _ where Self.requirementProperties.contains(name):
                message.within("v", "as") { self.requirements[name] = message.strings() }
            default: break
            }
        }
    }

    /// 16 bytes as 32 digits; `nil` for none, which systemd writes as an empty array or as zeros.
    private static func hexadecimal(_ bytes: [UInt8]) -> String? {
        guard bytes.count == 16, bytes.contains(where: { $0 != 0 }) else { return nil }
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

/// Properties of `org.freedesktop.systemd1.Service`; all empty for other types of units.
struct ServiceState: Hashable, Sendable {
    var mainPID: Int32 = 0
    var result = ""
    var restarts: UInt32 = 0
    /// siginfo_t's `si_code` of the main process's end (`CLD_EXITED`, …); 0 while it runs.
    var exitCode: Int32 = 0
    var exitStatus: Int32 = 0
    var startedAt: UInt64 = 0
    var exitedAt: UInt64 = 0

    /// The names of all of them, as systemd has them.
    static let properties = [
        "MainPID", "Result", "NRestarts", "ExecMainCode", "ExecMainStatus", "ExecMainStartTimestamp",
        "ExecMainExitTimestamp",
    ]

    /// Takes over what `message` (at an `a{sv}`) says; the rest stays.
    mutating func read(_ message: BusMessage) {
        message.forEach(array: "{sv}", element: "e", "sv") {
            if let name = message.string() { self.read(name, from: message) }
        }
    }

    /// Takes over one property; `message` stands at its value, a variant.
    mutating func read(_ property: String, from message: BusMessage) {
        switch property {
        case "MainPID":
            message.within("v", "u") { self.mainPID = Int32(truncatingIfNeeded: message.uint32() ?? 0) }
        case "Result": message.within("v", "s") { self.result = message.string() ?? self.result }
        case "NRestarts": message.within("v", "u") { self.restarts = message.uint32() ?? 0 }
        case "ExecMainCode": message.within("v", "i") { self.exitCode = message.int32() ?? 0 }
        case "ExecMainStatus": message.within("v", "i") { self.exitStatus = message.int32() ?? 0 }
        case "ExecMainStartTimestamp": message.within("v", "t") { self.startedAt = message.uint64() ?? 0 }
        case "ExecMainExitTimestamp": message.within("v", "t") { self.exitedAt = message.uint64() ?? 0 }
        default: break
        }
    }

    /// How the main process ended; `nil` while it runs or if there was none.
    var exit: ProcessExit? {
        guard self.exitedAt > 0 else { return nil }
        // waitid(2): CLD_EXITED 1, CLD_KILLED 2, CLD_DUMPED 3.
        let kind: ProcessExit.Kind? =
            switch self.exitCode {
            case 1: .exited
            case 2: .killed
            case 3: .dumped
            default: nil
            }
        guard let kind else { return nil }
        return ProcessExit(
            kind: kind, status: self.exitStatus, at: WallTime(microseconds: Int64(clamping: self.exitedAt)))
    }
}

extension ActiveState {
    init(systemd text: String) { self = ActiveState(rawValue: text) ?? .other }
}
