import RecoveryEngine
import ResilienceCore
import Supervisor

/// What the journal is told about deliveries themselves. No secret reaches it: reasons are made in this module.
struct DeliveryNotes: Sendable {
    let journal: any JournalSink

    private func write(_ message: String, priority: Int, _ fields: [String: String]) {
        var fields = fields
        fields["HEALD_EVENT"] = "alert_delivery"
        self.journal.write(message, priority: priority, fields: fields)
    }

    func settled(_ settlement: ChannelQueue.Settlement, channel: String, now: MonotonicInstant) {
        let reason = settlement.reason ?? "unknown"
        if !settlement.delivered.isEmpty, settlement.failures > 0 {
            self.write(
                "Alert channel \(channel) works again after \(settlement.failures) failed attempts.", priority: 5,
                ["HEALD_CHANNEL": channel])
        }
        if !settlement.failed.isEmpty, let next = settlement.nextAttempt {
            let seconds = Int(max(.zero, next - now).inSeconds.rounded(.up))
            self.write(
                "Alert channel \(channel) fails: \(reason). Attempt \(settlement.failures); the next one in \(seconds) s.",
                priority: 4, ["HEALD_CHANNEL": channel])
        }
        for alert in settlement.givenUp {
            let text = SafeText.escaped(alert.message.text, bytesMax: 512)
            self.write(
                "Alert channel \(channel) never got an alert, given up after \(alert.attempts) attempts: \(reason). "
                    + "The alert was: \(text)",
                priority: alert.message.severity == .critical ? 2 : 3, ["HEALD_CHANNEL": channel])
        }
    }

    func pushedOut(_ alerts: [QueuedAlert], channel: String) {
        for alert in alerts {
            let text = SafeText.escaped(alert.message.text, bytesMax: 512)
            self.write(
                "Alert channel \(channel) never gets an alert, because too many wait for it. The alert was: \(text)",
                priority: alert.message.severity == .critical ? 2 : 4, ["HEALD_CHANNEL": channel])
        }
    }

    func channelRemoved(_ channel: String, waiting: Int) {
        self.write(
            "Alert channel \(channel) is no longer in the policy; \(waiting) alerts waited for it.", priority: 4,
            ["HEALD_CHANNEL": channel])
    }

    func outboxFails(_ error: any Error) {
        self.write(
            "The queue of alerts cannot be read or written; trying again every 10 s. "
                + SafeText.escaped(String(describing: error), bytesMax: 512),
            priority: 3, [:])
    }

    func outboxWorksAgain() {
        self.write("The queue of alerts can be read and written again.", priority: 5, [:])
    }
}
