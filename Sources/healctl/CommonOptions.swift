import ArgumentParser
import Glibc
import HealctlKit

/// What every command takes.
struct CommonOptions: ParsableArguments {
    @Option(
        name: .customLong("state-dir"),
        help: ArgumentHelp(
            "Where heald keeps its database (or HEALD_STATE_DIR; default: /var/lib/heald).", valueName: "dir"))
    var stateDirectory: String?

    @Option(
        name: .customLong("runtime-dir"),
        help: ArgumentHelp("Where heald has its socket (or HEALD_RUNTIME_DIR; default: /run/heald).", valueName: "dir"))
    var runtimeDirectory: String?

    @Flag(help: "Write JSON, errors too.")
    var json = false

    @Flag(name: .customLong("utc"), help: "Show times in UTC instead of the local time zone.")
    var isUTC = false

    var state: String { Self.directory(self.stateDirectory, "HEALD_STATE_DIR", "/var/lib/heald") }
    var client: ControlClient {
        ControlClient(runtimeDirectory: Self.directory(self.runtimeDirectory, "HEALD_RUNTIME_DIR", "/run/heald"))
    }
    var terminal: Terminal { Terminal.standardOutput(environment: Self.environment) }
    var times: TimeText { TimeText(now: .now(), isUTC: self.isUTC) }

    /// Writes what was asked for in the form that was asked for.
    func show(_ text: @autoclosure () -> String, json: @autoclosure () -> JSONValue) {
        Output.write(self.json ? json().text : text())
    }

    private static func directory(_ option: String?, _ variable: String, _ standard: String) -> String {
        if let option { return option }
        return Self.environment(variable).flatMap { $0.isEmpty ? nil : $0 } ?? standard
    }

    static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
