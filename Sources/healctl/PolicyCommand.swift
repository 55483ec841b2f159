import ArgumentParser
import HealctlKit
import Policy

struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Looks at policies.", subcommands: [Check.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check", abstract: "Checks policies, all together as one, and says everything that is wrong.",
            discussion: "Nothing is applied and heald need not run. Exit status 65 where there is an error.")
        @Argument(help: "Files or directories.")
        var paths: [String]
        @OptionGroup var common: CommonOptions

        func run() throws {
            let page = PolicyCheckPage(diagnostics: PolicyLoader.check(paths: self.paths))
            self.common.show(page.text(on: self.common.terminal), json: page.json)
            guard page.isValid else { throw ExitCode(ExitStatus.badData.rawValue) }
        }
    }
}
