import ArgumentParser
import Glibc
import HealctlKit

struct EventsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Shows what happens, as heald writes it down.",
        discussion: """
            Without --follow: what heald has in memory, mostly the last 1,000 records. With --follow: what happens from \
            now on, until it is interrupted. When heald restarts, it goes on where it was; where something is missing, it \
            says so. What programs said and operators wrote is shown to operators only. With --json each line is one \
            event.
            """)
    @Flag(name: [.customLong("follow"), .customShort("f")], help: "Go on with what happens, until interrupted.")
    var follows = false
    @Option(help: "Only of this component.")
    var component: String?
    @Option(
        help: ArgumentHelp(
            """
            Only of this kind; may be given again. One of incident, action, component, breaker, freeze, degradation, \
            alert, policy, operator, supervisor.
            """, valueName: "kind"))
    var kind: [String] = []
    @OptionGroup var common: CommonOptions

    func run() throws {
        Self.endWhenInterrupted()
        let query = ControlClient.EventsQuery(component: self.component, kinds: self.kind, follows: self.follows)
        var follower = EventFollower(
            client: self.common.client, query: query, seed: UInt64.random(in: .min ... .max))
        try follower.run { event in
            let page = EventPage(event)
            let line =
                self.common.json
                ? page.json : page.text(on: self.common.terminal, times: self.common.times)
            if let line { Output.write(line) }
        } onLoss: { failure in
            let why = failure?.why ?? "It has ended."
            Output.write("healctl: heald is not there, and is asked again. \(why)\n", to: STDERR_FILENO)
        }
    }

    /// Being interrupted is how following ends, also where whoever started this had blocked the signals.
    private static func endWhenInterrupted() {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM] {
            signal(number) { _ in _exit(ExitStatus.success.rawValue) }
            sigaddset(&signals, number)
        }
        sigprocmask(SIG_UNBLOCK, &signals, nil)
    }
}
