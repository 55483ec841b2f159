import RecoveryEngine
import ResilienceCore

/// Writes batches to the audit trail, and keeps what it could not write until it can.
///
/// After a failure nothing is written for a while (1 s, doubling up to 30 s): later batches wait in a bounded buffer and
/// go in first, all in one transaction, once the trail takes them.
struct Recorder {
    /// What came of handing over a batch.
    enum Outcome: Hashable {
        case written
        /// Kept for later. `isNew`: until now the trail could be written.
        case kept(why: String, isNew: Bool)
    }

    /// The trail cannot be written at present.
    struct Failure: Hashable {
        var why: String
        var since: MonotonicInstant
        var attempts: Int
        var retryAt: MonotonicInstant
    }

    private(set) var failure: Failure?
    private let store: any AuditStore
    /// Is told of what is in the trail, and only of that.
    private let feed: EventFeed
    private var waiting = WaitingRecords()

    init(store: any AuditStore, feed: EventFeed) {
        self.store = store
        self.feed = feed
    }

    /// Records waiting to be written.
    var waitingCount: Int { self.waiting.records.count }

    mutating func write(_ batch: AuditBatch, at now: Moment) -> Outcome {
        if let failure = self.failure {
            self.waiting.keep(batch)
            return .kept(why: failure.why, isNew: false)
        }
        do {
            let last = try self.store.commit(batch)
            self.feed.publish(batch, last: last)
            return .written
        } catch {
            self.waiting.keep(batch)
            let why = self.failed(error, at: now)
            return .kept(why: why, isNew: true)
        }
    }

    /// Says that the supervisor is alive.
    ///
    /// - Returns: why the trail cannot be written, where that was not known yet.
    mutating func alive(at now: Moment) -> String? {
        guard self.failure == nil else { return nil }
        do {
            try self.store.alive(at: now.wall)
            return nil
        } catch {
            return self.failed(error, at: now)
        }
    }

    /// Tries again where the time has come (or `force` says so).
    ///
    /// - Returns: whether the trail can be written again, everything that waited included.
    mutating func retry(at now: Moment, force: Bool = false) -> Bool {
        guard let failure = self.failure, force || failure.retryAt <= now.monotonic else { return false }
        do {
            let batch = self.waiting.asBatch(at: now.wall)
            let last = try self.store.commit(batch)
            self.feed.publish(batch, last: last)
            self.failure = nil
            self.waiting = WaitingRecords()
            return true
        } catch {
            _ = self.failed(error, at: now)
            return false
        }
    }

    private mutating func failed(_ error: any Error, at now: Moment) -> String {
        let why = String("\(error)".prefix(500))
        let attempts = (self.failure?.attempts ?? 0) + 1
        let wait = min(Duration.seconds(30), .seconds(1 << min(attempts - 1, 5)))
        self.failure = Failure(
            why: why, since: self.failure?.since ?? now.monotonic, attempts: attempts, retryAt: now.monotonic + wait)
        return why
    }
}

/// What waits for a trail that cannot be written. Bounded: states are kept per component, of records the newest 20,000,
/// evidence (up to 4 KiB each) only among the first 2,000; what had to be dropped is counted and said. Messages are not kept:
/// they were sent from memory when they arose.
struct WaitingRecords {
    static let recordsMost = 20_000
    static let recordsWithEvidenceMost = 2_000

    private(set) var records: [AuditRecord] = []
    private var components: [String: SavedComponent?] = [:]
    private var host: SavedHost?
    private var dropped = 0

    mutating func keep(_ batch: AuditBatch) {
        for record in batch.records {
            if case .evidence = record.body, self.records.count >= Self.recordsWithEvidenceMost {
                self.dropped += 1
            } else {
                self.records.append(record)
            }
        }
        let excess = self.records.count - Self.recordsMost
        if excess > 0 {
            // A tenth more at once, so that a full buffer is not moved for each record.
            let count = min(self.records.count, excess + Self.recordsMost / 10)
            self.records.removeFirst(count)
            self.dropped += count
        }
        for (name, state) in batch.components { self.components[name] = .some(state) }
        self.host = batch.host ?? self.host
    }

    /// Everything, to be written durably.
    func asBatch(at now: WallTime) -> AuditBatch {
        var batch = AuditBatch()
        batch.records = self.records
        if self.dropped > 0 {
            let text = "\(self.dropped) records were dropped while the audit trail could not be written"
            batch.records.append(AuditRecord(at: now, .note(text)))
        }
        batch.components = self.components.sorted { $0.key < $1.key }.map { (name: $0.key, state: $0.value) }
        batch.host = self.host
        batch.isDurable = true
        return batch
    }
}
