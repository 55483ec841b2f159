import ArgumentParser
import HealctlKit
import Supervisor

struct ApproveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve", abstract: "Lets a repair begin that waits for an operator.",
        discussion: "Where `mode` is `approve`, each action waits. One approval is for one action.")
    @OptionGroup var answer: ApprovalAnswer

    func run() throws { try self.answer.give(approves: true) }
}

struct DenyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deny", abstract: "Skips a repair that waits for an operator.",
        discussion: """
            The next step of the component's ladder has its turn then. A change of scale that the load asked for is not \
            asked about again until the load has been gone.
            """)
    @OptionGroup var answer: ApprovalAnswer

    func run() throws { try self.answer.give(approves: false) }
}

/// What both take.
struct ApprovalAnswer: ParsableArguments {
    @Argument(help: "The number that the repair waits under, as in healctl status, or its component.")
    var target: String
    @Option(help: ArgumentHelp("Why, for the record.", valueName: "text"))
    var reason: String?
    @OptionGroup var common: CommonOptions

    func give(approves: Bool) throws {
        let answered = try self.common.client.answerApproval(
            of: self.target, approves: approves, reason: self.reason)
        let what = "\(answered.action) of \(answered.component), attempt \(answered.attempt),"
        self.common.show(
            "\(what) is \(approves ? "approved" : "denied").\n",
            json: .object([
                ("ok", .bool(true)), ("id", .integer(answered.id)), ("component", .string(answered.component)),
                ("action", .string(answered.action)), ("attempt", .integer(Int64(answered.attempt))),
            ]))
    }
}

struct AcknowledgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ack", abstract: "Lets a component be repaired again that is latched because it comes and goes.")
    @Argument(help: "The component.")
    var component: String
    @OptionGroup var common: CommonOptions

    func run() throws {
        try self.common.client.acknowledge(component: self.component)
        self.common.show(
            "What \(self.component) did until now counts no more.\n",
            json: .object([("ok", .bool(true)), ("component", .string(self.component))]))
    }
}
