import Policy
import RecoveryEngine
import ResilienceCore

/// What one channel still has to be told, and when. Pure: it is given the time and its jitter's seed.
///
/// - Order: alerts leave in the order in which they came; a group that failed is the head of the next one.
/// - Grouping: the first alert waits `groupWait` for others. While groups follow close upon each other, their distance
///   doubles up to five minutes (one minute where something CRITICAL waits), so that a thousand failures are a handful
///   of messages; each quiet minute takes one doubling back.
/// - Failures: backoff from 1 s to 5 min with ±25 % jitter, or what `Retry-After` asks for (at most 1 h).
/// - Refusals: of a message's own making (413, 400 …) the group is halved until the guilty one stands alone; that is
///   given up after 5 attempts. Of the channel's making (401, 404, a redirect …) alerts are given up after 10 attempts,
///   except CRITICAL ones, which are kept trying for a day.
/// - Bounds: past 1,000 waiting alerts the oldest that is not CRITICAL is dropped; past 10,000 the oldest.
/// - Repetition: what was told of an incident is told again every `repeat` until its `resolved` comes, at most 50
///   times. This is remembered only in memory: after a restart of the supervisor an incident is repeated once
///   something new was told of it.
/// - The same alert of the same incident with the same text is told once within `repeat`.
struct ChannelQueue: Sendable {
    static let groupMax = 250
    static let waitingMax = 1_000
    static let criticalMax = 10_000
    static let messageAttemptsMax = 5
    static let channelAttemptsMax = 10
    static let criticalKept = Duration.seconds(86_400)
    static let repetitionsMax = 50
    static let rememberedMax = 1_000
    static let spacingMax = Duration.seconds(300)
    static let criticalSpacingMax = Duration.seconds(60)
    static let retryAfterMax = Duration.seconds(3_600)
    static let backoff = Backoff(initial: .seconds(1), factor: 2, max: .seconds(300), jitter: 0.25)

    enum Next: Hashable, Sendable {
        case idle
        /// Ask again then, or when something changes.
        case wait(until: MonotonicInstant)
        /// Deliver this, and tell the outcome to `finish`.
        case send(AlertGroup)
    }

    /// What an outcome means for the outbox and for the reader of the journal.
    struct Settlement: Hashable, Sendable {
        var delivered: [QueuedAlert] = []
        var givenUp: [QueuedAlert] = []
        /// What failed, where it is worth writing down: the first time and each time the count has doubled.
        var failed: [QueuedAlert] = []
        /// Attempts in a row that failed, this one included; after a delivery, those before it.
        var failures = 0
        var reason: String?
        var nextAttempt: MonotonicInstant?
    }

    private(set) var channel: Channel
    let host: String
    var generator: SeededGenerator
    /// Oldest first; the first `inFlight` are being delivered.
    private(set) var waiting: [QueuedAlert] = []
    private(set) var inFlight = 0
    /// How many of `waiting` are not CRITICAL, and how many there are of each incident: kept, since counting them anew
    /// for each alert of a flood would take the square of its size.
    private var minorWaiting = 0
    private var incidentsWaiting: [Int64: Int] = [:]
    private var droppedInFlight = 0
    private var dropped = 0
    private var failures = 0
    private var retryAt: MonotonicInstant?
    private var groupLimit = ChannelQueue.groupMax
    /// How many doublings the distance between groups has had.
    private var doublings = 0
    private var lastSentAt: MonotonicInstant?
    var memory = ToldAlerts()

    init(channel: Channel, host: String, seed: UInt64) {
        self.channel = channel
        self.host = host
        self.generator = SeededGenerator(seed: seed)
    }

    /// The channel's settings changed: what waits stays, and is tried with the new ones at once.
    mutating func update(_ channel: Channel) {
        self.channel = channel
        self.failures = 0
        self.retryAt = nil
        self.groupLimit = Self.groupMax
        for index in self.waiting.indices { self.waiting[index].attempts = 0 }
    }

    /// Adds an alert.
    ///
    /// - Returns: what this channel will now never be told: what the bound pushed out.
    mutating func enqueue(_ alert: QueuedAlert) -> [QueuedAlert] {
        self.waiting.append(alert)
        self.count(alert, by: 1)
        var pushedOut: [QueuedAlert] = []
        while self.waiting.count > Self.waitingMax {
            let candidates = self.waiting.indices.dropFirst(self.inFlight)
            let hasMinor = self.minorWaiting > 0
            let oldest = hasMinor ? candidates.first { self.waiting[$0].message.severity < .critical } : nil
            guard let index = oldest ?? (self.waiting.count > Self.criticalMax ? candidates.first : nil) else { break }
            let alert = self.waiting.remove(at: index)
            self.count(alert, by: -1)
            pushedOut.append(alert)
        }
        self.dropped += pushedOut.count
        return pushedOut
    }

    private mutating func count(_ alert: QueuedAlert, by step: Int) {
        if alert.message.severity < .critical { self.minorWaiting += step }
        guard let incident = alert.message.incident else { return }
        let left = self.incidentsWaiting[incident, default: 0] + step
        self.incidentsWaiting[incident] = left > 0 ? left : nil
    }

    /// Whether this very alert of this incident was told less than `repeat` ago, or waits to be.
    func hasTold(_ message: AlertMessage, at now: MonotonicInstant) -> Bool {
        guard let incident = message.incident else { return false }
        let waits =
            self.incidentsWaiting[incident] != nil
            && self.waiting.contains { !$0.isRepeat && ToldAlerts.isSame($0.message, message) }
        if waits { return true }
        return self.memory.hasTold(message, within: self.channel.repeatEvery, at: now)
    }

    /// The incident is over, whether or not this channel wants to hear of it: its alerts are not repeated.
    mutating func resolve(incident: Int64) { self.memory.resolve(incident: incident) }

