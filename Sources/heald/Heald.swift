import ArgumentParser
import Glibc
import HealdKit
import Logging
import Supervisor
import Systemd

@main
struct Heald: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "heald",
        abstract: "Supervises systemd units by policy: checks, repairs, verifies, and keeps the audit trail.",
        discussion: """
            Every option can be given in the environment, as HEALD_ and its name in capitals (HEALD_STATE_DIR for \
            --state-dir). An option beats the environment, the environment beats the default.

            Of the environment alone, for this host: HEALD_ENABLED=false only observes; HEALD_BREAKER_FAILURES, \
            HEALD_MAX_ATTEMPTS (of RESTART) and HEALD_RECOVERY_TIMEOUT (of an action) take the place of the policies' \
            defaults. `healctl status` shows them.

            SIGHUP reads the policies again, all or nothing; SIGTERM and SIGINT end it. While the file "pause" is in \
            the runtime directory, nothing is repaired.

            Exit status: 0 ended as asked; 64 usage; 65 bad policy at the start; 70 failed; 73 a directory or listener \
            cannot be had; 75 another heald has the state directory, or it starts anew with a mended audit trail; \
            78 a newer version wrote the state directory.
            """,
        version: SupervisorVersion.current)

    @Option(help: "Directory of the *.json policies. (default: /etc/heald/policies)")
    var policies: String?

    @Option(help: "Where the audit trail is kept. (default: $STATE_DIRECTORY or /var/lib/heald)")
    var stateDir: String?

    @Option(help: "Where control.sock is made. (default: $RUNTIME_DIRECTORY or /run/heald)")
    var runtimeDir: String?

    @Option(help: ArgumentHelp("Where systemd is reached: system, user or a D-Bus address. (default: system)"))
    var bus: String?

    @Option(
        help: ArgumentHelp(
            "Serve the status over HTTP on this loopback address. (default: off)", valueName: "host:port"))
    var http: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical. (default: info)")
    var logLevel: String?

    func run() async throws {
        let settings: HealdSettings
        do {
            settings = try HealdSettings(
                flags: HealdFlags(
                    policies: self.policies, stateDirectory: self.stateDir, runtimeDirectory: self.runtimeDir,
                    bus: self.bus, http: self.http, logLevel: self.logLevel),
                environment: Environment.all)
        } catch {
            throw ValidationError(error.description)
        }
        LoggingSystem.bootstrap { label in
            var handler = JournalLogHandler(label: label)
            handler.logLevel = settings.logLevel
            return handler
        }
        let logger = Logger(label: "heald")
        let (cues, continuation) = AsyncStream.makeStream(of: Daemon.Cue.self, bufferingPolicy: .bufferingOldest(64))
        let endGuard = EndGuard()
        do {
            try SignalWatch.start([SIGHUP, SIGTERM, SIGINT]) { number in
                switch number {
                case SIGHUP: continuation.yield(.reload)
                default:
                    endGuard.arm()
                    continuation.yield(.end(number == SIGTERM ? "SIGTERM" : "SIGINT"))
                }
            }
            let metering = try Metering()
            let daemon = Daemon(
                settings: settings, version: SupervisorVersion.current, logger: logger, metering: metering,
                makeHost: { try HostAdapters.systemd($0, logger: $1, calls: metering.calls, sink: $2) })
            let status = try await daemon.run(cues: cues) { continuation.yield($0) }
            throw ExitCode(status.rawValue)
        } catch let error as StartError {
            for line in error.lines { logger.critical("Cannot start", metadata: ["why": "\(line)"]) }
            throw ExitCode(error.status.rawValue)
        } catch let status as ExitStatus {
            logger.critical("Cannot start", metadata: ["why": "the system gave no pipe or thread"])
            throw ExitCode(status.rawValue)
        }
    }
}

/// The process's environment, without Foundation.
enum Environment {
    static var all: [String: String] {
        var result: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { result[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return result
    }
}
