import Policy
import RecoveryEngine
import ResilienceCore

// The supervisor's view of the world. Adapters implement these; none of them knows another.

/// Where adapters put what they saw. Never blocks; may be called from any thread.
public typealias EventSink = @Sendable (Event) -> Void

/// Both clocks of the machine, and waiting on the deciding one.
public protocol SupervisorClock: Sendable {
    func now() -> Moment
    /// Returns at `deadline` or a little later; throws `CancellationError` when the task is cancelled.
    func sleep(until deadline: MonotonicInstant) async throws
    /// How long the machine has been suspended in all, since some point before the process began. The deciding clock
    /// stood still meanwhile.
    var suspended: Duration { get }
}

extension SupervisorClock {
    public var suspended: Duration { .zero }
}

/// The service manager as the source of observations. Events go to the sink given at its start.
public protocol UnitObserver: Sendable {
    /// Replaces the set of units to be told of. Each of them is observed once at once, also one that was watched before; a
    /// unit that systemd does not know is observed too, with `loadState` `not-found`. After that, changes are told.
    ///
    /// - Parameter requirers: of these it is also told what they require, also when that changes.
    func watch(_ units: Set<String>, requirementsOf requirers: Set<String>) async
    /// Whether a unit's processes stand still, whoever froze them; `nil` where that cannot be told within seconds.
    func freezer(of unit: String) async -> FreezerObservation?
}

/// Carries out actions.
public protocol ActionRunner: Sendable {
    /// Does it and follows it to its end, within `request.timeout` and a small margin. Never throws: every way to end
    /// is an outcome.
    ///
    /// The part before its first suspension runs on the loop's own thread, so that an action is on its way without a
    /// change of threads: it must not block there.
    func run(_ request: ActionRequest) async -> ActionOutcome
    /// Finds out what became of an action that an earlier run intended. Does nothing itself.
    func reconcile(_ request: ActionRequest) async -> ActionOutcome
}

/// Runs checks other than `unit`.
public protocol Prober: Sendable {
    /// Starts the check and returns; `report` is called exactly once, at the latest shortly after the check's timeout.
    func start(_ request: ProbeRequest, report: @escaping @Sendable (CheckResult) -> Void)
}

/// Keeps what may be gone later.
public protocol EvidenceSource: Sendable {
    /// The last lines that an invocation of a unit logged: valid UTF-8, control characters escaped, at most 4 KiB, the
    /// newest kept. `nil` where there are none or no journal can be read.
    func lastJournalLines(unit: String, invocationID: String?) async -> String?
}

/// Looks at what lies where releases are.
public protocol ReleaseSource: Sendable {
    /// Which release is current. Blocks nobody; every way in which it cannot be told is a `problem`.
    func look(at policy: ReleasePolicy) async -> ReleaseObservation
}

/// What is written together or not at all.
public struct AuditBatch: Sendable {
    public var records: [AuditRecord] = []
    /// `nil`: forget the component.
    public var components: [(name: String, state: SavedComponent?)] = []
    public var host: SavedHost?
    public var alerts: [AlertMessage] = []
    /// It must be on the disk when `commit` returns: an action or a message follows from it.
    public var isDurable: Bool = false

    public init() {}

    public var isEmpty: Bool {
        self.records.isEmpty && self.components.isEmpty && self.host == nil && self.alerts.isEmpty
    }
}

/// A record and its number in the audit trail.
public struct NumberedRecord: Hashable, Sendable {
    public var number: Int64
    public var record: AuditRecord

    public init(number: Int64, record: AuditRecord) {
        self.number = number
        self.record = record
    }
}

/// The audit trail, as the loop writes it.
public protocol AuditStore: Sendable {
    /// What earlier runs left behind.
    func restore() throws -> RestoredState
    /// Writes the batch in one transaction. Blocks for a disk flush where the batch is durable.
    ///
    /// - Returns: the number of the last record in the trail. Those of a batch are numbered one after the other.
    @discardableResult
    func commit(_ batch: AuditBatch) throws -> Int64
    /// The newest records, at most so many, oldest first.
    func lastRecords(_ most: Int) throws -> [NumberedRecord]
    /// Says that the supervisor is alive at this time; what lies between the last such word and the next start counts
    /// as unknown.
    func alive(at time: WallTime) throws
}

/// One message waiting to be delivered.
public struct OutboxEntry: Hashable, Sendable {
    public var id: Int64
    public var message: AlertMessage
    /// Channels that have it already.
    public var delivered: Set<String>
    public var attempts: Int
    public init(id: Int64, message: AlertMessage, delivered: Set<String>, attempts: Int) {
        self.id = id
        self.message = message
        self.delivered = delivered
        self.attempts = attempts
    }
}

/// The durable queue of alerts. Messages enter it with the batch that decided them.
public protocol Outbox: Sendable {
    /// Undelivered messages, oldest first.
    func pending(limit: Int) throws -> [OutboxEntry]
    /// A channel has the message.
    func delivered(_ id: Int64, channel: String) throws
    /// A delivery failed; the message stays.
    func failed(_ id: Int64, channel: String, error: String) throws
    /// Every channel that wants it has it, or it was given up; it leaves the queue.
    func finished(_ id: Int64) throws
}

/// Sends queued alerts.
public protocol AlertDispatcher: Sendable {
    /// There is something new in the outbox. Returns at once.
    func wake()
    /// The channels changed.
    func update(channels: [String: Channel])
    /// Sends a message that cannot be put into the outbox because the audit trail cannot be written; it is forgotten
    /// when the process ends. Returns at once.
    func sendUnrecorded(_ message: AlertMessage)
    /// How the delivery goes. Returns at once.
    var figures: AlertFigures { get }
}

/// The system's log, structured.
public protocol JournalSink: Sendable {
    /// - Parameter priority: syslog's, 0 (emerg) to 7 (debug).
    func write(_ message: String, priority: Int, fields: [String: String])
}

/// The service manager's view of this process.
public protocol ServiceNotifier: Sendable {
    /// A datagram for `$NOTIFY_SOCKET`, e.g. `READY=1`. Nothing happens without one.
    ///
    /// - SeeAlso: sd_notify(3).
    func notify(_ state: String)
    /// How often at least the service manager wants to hear `WATCHDOG=1`; `nil` where it does not.
    var watchdogInterval: Duration? { get }
}
