import ArgumentParser
import HealctlKit

struct FailbackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failback",
        abstract: "Lets a component's own unit take its place again, which a standby has taken.",
        discussion: """
            The standby is stopped for certain first, so that never two are active; then the own unit is started, clients \
            are pointed at it, and the checks tell whether it does well. Should it fail soon, the standby takes over again.
            """)
    @Argument(help: "The component.")
    var component: String
    @OptionGroup var common: CommonOptions

    func run() throws {
        try self.common.client.failBack(component: self.component)
        self.common.show(
            "\(self.component) goes back to its own unit. To see how it does: healctl status\n",
            json: .object([("ok", .bool(true)), ("component", .string(self.component))]))
    }
}
