import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor

/// Sorts what is in the outbox into the channels' queues and keeps the outbox's books.
actor DeliveryDesk {
    struct Senders: Sendable {
        var journal: any AlertSender
        var exec: any AlertSender
        var webhook: any AlertSender
    }

    /// What the outbox must still be told.
    private enum Debt: Hashable {
        case delivered(Int64, channel: String)
        case finished(Int64)

        var id: Int64 {
            switch self {
            case .delivered(let id, _), .finished(let id): id
            }
        }
    }

    static let journalName = "journal"
    private static let readingStep = 256
    private static let outboxRetry = Duration.seconds(10)

    private let outbox: any Outbox
    private let notes: DeliveryNotes
    private let clock: any SupervisorClock
    private let host: String
    private let seed: UInt64
    private let senders: Senders
    private let books: DeliveryBooks

    private var queues: [String: ChannelQueue] = [:]
    private var deliveries: [String: Task<Void, Never>] = [:]
    private var timers: [String: Task<Void, Never>] = [:]
    private var outboxTimer: Task<Void, Never>?
    /// Messages of the outbox that are in hand, with the channels that still have to get them.
    private var inHand: [Int64: Set<String>] = [:]
    private var debts: [Debt] = []
    private var outboxFails = false
    private var askAgain: @Sendable () -> Void = {}

    init(
        outbox: any Outbox, journal: any JournalSink, clock: any SupervisorClock, host: String, seed: UInt64,
        books: DeliveryBooks, senders: Senders
    ) {
        self.outbox = outbox
        self.notes = DeliveryNotes(journal: journal)
        self.clock = clock
        self.host = host
        self.seed = seed
        self.senders = senders
        self.books = books
    }

    /// - Parameter askAgain: called when `synchronize` should be called once more.
    func start(askAgain: @escaping @Sendable () -> Void) { self.askAgain = askAgain }

    /// Ends deliveries and timers and waits for them; what they had in hand stays in the outbox.
    func stop() async {
        self.outboxTimer?.cancel()
        for timer in self.timers.values { timer.cancel() }
        let deliveries = Array(self.deliveries.values)
        for delivery in deliveries { delivery.cancel() }
        for delivery in deliveries { await delivery.value }
    }

    /// Takes over the channels and whatever is new in the outbox.
    func synchronize(channels: [String: Channel], unrecorded: [AlertMessage]) {
        self.adopt(channels)
        let now = self.clock.now().monotonic
        for message in unrecorded { self.route(message, id: nil, delivered: [], at: now) }
        do {
            try self.payDebts()
            try self.readOutbox(at: now)
            if self.outboxFails { self.notes.outboxWorksAgain() }
            self.outboxFails = false
        } catch {
            if !self.outboxFails { self.notes.outboxFails(error) }
            self.outboxFails = true
            self.askAgainLater()
        }
        self.books.waiting(self.inHand.count)
        for name in self.queues.keys.sorted() { self.pump(name) }
    }

    // MARK: Channels

    private func adopt(_ declared: [String: Channel]) {
        var channels = declared.filter { !$0.value.kind.isJournal }
        // The journal is told everything unless a policy declares that channel itself.
        channels[Self.journalName] =
            declared[Self.journalName].flatMap { $0.kind.isJournal ? $0 : nil }
            ?? Channel(name: Self.journalName, kind: .journal, events: Set(AlertEvent.allCases))
        channels[Self.journalName]?.groupWait = .zero
        channels[Self.journalName]?.repeatEvery = .zero

        for name in self.queues.keys.sorted() where channels[name] == nil { self.forget(name) }
        for (name, channel) in channels.sorted(by: { $0.key < $1.key }) {
            if self.queues[name] == nil {
                let seed = name.utf8.reduce(self.seed) { $0 &* 31 &+ UInt64($1) }
                self.queues[name] = ChannelQueue(channel: channel, host: self.host, seed: seed)
            } else if self.queues[name]?.channel != channel {
                self.queues[name]?.update(channel)
            }
        }
    }

    /// A reload took the channel away: nobody is told through it any more.
    private func forget(_ name: String) {
        guard let queue = self.queues.removeValue(forKey: name) else { return }
        self.timers.removeValue(forKey: name)?.cancel()
        self.deliveries[name]?.cancel()
        if !queue.waiting.isEmpty { self.notes.channelRemoved(name, waiting: queue.waiting.count) }
        for alert in queue.waiting { self.settle(alert, channel: name, isDelivered: false) }
    }

    // MARK: The outbox

    private func readOutbox(at now: MonotonicInstant) throws {
        while true {
            let limit = self.inHand.count + self.debts.count + Self.readingStep
            let entries = try self.outbox.pending(limit: limit)
            let owed = Set(self.debts.map(\.id))
            let fresh = entries.filter { self.inHand[$0.id] == nil && !owed.contains($0.id) }
            for entry in fresh { self.route(entry.message, id: entry.id, delivered: entry.delivered, at: now) }
            try self.payDebts()
            // Not by the count: entries that cannot be read may be missing from it.
            guard !fresh.isEmpty else { return }
        }
    }

    /// Puts a message into the queues of the channels that are to get it.
    private func route(_ message: AlertMessage, id: Int64?, delivered: Set<String>, at now: MonotonicInstant) {
        let alert = QueuedAlert(id: id, message: message, arrivedAt: now)
        var wanted = self.channels(for: message).subtracting(delivered)
        wanted = wanted.filter { self.queues[$0]?.hasTold(message, at: now) == false }
        if let id {
            self.inHand[id] = wanted
            if wanted.isEmpty { self.finish(id) }
        }
        if message.event == .resolved, let incident = message.incident {
            for name in self.queues.keys { self.queues[name]?.resolve(incident: incident) }
        }
        for name in wanted.sorted() {
            let pushedOut = self.queues[name]?.enqueue(alert) ?? []
            if !pushedOut.isEmpty { self.notes.pushedOut(pushedOut, channel: name) }
            for alert in pushedOut { self.settle(alert, channel: name, isDelivered: false) }
        }
    }

    private func channels(for message: AlertMessage) -> Set<String> {
        let named = Set(message.channels).intersection(self.queues.keys)
        let isByName = !named.isEmpty
        var chosen: Set<String> = []
        for (name, queue) in self.queues where queue.channel.minSeverity <= message.severity {
            let wantsEvent =
                queue.channel.events.contains(message.event)
                && message.resolves.map(queue.channel.events.contains) ?? true
            let isNotice = message.event == .resolved || message.event == .opened
            if name == Self.journalName || !isByName {
                if wantsEvent { chosen.insert(name) }
            } else if named.contains(name), wantsEvent || !isNotice {
                chosen.insert(name)
            }
        }
        return chosen
    }

    /// One channel is through with an alert.
    private func settle(_ alert: QueuedAlert, channel: String, isDelivered: Bool) {
        guard let id = alert.id, var waiting = self.inHand[id], waiting.remove(channel) != nil else { return }
        self.inHand[id] = waiting
        if waiting.isEmpty {
            self.finish(id)
        } else if isDelivered {
            self.debts.append(.delivered(id, channel: channel))
        }
    }

    private func finish(_ id: Int64) {
        self.inHand[id] = nil
        self.debts.append(.finished(id))
    }

    /// Tells the outbox what it does not know yet. What fails is kept, so that nothing is sent twice while this process
    /// lives.
    private func payDebts() throws {
        var paid = 0
        defer { self.debts.removeFirst(paid) }
        for debt in self.debts {
            switch debt {
            case .delivered(let id, let channel): try self.outbox.delivered(id, channel: channel)
            case .finished(let id): try self.outbox.finished(id)
            }
            paid += 1
        }
    }

    private func askAgainLater() {
        self.outboxTimer?.cancel()
        let deadline = self.clock.now().monotonic + Self.outboxRetry
        self.outboxTimer = Task { [clock, askAgain] in
            guard (try? await clock.sleep(until: deadline)) != nil else { return }
            askAgain()
        }
    }

    // MARK: Deliveries

    private func pump(_ name: String) {
        guard self.deliveries[name] == nil else { return }
        self.timers.removeValue(forKey: name)?.cancel()
        switch self.queues[name]?.next(at: self.clock.now().monotonic) {
        case nil, .idle: return
        case .wait(let deadline):
            self.timers[name] = Task { [clock] in
                guard (try? await clock.sleep(until: deadline)) != nil else { return }
                self.timerFired(name)
            }
        case .send(let group):
            guard let channel = self.queues[name]?.channel else { return }
            let sender = self.sender(for: channel.kind)
            self.deliveries[name] = Task {
                let outcome = await sender.deliver(group, to: channel)
                self.deliveryEnded(name, group: group, outcome, wasCancelled: Task.isCancelled)
            }
        }
    }

    private func timerFired(_ name: String) {
        guard !Task.isCancelled else { return }
        self.pump(name)
    }

    private func sender(for kind: ChannelKind) -> any AlertSender {
        switch kind {
        case .journal: self.senders.journal
        case .exec: self.senders.exec
        case .webhook: self.senders.webhook
        }
    }

    private func deliveryEnded(_ name: String, group: AlertGroup, _ outcome: DeliveryOutcome, wasCancelled: Bool) {
        self.deliveries[name] = nil
        // Cancelled: the process ends, or the channel is gone (or came back new, with a queue that gave nothing out).
        guard !wasCancelled, let settlement = self.queues[name]?.finish(outcome, at: self.clock.now().monotonic) else {
            self.pump(name)
            return
        }
        for alert in settlement.delivered { self.settle(alert, channel: name, isDelivered: true) }
        for alert in settlement.givenUp { self.settle(alert, channel: name, isDelivered: false) }
        self.books.settled(settlement, channel: name, waiting: self.inHand.count)
        self.notes.settled(settlement, channel: name, now: self.clock.now().monotonic)
        do {
            for alert in settlement.failed {
                guard let id = alert.id, let reason = settlement.reason else { continue }
                try self.outbox.failed(id, channel: name, error: reason)
            }
            try self.payDebts()
        } catch {
            if !self.outboxFails { self.notes.outboxFails(error) }
            self.outboxFails = true
            self.askAgainLater()
        }
        self.pump(name)
    }
}
