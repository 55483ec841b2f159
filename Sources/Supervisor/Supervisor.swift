import Glibc
import Logging
import Policy
import RecoveryEngine
import ResilienceCore

/// Facts of the process that the supervisor runs in.
public struct SupervisorOptions: Sendable {
    public var version: String
    public var processID: Int32
    public var startedAt: WallTime
    /// What the environment put in the place of the policy's defaults, by variable; shown in the status.
    public var overrides: [String: String]

    public init(version: String, processID: Int32, startedAt: WallTime, overrides: [String: String] = [:]) {
        self.version = version
        self.processID = processID
        self.startedAt = startedAt
        self.overrides = overrides
    }
}

/// Why the supervisor could not be started.
public struct SupervisorStartError: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String {
        "Could not start the supervisor. Why: the system gave no thread. Fix: raise TasksMax= or the process limit."
    }
}

/// The running supervisor, as the rest of the process sees it. The loop itself lives on a thread of its own.
public final class Supervisor: Sendable {
    let mailbox: Mailbox
    let ports: SupervisorPorts
    let reloads = TurnTaking()
    /// What happens, as it is written down.
    public let events = EventFeed()

    private let engine: any DecisionEngine
    let options: SupervisorOptions
    private let logger: Logger

    /// Nothing runs until `start`; what adapters put into `inbox` before waits there.
    public init(
        engine: any DecisionEngine, ports: SupervisorPorts, options: SupervisorOptions, inbox: SupervisorInbox,
        logger: Logger
    ) {
        self.engine = engine
        self.ports = ports
        self.options = options
        self.mailbox = inbox.mailbox
        self.logger = logger
    }

    /// Starts the loop with a checked policy and what earlier runs left behind.
    ///
    /// Returns when the loop has taken both in and written so down; it does not wait for systemd or any check.
    ///
    /// - Throws: `SupervisorStartError`.
    public func start(policy: PolicySnapshot, warnings: [String], restored: RestoredState) async throws {
        let (engine, ports, options) = (self.engine, self.ports, self.options)
        let (mailbox, feed, logger) = (self.mailbox, self.events, self.logger)
        // Whoever followed the last run goes on where it ended. What cannot be read is only missing there.
        feed.begin(with: (try? ports.store.lastRecords(EventFeed.earlierMost)) ?? [])
        let hasBegun = await withCheckedContinuation { continuation in
            let hasThread = LoopThread.start(name: "heald-loop") {
                let loop = DecisionLoop(
                    engine: engine, ports: ports, options: options, mailbox: mailbox, feed: feed, logger: logger)
                loop.begin(policy: policy, warnings: warnings, restored: restored)
                loop.afterCommit.append { continuation.resume(returning: true) }
                Self.run(loop)
            }
            if !hasThread { continuation.resume(returning: false) }
        }
        guard hasBegun else { throw SupervisorStartError() }
    }

    /// Ends the loop: it takes no more events, waits shortly for actions in flight and writes down that it ended.
    ///
    /// An action that takes longer goes on in systemd. Its intent stays open; the next run asks systemd what became of
    /// it.
    public func end(reason: String) async {
        self.mailbox.put(.work { $0.end(reason: reason) })
        await self.untilEnded()
    }

    /// Writes a note into the audit trail and, where given, tells people: for what happens to the supervisor itself.
    public func report(_ note: String, alert: AlertMessage?) {
        self.mailbox.put(
            .work { loop in
                loop.records.append(AuditRecord(at: loop.now.wall, .note(note)))
                if let alert { loop.effects.append(.alert(alert)) }
            })
    }

    private static func run(_ loop: DecisionLoop) {
        while true {
            let next = loop.turn()
            if loop.hasEnded { break }
            loop.mailbox.wait(until: next)
        }
        // Whoever still waits for an answer gets one.
        for case .work(let work) in loop.mailbox.close() { work(loop) }
        loop.answerWaiters()
        for answer in loop.afterCommit { answer() }
        for answer in loop.afterEnd { answer() }
    }

    private func untilEnded() async {
        await self.ask { loop, answer in
            loop.afterEnd.append { answer(()) }
        } orIfEnded: {
            ()
        }
    }

    /// Runs `body` on the loop's thread and waits for the answer that it gives there, now or in a later turn.
    func ask<Answer: Sendable>(
        _ body: @escaping @Sendable (DecisionLoop, @escaping @Sendable (Answer) -> Void) -> Void,
        orIfEnded: @Sendable () -> Answer
    ) async -> Answer {
        await withCheckedContinuation { continuation in
            let isTaken = self.mailbox.put(.work { loop in body(loop) { continuation.resume(returning: $0) } })
            if !isTaken { continuation.resume(returning: orIfEnded()) }
        }
    }
}
