import ArgumentParser
import HealctlKit

struct BeatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "beat", abstract: "Reports that a component's program works.",
        discussion: """
            For its checks of type heartbeat. Root, members of the group heald and the user that the main process of the \
            component's unit runs as may report.
            """)
    @Argument(help: "The component.")
    var component: String
    @Argument(help: "One of its heartbeat checks; all where none is named.")
    var check: String?
    @OptionGroup var common: CommonOptions

    func run() throws {
        try self.common.client.beat(component: self.component, check: self.check)
        // It is run over and over by programs: no news is good news.
        self.common.show(
            "",
            json: .object([
                ("ok", .bool(true)), ("component", .string(self.component)), ("check", .string(self.check)),
            ]))
    }
}
