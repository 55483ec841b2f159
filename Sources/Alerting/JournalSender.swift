import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor

/// Tells the system's journal: one entry an alert, with the fields `COMPONENT`, `INCIDENT`, `HEALD_EVENT` and
/// `HEALD_SEVERITY`, so that `journalctl COMPONENT=api` finds it.
///
/// Priorities: CRITICAL 2 (crit), HIGH 3 (err), MEDIUM 4 (warning), LOW 5 (notice); `resolved` is 5 whatever its
/// severity.
struct JournalSender: AlertSender {
    let journal: any JournalSink

    func deliver(_ group: AlertGroup, to channel: Channel) async -> DeliveryOutcome {
        for alert in group.alerts {
            let message = alert.message
            var fields = ["HEALD_EVENT": message.event.rawValue, "HEALD_SEVERITY": message.severity.rawValue]
            if let component = message.component { fields["COMPONENT"] = SafeText.escaped(component, bytesMax: 256) }
            if let incident = message.incident { fields["INCIDENT"] = String(incident) }
            self.journal.write(SafeText.escaped(message.text), priority: Self.priority(of: message), fields: fields)
        }
        return .delivered
    }

    private static func priority(of message: AlertMessage) -> Int {
        guard message.event != .resolved else { return 5 }
        return switch message.severity {
        case .critical: 2
        case .high: 3
        case .medium: 4
        case .low: 5
        }
    }
}
