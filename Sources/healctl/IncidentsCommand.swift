import ArgumentParser
import AuditTrail
import HealctlKit
import RecoveryEngine
import ResilienceCore

struct IncidentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "incidents", abstract: "Lists incidents, newest first, or tells the story of one.",
        discussion: "What is not resolved is always listed, however old.",
        subcommands: [Show.self])

    @Option(help: "Not older than this: 12h, 30d, 2026-11-20 or an RFC 3339 time in UTC.")
    var since: Since = .standard
    @Option(help: "Only of this component.")
    var component: String?
    @Option(help: "Only in this state: open, resolved, exhausted or suppressed.")
    var state: IncidentState?
    @Option(help: "Only of this cause: a reason such as timeout, or a category such as TRANSIENT.")
    var cause: String?
    @Option(help: "At most this many, 1 to 100000.")
    var limit = 50
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (1...100_000).contains(self.limit) else { throw ValidationError("--limit takes 1 to 100000.") }
        if let cause = self.cause, FailureReason(rawValue: cause.lowercased()) == nil,
            FailureCategory(rawValue: cause.uppercased()) == nil
        {
            let reasons = FailureReason.allCases.map(\.rawValue) + FailureCategory.allCases.map(\.rawValue)
            throw ValidationError("--cause is none of \(reasons.joined(separator: ", ")).")
        }
    }

    func run() throws {
        let times = self.common.times
        let filter = IncidentFilter(
            since: self.since.time(before: times.now), component: self.component, state: self.state,
            cause: self.cause, limit: self.limit + 1)
        let rows = try History(stateDirectory: self.common.state).incidents(filter)
        let list = IncidentList(
            rows: Array(rows.prefix(self.limit)), selection: self.selection(times), isCut: rows.count > self.limit)
        self.common.show(
            list.text(on: self.common.terminal, times: times), json: .array(list.rows.map(\.json)))
    }

    /// What was asked for, in words.
    private func selection(_ times: TimeText) -> String {
        var words = ["since \(times.full(self.since.time(before: times.now)))"]
        if let component = self.component { words.append("of \(component)") }
        if let state = self.state { words.append("that are \(state.rawValue)") }
        if let cause = self.cause { words.append("caused by \(cause)") }
        return words.joined(separator: " ")
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Tells what failed, how it was known, what was tried and skipped and why, and how long it took.")
        @Argument(help: "The incident's number.")
        var id: Int64
        @OptionGroup var common: CommonOptions

        func run() throws {
            let story = try History(stateDirectory: self.common.state).story(self.id)
            self.common.show(
                story.text(on: self.common.terminal, times: self.common.times),
                json: story.json(times: self.common.times))
        }
    }
}

extension IncidentState: ExpressibleByArgument {}
