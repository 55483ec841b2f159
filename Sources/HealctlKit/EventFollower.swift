import Glibc
import ResilienceCore

/// Follows heald's events, also across its restarts: whatever happens while it is away comes when it is back, or that it
/// is missing does.
public struct EventFollower {
    /// heald is back within a second, mostly; it may take for ever, and then asking every few seconds will do.
    static let backoff = Backoff(initial: .milliseconds(200), factor: 2, max: .seconds(5), jitter: 0.25)

    private let client: ControlClient
    private var query: ControlClient.EventsQuery
    private var generator: SeededGenerator

    public init(client: ControlClient, query: ControlClient.EventsQuery, seed: UInt64) {
        self.client = client
        self.query = query
        self.generator = SeededGenerator(seed: seed)
    }

    /// Shows events as they come: for ever where the query follows, otherwise those that there are.
    ///
    /// - Parameters:
    ///   - show: is given each event.
    ///   - onLoss: heald is not there any more, and is asked again and again. Called once for each time.
    /// - Throws: `CommandFailure`: heald was not there to begin with, or refuses.
    public mutating func run(
        show: (ServerEvent) -> Void, onLoss: (CommandFailure?) -> Void
    ) throws(CommandFailure) {
        var hasBeenThere = false
        var failures = 0
        while true {
            var loss: CommandFailure?
            do {
                try self.client.events(&self.query) {
                    (hasBeenThere, failures) = (true, 0)
                } take: { event in
                    show(event)
                    return true
                }
                guard self.query.follows else { return }
            } catch {
                guard hasBeenThere, self.query.follows, error.status == .unavailable else { throw error }
                loss = error
            }
            failures += 1
            if failures == 1 { onLoss(loss) }
            Self.wait(Self.backoff.delay(after: failures, using: &self.generator))
        }
    }

    private static func wait(_ duration: Duration) {
        let time = timespec(
            tv_sec: Int(duration.components.seconds),
            tv_nsec: Int(duration.components.attoseconds / 1_000_000_000))
        // A signal ends the wait a little early, which does no harm.
        withUnsafePointer(to: time) { _ = nanosleep($0, nil) }
    }
}
