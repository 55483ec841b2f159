import AuditTrail
import Logging
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Synchronization

/// Tells people that a damaged audit trail was set aside. Damage may show before there is a supervisor to tell them.
final class DamageReports: Sendable {
    private struct State {
        var waiting: [Quarantine] = []
        /// Weak: the supervisor holds the trail, and the trail holds this.
        weak var supervisor: Supervisor?
    }

    private let logger: Logger
    private let state = Mutex(State())

    init(logger: Logger) {
        self.logger = logger
    }

    func report(_ quarantine: Quarantine) {
        self.logger.critical(
            "A damaged audit trail was set aside",
            metadata: [
                "file": "\(quarantine.path)", "finding": "\(quarantine.finding)",
                "states-saved": "\(quarantine.statesSaved)",
            ])
        let supervisor = self.state.withLock { state in
            if state.supervisor == nil { state.waiting.append(quarantine) }
            return state.supervisor
        }
        if let supervisor { Self.tell(quarantine, supervisor) }
    }

    /// From now on reports go to the supervisor, those that waited first.
    func send(to supervisor: Supervisor) {
        let waiting = self.state.withLock { state in
            state.supervisor = supervisor
            defer { state.waiting = [] }
            return state.waiting
        }
        for quarantine in waiting { Self.tell(quarantine, supervisor) }
    }

    private static func tell(_ quarantine: Quarantine, _ supervisor: Supervisor) {
        let states = quarantine.statesSaved ? "" : " Open incidents, budgets and pauses were lost with it."
        let text =
            "The audit trail was damaged (\(quarantine.finding)). It was set aside as \(quarantine.path) and a new one "
            + "was begun; the history in it is no longer shown.\(states)"
        supervisor.report(
            text,
            alert: AlertMessage(
                event: .frozen, component: nil, incident: nil, severity: .high, channels: [], text: text,
                at: SystemClock().now().wall))
    }
}
