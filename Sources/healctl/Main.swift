import ArgumentParser
import Glibc
import HealctlKit

@main
struct Healctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healctl",
        abstract: "Shows what heald sees, did and why, and tells it what to do.",
        discussion: """
            History (incidents, stats, errors, audit) is read from the database and works while heald is down. Everything live \
            goes over heald's control socket: root and members of the group heald may change things, others may read.

            Exit status: 0 done; 64 wrong usage; 65 bad policy, or an audit trail that does not verify; 66 no such \
            incident, component or database; 69 heald cannot be reached; 70 internal error; 71 not healed (drill); 74 \
            cannot be read; 75 not done, as things stand; 77 not permitted; 78 not noticed (drill).
            """,
        subcommands: [
            StatusCommand.self, IncidentsCommand.self, StatsCommand.self, ErrorsCommand.self, EventsCommand.self,
            PolicyCommand.self,
            AuditCommand.self,
            ReloadCommand.self, PauseCommand.self, ResumeCommand.self, ApproveCommand.self, DenyCommand.self,
            AcknowledgeCommand.self, FailbackCommand.self, DrillCommand.self, CheckCommand.self, BeatCommand.self,
            VersionCommand.self,
        ])

    static func main() {
        // Whoever asks for JSON reads errors as JSON too, also where the rest of the line was not understood.
        let wantsJSON = CommandLine.arguments.dropFirst().prefix { $0 != "--" }.contains("--json")
        do {
            var command = try Self.parseAsRoot()
            try command.run()
        } catch let failure as CommandFailure {
            Output.fail(failure, asJSON: wantsJSON)
        } catch {
            let code = Self.exitCode(for: error)
            guard wantsJSON, code == .validationFailure else { Self.exit(withError: error) }
            Output.fail(
                CommandFailure(
                    .usage, what: "The command line is not understood.", why: Self.message(for: error),
                    fix: "See healctl help."), asJSON: true)
        }
    }
}

/// Where commands write to.
enum Output {
    static func write(_ text: String) { Self.write(text, to: STDOUT_FILENO) }

    static func fail(_ failure: CommandFailure, asJSON: Bool) -> Never {
        Self.write(asJSON ? failure.json.text : failure.text, to: STDERR_FILENO)
        Glibc.exit(failure.status.rawValue)
    }

    static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                // A full disk or a closed terminal: nothing that could be said would arrive.
                if descriptor == STDOUT_FILENO { Glibc.exit(ExitStatus.inputOutput.rawValue) }
                return
            }
            rest = rest.dropFirst(count)
        }
    }
}
