import ArgumentParser
import HealctlKit
import Policy
import ResilienceCore
import Supervisor

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows how every component is, the worst first.")
    @OptionGroup var common: CommonOptions

    func run() throws {
        let page = StatusPage(try self.common.client.status())
        self.common.show(page.text(on: self.common.terminal, times: self.common.times), json: page.json)
    }
}

struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Lets heald read its policies again: all of them, or none if one has an error."
    )
    @OptionGroup var common: CommonOptions

    func run() throws {
        let report = try self.common.client.reload()
        let page = ReloadPage(report)
        guard report.applied else {
            Output.write(self.common.json ? page.json.text : page.text, to: 2)
            throw ExitCode(ExitStatus.badData.rawValue)
        }
        self.common.show(page.text, json: page.json)
    }
}

struct PauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Holds back all repairs for a time: of one component, or of all.",
        discussion: "A pause always ends by itself. What happens meanwhile is watched and recorded.")
    @Argument(help: "The component; all where none is named.")
    var component: String?
    @Option(
        name: .customLong("for"), help: ArgumentHelp("How long, such as 30m or 2h; at most 30d.", valueName: "time"))
    var duration: String
    @Option(help: ArgumentHelp("Why, for whoever is woken meanwhile.", valueName: "text"))
    var reason: String
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard let duration = Duration(policyText: self.duration), duration > .zero, duration <= .seconds(30 * 86_400)
        else { throw ValidationError("--for takes a time of at most 30d, such as 30m or 2h.") }
        guard self.reason.contains(where: { !$0.isWhitespace }) else {
            throw ValidationError("--reason is empty: say why, for whoever is woken meanwhile.")
        }
    }

    func run() throws {
        try self.common.client.pause(component: self.component, for: self.duration, reason: self.reason)
        let until = WallTime.now() + (Duration(policyText: self.duration) ?? .zero)
        let name = self.component ?? "all components"
        let earlier = ["healctl resume", self.component].compactMap { $0 }.joined(separator: " ")
        self.common.show(
            "Repairs of \(name) are held back until \(self.common.times.full(until)). To end it earlier: \(earlier)\n",
            json: .object([
                ("ok", .bool(true)), ("component", .string(self.component)), ("until", .string(until.rfc3339)),
            ]))
    }
}

struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Ends a pause, and lets a component that was given up or stopped begin again.")
    @Argument(help: "The component; all where none is named.")
    var component: String?
    @OptionGroup var common: CommonOptions

    func run() throws {
        try self.common.client.resume(component: self.component)
        self.common.show(
            "Repairs of \(self.component ?? "all components") go on.\n",
            json: .object([("ok", .bool(true)), ("component", .string(self.component))]))
    }
}

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Runs all checks of a component now and shows what they say.",
        discussion: "The exit status says whether they could be run; what they found is in the output.")
    @Argument(help: "The component.")
    var component: String
    @OptionGroup var common: CommonOptions

    func run() throws {
        let report = CheckReport(
            component: self.component, checks: try self.common.client.check(component: self.component))
        self.common.show(report.text(on: self.common.terminal), json: report.json)
    }
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Shows the version of healctl and of the running heald.")
    @OptionGroup var common: CommonOptions

    func run() {
        let running = try? self.common.client.version()
        self.common.show(
            "healctl \(SupervisorVersion.current)\nheald   \(running ?? "not reachable")\n",
            json: .object([("healctl", .string(SupervisorVersion.current)), ("heald", .string(running))]))
    }
}