    /// What to do now.
    mutating func next(at now: MonotonicInstant) -> Next {
        guard self.inFlight == 0 else { return .idle }
        self.addRepetitions(at: now)
        guard !self.waiting.isEmpty else {
            return self.memory.nextRepetition(every: self.channel.repeatEvery).map { .wait(until: $0) } ?? .idle
        }
        let due = self.retryAt ?? self.groupDue()
        guard due <= now else { return .wait(until: due) }
        self.inFlight = min(self.waiting.count, self.groupLimit)
        self.droppedInFlight = self.dropped
        return .send(
            AlertGroup(
                host: self.host, channel: self.channel.name, alerts: Array(self.waiting.prefix(self.inFlight)),
                dropped: self.dropped))
    }

    /// When the group at the head has waited enough. Called with something waiting.
    private func groupDue() -> MonotonicInstant {
        guard let first = self.waiting.first else { return MonotonicInstant(nanoseconds: .max) }
        // The journal is a record, not a call: it wakes nobody, and an entry belongs beside what it is about.
        if self.channel.kind.isJournal { return first.arrivedAt }
        let due = first.arrivedAt + self.channel.groupWait
        guard let lastSentAt = self.lastSentAt, self.waiting.count < Self.groupMax else { return due }
        let quietMinutes = Int(max(.zero, first.arrivedAt - lastSentAt).inSeconds / 60)
        let doublings = max(0, self.doublings - quietMinutes)
        guard doublings > 0 else { return due }
        let isCritical = self.waiting.contains { $0.message.severity == .critical }
        let cap = isCritical ? Self.criticalSpacingMax : Self.spacingMax
        let wait = max(self.channel.groupWait, .seconds(1)).scaled(by: Double(UInt64(1) << UInt64(min(doublings, 16))))
        return max(due, lastSentAt + min(wait, max(cap, self.channel.groupWait)))
    }

    private mutating func addRepetitions(at now: MonotonicInstant) {
        let stillWaiting = self.incidentsWaiting
        for message in self.memory.takeRepetitions(every: self.channel.repeatEvery, except: stillWaiting, at: now) {
            _ = self.enqueue(QueuedAlert(id: nil, message: message, arrivedAt: now, isRepeat: true))
        }
    }

    /// The group given out by `next` came to this end.
    mutating func finish(_ outcome: DeliveryOutcome, at now: MonotonicInstant) -> Settlement {
        let count = self.inFlight
        self.inFlight = 0
        switch outcome {
        case .delivered: return self.finishDelivered(count, at: now)
        case .retry(let reason, let after):
            return self.finishFailed(count, reason: reason, after: after, at: now)
        case .refused(let reason, let isAboutMessage):
            return self.finishRefused(count, reason: reason, isAboutMessage: isAboutMessage, at: now)
        }
    }

    private mutating func finishDelivered(_ count: Int, at now: MonotonicInstant) -> Settlement {
        let settlement = Settlement(delivered: Array(self.waiting.prefix(count)), failures: self.failures)
        self.waiting.removeFirst(count)
        for alert in settlement.delivered { self.count(alert, by: -1) }
        for alert in settlement.delivered { self.memory.told(alert.message, isRepeat: alert.isRepeat, at: now) }
        if let first = settlement.delivered.first, let lastSentAt = self.lastSentAt {
            let quietMinutes = Int(max(.zero, first.arrivedAt - lastSentAt).inSeconds / 60)
            self.doublings = max(0, self.doublings - quietMinutes)
        }
        self.doublings = min(self.doublings + 1, 16)
        self.lastSentAt = now
        self.dropped -= self.droppedInFlight
        self.failures = 0
        self.retryAt = nil
        self.groupLimit = min(self.groupLimit * 2, Self.groupMax)
        return settlement
    }

    private mutating func finishFailed(
        _ count: Int, reason: String, after: Duration?, at now: MonotonicInstant
    ) -> Settlement {
        self.failures += 1
        for index in 0..<count { self.waiting[index].attempts += 1 }
        let wait = Self.backoff.delay(after: self.failures, using: &self.generator)
        let nextAttempt = now + max(wait, min(after ?? .zero, Self.retryAfterMax))
        self.retryAt = nextAttempt
        let isWorthTelling = self.failures & (self.failures - 1) == 0
        return Settlement(
            failed: isWorthTelling ? Array(self.waiting.prefix(count)) : [], failures: self.failures, reason: reason,
            nextAttempt: nextAttempt)
    }

    private mutating func finishRefused(
        _ count: Int, reason: String, isAboutMessage: Bool, at now: MonotonicInstant
    ) -> Settlement {
        if isAboutMessage && count > 1 {
            self.groupLimit = max(1, count / 2)
            self.retryAt = now + .seconds(1)
            return Settlement(failures: self.failures, reason: reason, nextAttempt: self.retryAt)
        }
        var settlement = self.finishFailed(count, reason: reason, after: nil, at: now)
        let attemptsMax = isAboutMessage ? Self.messageAttemptsMax : Self.channelAttemptsMax
        var kept: [QueuedAlert] = []
        for alert in self.waiting.prefix(count) {
            let isKept =
                !isAboutMessage && alert.message.severity == .critical
                && now - alert.arrivedAt < Self.criticalKept
            if alert.attempts < attemptsMax || isKept { kept.append(alert) } else { settlement.givenUp.append(alert) }
        }
        self.waiting.replaceSubrange(0..<count, with: kept)
        for alert in settlement.givenUp { self.count(alert, by: -1) }
        // The next message is not the one that was refused, and need not wait for it.
        if isAboutMessage && kept.isEmpty { self.retryAt = nil }
        return settlement
    }
}
