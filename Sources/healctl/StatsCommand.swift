import ArgumentParser
import AuditTrail
import HealctlKit
import ResilienceCore

struct StatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Shows how available everything was and how fast failures were noticed and repaired.",
        discussion: """
            Times run from the failure: MTTD to its detection, MTTR to the first of the passes that held (P50 and P95 are \
            of this). Time in which heald did not run counts as neither up nor down. HEALED is the share of repairs that \
            needed no person.
            """)
    @Option(help: "From when on: 12h, 30d, 2026-11-20 or an RFC 3339 time in UTC.")
    var since: Since = .standard
    @OptionGroup var common: CommonOptions

    func run() throws {
        let times = self.common.times
        let report = try History(stateDirectory: self.common.state)
            .statistics(since: self.since.time(before: times.now), now: times.now)
        self.common.show(report.text(on: self.common.terminal, times: times), json: report.json)
    }
}

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Looks after the audit trail.", subcommands: [Verify.self])

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify", abstract: "Proves that no record was changed, removed or moved.",
            discussion: """
                Whoever may write the database could rewrite all of it; only a copy of the chain's end that is kept \
                elsewhere proves against that: give it as --head. Exit status 65 where something is wrong.
                """)
        @Option(help: ArgumentHelp("The end of the chain as it was noted earlier.", valueName: "sequence:hash"))
        var head: ChainHead?
        @OptionGroup var common: CommonOptions

        func run() throws {
            let page = try History(stateDirectory: self.common.state).verification(expecting: self.head)
            self.common.show(page.text(on: self.common.terminal), json: page.json)
            guard page.isIntact else { throw ExitCode(ExitStatus.badData.rawValue) }
        }
    }
}

extension ChainHead: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
