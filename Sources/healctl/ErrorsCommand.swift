import ArgumentParser
import AuditTrail
import HealctlKit
import ResilienceCore

struct ErrorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "errors", abstract: "Shows what fails again and again, and which of it is rising.",
        discussion: """
            Failures that began an incident and actions that did not help, put together where they differ in numbers and \
            quoted words only. TREND compares the last day, or the last half of a shorter time, with as much before it: \
            rising is twice as often or more, falling half as often or less, new is seen first, gone is not seen. EVERY \
            is how often it comes back.
            """)
    @Option(help: "From when on: 12h, 30d, 2026-11-20 or an RFC 3339 time in UTC.")
    var since: Since = .standard
    @Option(help: "Only of this component.")
    var component: String?
    @Option(help: "At most this many, 1 to 5000.")
    var limit = 20
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (1...5_000).contains(self.limit) else { throw ValidationError("--limit takes 1 to 5000.") }
    }

    func run() throws {
        let times = self.common.times
        let report = try History(stateDirectory: self.common.state)
            .errors(since: self.since.time(before: times.now), now: times.now, component: self.component)
        let page = ErrorPage(
            report: report, limit: self.limit, selection: self.component.map { " of \($0)" } ?? "")
        self.common.show(page.text(on: self.common.terminal, times: times), json: page.json)
    }
}
