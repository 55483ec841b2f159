import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Synchronization

/// Brings what is in the outbox to people: at least once, in order for each channel, across restarts.
///
/// Each channel has its own queue, deadline and backoff, so one that hangs or refuses delays no other. The journal is
/// always told, whatever a policy declares. Which channels get a message:
///
/// - Without names in `AlertMessage.channels`: each channel whose `on` has the event and whose `minSeverity` it reaches.
/// - With names: those channels. `minSeverity` still holds; `on` only decides about `resolved` and `opened`, since a
///   step that names a channel wants it to be told of the step.
/// - With names of which none exists any more (a reload took them away): as without names.
///
/// Nothing is sent before the first `update(channels:)`.
public final class AlertDelivery: AlertDispatcher {
    /// Limits and names; the defaults are right for the daemon.
    public struct Options: Sendable {
        /// Told in every message.
        public var host: String
        /// Of the jitter between attempts.
        public var seed: UInt64
        /// A webhook's connection must stand within this.
        public var connectDeadline: Duration
        /// A webhook must have answered within this, connection included.
        public var answerDeadline: Duration
        /// An `exec` channel's program must have ended within this.
        public var execDeadline: Duration
        /// How long a program that is past its deadline has between SIGTERM and SIGKILL.
        public var execKillAfter: Duration

        public init(
            host: String, seed: UInt64, connectDeadline: Duration = .seconds(5),
            answerDeadline: Duration = .seconds(15), execDeadline: Duration = .seconds(30),
            execKillAfter: Duration = .seconds(2)
        ) {
            self.host = host
            self.seed = seed
            self.connectDeadline = connectDeadline
            self.answerDeadline = answerDeadline
            self.execDeadline = execDeadline
            self.execKillAfter = execKillAfter
        }
    }

    private struct Inbox {
        var channels: [String: Channel]?
        var unrecorded: [AlertMessage] = []
    }

    /// How many messages may wait unrecorded for the delivery to take them.
    private static let unrecordedMax = 1_000

    private let inbox = Mutex(Inbox())
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation
    private let desk: DeliveryDesk
    private let webhooks: WebhookSender

    /// - Parameters:
    ///   - outbox: called from the delivery's own task, which its writes may block.
    ///   - journal: gets every message, and what there is to say about deliveries.
    /// - Throws: `SettingsError` for deadlines that are not positive.
    public init(
        outbox: any Outbox, journal: any JournalSink, clock: any SupervisorClock, options: Options
    ) throws(SettingsError) {
        (self.signals, self.signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.webhooks = try WebhookSender(connect: options.connectDeadline, answer: options.answerDeadline)
        let exec = try ExecSender(deadline: options.execDeadline, killAfter: options.execKillAfter)
        self.desk = DeliveryDesk(
            outbox: outbox, journal: journal, clock: clock, host: options.host, seed: options.seed,
            senders: DeliveryDesk.Senders(
                journal: JournalSender(journal: journal), exec: exec, webhook: self.webhooks))
    }

    /// Delivers until its task is cancelled. What is not delivered by then stays in the outbox for the next run.
    ///
    /// Call it once.
    public func run() async {
        await self.desk.start { [signal] in signal.yield() }
        for await _ in self.signals {
            let (channels, unrecorded) = self.inbox.withLock { inbox in
                defer { if inbox.channels != nil { inbox.unrecorded.removeAll() } }
                return (inbox.channels, inbox.unrecorded)
            }
            guard let channels else { continue }
            await self.desk.synchronize(channels: channels, unrecorded: unrecorded)
            if !channels.values.contains(where: \.kind.isWebhook) { await self.webhooks.shutdown() }
        }
        await self.desk.stop()
        await self.webhooks.shutdown()
    }

    public func wake() { self.signal.yield() }

    public func update(channels: [String: Channel]) {
        self.inbox.withLock { $0.channels = channels }
        self.signal.yield()
    }

    /// Sends a message that cannot be put into the outbox because the audit trail cannot be written. It is delivered
    /// like any other, but forgotten when the process ends. Returns at once.
    public func sendUnrecorded(_ message: AlertMessage) {
        self.inbox.withLock { inbox in
            if inbox.unrecorded.count < Self.unrecordedMax { inbox.unrecorded.append(message) }
        }
        self.signal.yield()
    }
}

extension ChannelKind {
    var isWebhook: Bool { if case .webhook = self { true } else { false } }
    var isJournal: Bool { if case .journal = self { true } else { false } }
}
