import CSystemd
import Glibc
import Logging
import RecoveryEngine
import ResilienceCore
import Supervisor
import Systemd
import Testing

/// Tests on a real systemd as PID 1. They reload, reexec and break things, so that they only run in the testbed
/// (`Tests/Testbed/testbed`), one after another.
@Suite(.serialized, .enabled(if: Testbed.isHere, Testbed.reason), .timeLimit(.minutes(4)))
struct LiveSystemd {}

enum Testbed {
    static let reason: Comment = """
        SKIPPED: PID 1 is not systemd in a testbed. Run: Tests/Testbed/testbed -- swift test --skip-build --filter Systemd
        """

    static let isHere: Bool = {
        let isSystemd = access("/run/systemd/system", F_OK) == 0 && lines(of: "/proc/1/comm") == ["systemd"]
        let isTestbed = access("/testbed/command", F_OK) == 0
        if !(isSystemd && isTestbed) {
            let text = Array("*** \(Self.reason.rawValue) ***\n".utf8)
            _ = write(STDERR_FILENO, text, text.count)
        }
        return isSystemd && isTestbed
    }()
}

/// A manager with its events, and units of its own.
final class Bench: Sendable {
    let events: EventLog
    let manager: SystemdManager

    init(_ address: BusAddress = .system) throws {
        let events = EventLog()
        self.events = events
        self.manager = try SystemdManager(
            address: address, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) {
            events.append($0)
        }
    }

    /// Installs a service, started or not. Its starts are lines of `/tmp/<name>.starts`.
    static func install(
        _ unit: String, _ settings: [String] = [], run: String = "exec sleep 1000", general: [String] = [],
        start: Bool = true
    ) async {
        mkdir("/run/systemd/system", 0o755)
        // Percent signs and dollars are systemd's.
        let text = """
            [Unit]
            StartLimitIntervalSec=0
            \(general.joined(separator: "\n"))
            [Service]
            ExecStartPre=/bin/bash -c 'echo start >> \(Self.startsFile(unit))'
            ExecStart=/bin/bash -c '\(run)'
            \(settings.joined(separator: "\n"))
            """
        write(text, to: "/run/systemd/system/\(unit)")
        await shell("systemctl", "daemon-reload")
        if start { await shell("systemctl", "start", unit) }
    }

    /// Kills its processes and waits until systemd has seen it, at most 5 s.
    static func kill(_ unit: String) async {
        await shell("systemctl", "kill", "-s", "KILL", unit)
        let end = ContinuousClock.now + .seconds(5)
        while await property("ActiveState", of: unit) != "failed", ContinuousClock.now < end {}
    }

    static func startsFile(_ unit: String) -> String { "/tmp/\(unit).starts" }
    static func starts(_ unit: String) -> Int { lines(of: startsFile(unit)).count }

    /// It runs again, as another process than `old`.
    func runningAgain(_ unit: String, from mark: Int, not old: Int32) async throws -> UnitObservation {
        try await self.events.observation(of: unit, from: mark) {
            $0.activeState == .active && $0.mainPID > 0 && $0.mainPID != old && $0.job == nil
        }
    }

    /// Watches one unit until it is known to run.
    func watchRunning(_ unit: String) async throws -> UnitObservation {
        await self.manager.watch([unit])
        return try await self.events.observation(of: unit) {
            $0.activeState == .active && $0.mainPID > 0 && $0.invocationID != nil && $0.job == nil
        }
    }
}

func property(_ name: String, of unit: String) async -> String {
    await shell("systemctl", "show", "--value", "-p", name, unit).output
}

func wallNow() -> WallTime {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return WallTime(microseconds: Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1_000)
}
