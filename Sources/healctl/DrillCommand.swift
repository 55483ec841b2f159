import ArgumentParser
import Glibc
import HealctlKit
import RecoveryEngine
import ResilienceCore
import Supervisor

struct DrillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract: "Puts a fault into a component that is well, and shows how heald notices and heals it.",
        discussion: """
            heald refuses while anything speaks against it, and says everything that does; --dry-run only asks. The \
            incident is dealt with as any other; statistics count it apart. A process that was stopped goes on at the \
            latest when the drill is over. Ctrl-C leaves the drill to heald.

            Exit status: 0 healed (or, with --dry-run, safe); 71 not healed in time; 75 refused, or overtaken; 78 no \
            check noticed it in time; 130 left to heald.
            """)
    @Argument(help: "The component.")
    var component: String
    @Option(help: "What is done to the unit's main process: kill (SIGKILL) or hang (SIGSTOP).")
    var fault: DrillFault = .kill
    @Flag(name: .customLong("dry-run"), help: "Only say whether it is safe, and what would be done.")
    var isDryRun = false
    @Flag(name: .customLong("yes"), help: "Do not ask.")
    var isSure = false
    @Option(help: ArgumentHelp("Why, for the record.", valueName: "text"))
    var reason: String?
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard self.isDryRun || self.isSure || (isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1) else {
            throw ValidationError("Nobody can be asked whether to go on: give --yes, or --dry-run.")
        }
    }

    func run() throws {
        let client = self.common.client
        let plan = try self.ask(client, isDryRun: true).plan
        let page = DrillPlanPage(plan)
        if self.isDryRun {
            self.common.show(page.text(on: self.common.terminal), json: page.json)
            guard plan.safe else { throw ExitCode(ExitStatus.refused.rawValue) }
            return
        }
        guard plan.safe else {
            Output.write(self.common.json ? page.json.text : page.text(on: self.common.terminal), to: STDERR_FILENO)
            throw ExitCode(ExitStatus.refused.rawValue)
        }
        if !self.isSure {
            Output.write(page.text(on: self.common.terminal) + "Do it? [y/N] ", to: STDERR_FILENO)
            guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
                Output.write("Nothing was done.\n", to: STDERR_FILENO)
                throw ExitCode(ExitStatus.refused.rawValue)
            }
        }
        let follower = DrillFollower()
        let begun = try self.ask(client, isDryRun: false)
        guard let drill = begun.drill else {
            throw CommandFailure(
                .internalError, what: "heald did not begin the drill.", why: "Its answer names none.",
                fix: "See journalctl -u heald.")
        }
        if !self.common.json {
            Output.write("Drill \(drill.id): \(page.fault). Following it …\n", to: STDERR_FILENO)
        }
        let limit = Duration(answered: begun.plan.noticeWithinMs) + Duration(answered: begun.plan.healWithinMs)
        try self.tell(follower.follow(drill, limit: limit) { try client.status() })
    }

    private func ask(_ client: ControlClient, isDryRun: Bool) throws -> DrillAnswer {
        try client.drill(component: self.component, fault: self.fault, reason: self.reason, isDryRun: isDryRun)
    }

    private func tell(_ end: DrillFollower.End) throws {
        switch end {
        case .over(let drill):
            let page = DrillPage(drill)
            self.common.show(page.text(on: self.common.terminal), json: page.json)
            let status = page.outcome?.exitStatus ?? .internalError
            guard status == .success else { throw ExitCode(status.rawValue) }
        case .left:
            Output.write(
                "The drill is left to heald, which brings it to its end: healctl status\n", to: STDERR_FILENO)
            throw ExitCode(128 + SIGINT)
        case .lost(let last):
            throw CommandFailure(
                .unavailable, what: "The end of the drill was not heard.",
                why: "heald told nothing of it within its limits\(last.map { "; last it was \($0.state)" } ?? "").",
                fix: "See healctl status and journalctl -u heald.")
        }
    }
}

extension DrillFault: ExpressibleByArgument {}
