import Glibc
import ResilienceCore
import Supervisor

/// Follows a drill to its end by asking heald how it is.
public struct DrillFollower {
    public enum End: Hashable, Sendable {
        case over(DrillStatus)
        /// SIGINT or SIGTERM: the drill is heald's.
        case left
        /// No end within its limits and a margin; the last that was heard, if anything.
        case lost(DrillStatus?)
    }

    /// Between two questions.
    static let pause = Duration.milliseconds(100)
    /// For what is taken back, and for a heald that is started anew in its middle.
    static let margin = Duration.seconds(60)

    private var signals = sigset_t()

    /// From now on SIGINT and SIGTERM wait to be noticed by `follow`.
    public init() {
        sigemptyset(&self.signals)
        sigaddset(&self.signals, SIGINT)
        sigaddset(&self.signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &self.signals, nil)
    }

    /// - Parameter limit: how long the drill may take.
    public func follow(_ drill: DrillStatus, limit: Duration, _ ask: () throws -> SupervisorStatus) -> End {
        let end = ContinuousClock.now + limit + Self.margin
        var last = drill
        while true {
            if last.state != DrillStatus.running { return .over(last) }
            if ContinuousClock.now >= end { return .lost(last) }
            if self.isAskedToEnd() { return .left }
            // A heald that cannot be reached may be on its way up again.
            guard let status = try? ask() else { continue }
            guard let now = status.drill, now.id == drill.id else { return .lost(last) }
            last = now
        }
    }

    /// Waits a little, or until a signal comes.
    private func isAskedToEnd() -> Bool {
        var set = self.signals
        var wait = timespec(tv_sec: 0, tv_nsec: Int(Self.pause.inNanoseconds))
        return sigtimedwait(&set, nil, &wait) > 0
    }
}
