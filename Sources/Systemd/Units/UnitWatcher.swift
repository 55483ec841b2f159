import CSystemd
import Glibc
import Logging
import RecoveryEngine
import ResilienceCore
import Supervisor

/// Keeps the picture of the watched units true, and tells of changes.
///
/// `@unchecked Sendable`: it is made before its thread knows it and is touched only on that thread afterwards (by the
/// thread's loop and by the actor whose executor that thread is); `thread.checkIsolated()` guards what comes from outside.
final class UnitWatcher: BusThreadClient, @unchecked Sendable {
    enum Phase: Hashable {
        /// No connection; the next attempt is scheduled.
        case disconnected
        /// Connected, and waiting for the first answer.
        case greeting
        case ready
        /// systemd reads its units anew and answers nothing.
        case reloading
        case closed
    }

    let thread: BusThread
    let address: BusAddress
    let sink: EventSink
    let logger: Logger

    var phase = Phase.disconnected
    var connection: BusConnection?
    var records: [String: UnitRecord] = [:]
    /// By object path; an alias and its unit share one.
    var recordsByPath: [String: [UnitRecord]] = [:]
    /// Jobs that the supervisor asked for and that have not ended.
    var ownJobs: Set<UInt32> = []
    /// Jobs that ended lately, newest last, for answers that come after the end.
    var endedJobs: [(id: UInt32, result: String)] = []
    /// Called once when the job ends, or with `nil` when the connection does.
    var jobWaiters: [UInt32: [UInt64: (String?) -> Void]] = [:]
    /// Called once when the phase is `ready` again and all units have been listed.
    var readyWaiters: [() -> Void] = []
    var nextWaiter: UInt64 = 0
    /// Units whose properties are to be read, first come first served.
    var readQueue: [UnitRecord] = []
    var readsInFlight = 0
    /// Units of which it is to be read what systemd does at their end; the first is being read.
    var endingQueue: [UnitRecord] = []
    /// NameOwnerChanged said that systemd is away; acted on outside of the message's handler.
    var isLossPending: String?

    private static let quickAttempts = 25
    private static let backoff = Backoff(initial: .milliseconds(50), factor: 2, max: .seconds(2), jitter: 0)
    /// About 2 s.
    private static let privateAttempts = 30

    private var isStarted = false
    private var failedAttempts = 0
    private var lastRouteWasPrivate = false
    /// Something listens there but does not speak to us.
    private var refusedRoute: BusRoute?
    private var safetyNet: UInt64?
    /// The sink has been told that nothing is known.
    private(set) var saidAway = false

    init(thread: BusThread, address: BusAddress, sink: @escaping EventSink, logger: Logger) {
        self.thread = thread
        self.address = address
        self.sink = sink
        self.logger = logger
    }

    // MARK: The connection's life

    /// Connects, the first time.
    func start() {
        self.thread.checkIsolated()
        guard !self.isStarted else { return }
        self.isStarted = true
        self.thread.drive(self)
        self.connect()
        self.armSafetyNet()
    }

    func close() {
        self.phase = .closed
        if let safetyNet = self.safetyNet { self.thread.cancel(timer: safetyNet) }
        self.dropConnection()
        for record in self.records.values {
            self.forgetDeath(of: record)
            record.endForetelling()
        }
        self.records = [:]
        self.recordsByPath = [:]
        self.releaseReadyWaiters()
    }

    func processBus() {
        guard let connection = self.connection else { return }
        // An action that waited for a message goes on before the next one is read.
        let code = connection.process { self.thread.hasJobs }
        if code != 0 {
            self.lost(why: "the connection to systemd broke: \(String(cString: strerror(code)))")
        } else if let why = self.isLossPending {
            self.lost(why: why)
        }
    }

    var busWait: BusWait { self.connection?.wait ?? .nothing }

    private func connect() {
        guard self.phase == .disconnected else { return }
        let routes = self.address.routes
        // A systemd that starts anew (daemon-reexec) is back on its own socket in a moment; the bus is for when not.
        let mayWait = self.lastRouteWasPrivate && self.failedAttempts < Self.privateAttempts
        let preferred = mayWait ? routes.filter(\.isPrivate) : routes.sorted { $1 == self.refusedRoute && $0 != $1 }
        var firstError: SystemdError?
        for route in preferred {
            do throws(SystemdError) {
                self.connection = try BusConnection(route) { [unowned self] in self.received($0) }
                self.phase = .greeting
                self.greet()
                return
            } catch {
                firstError = firstError ?? error
            }
        }
        self.attemptFailed(firstError ?? .disconnected("Could not connect to systemd."))
    }

    private func attemptFailed(_ error: SystemdError) {
        self.dropConnection()
        guard self.phase != .closed else { return }
        self.phase = .disconnected
        if !self.saidAway {
            self.saidAway = true
            self.logger.error("systemd cannot be reached", metadata: ["reason": "\(error)"])
            self.sink(.unitsUnknown(why: "\(error)"))
        }
        // systemd that starts anew is back within a moment, and deaths wait to be seen: often at first, then from 50 ms
        // doubling up to 2 s.
        let quick = Self.quickAttempts
        var unused = SeededGenerator(seed: 0)
        let wait =
            self.failedAttempts < quick
            ? .milliseconds(20) : Self.backoff.delay(after: self.failedAttempts - quick + 1, using: &unused)
        self.failedAttempts += 1
        self.thread.schedule(after: wait) { [weak self] in self?.connect() }
    }

    /// Subscribes; the first answer proves that systemd is there.
    private func greet() {
        guard let connection = self.connection else { return }
        if !connection.route.isPrivate {
            for rule in Self.matchRules {
                connection.call(.busDaemon("AddMatch"), what: "Could not ask the bus for signals.") {
                    $0.string(rule)
                } complete: { _ in
                }
            }
        }
        connection.call(.manager("Subscribe"), what: "Could not subscribe to systemd.", timeout: .seconds(5)) {
            [weak self, weak connection] result in
            guard let self, let connection, self.connection === connection, self.phase == .greeting else { return }
            switch result {
            case .success: self.greeted(connection)
            case .failure(let error):
                // Closing is for the turn's end: this is the connection's own callback.
                self.thread.schedule(after: .zero) {
                    guard self.connection === connection else { return }
                    self.refusedRoute = connection.route
                    self.attemptFailed(error)
                }
            }
        }
    }

    private func greeted(_ connection: BusConnection) {
        self.phase = .ready
        self.failedAttempts = 0
        self.lastRouteWasPrivate = connection.route.isPrivate
        self.saidAway = false
        self.logger.info("connected to systemd", metadata: ["address": "\(connection.route.address)"])
        self.list(Array(self.records.keys), all: true) { [weak self] error in
            if error?.code != .disconnected { self?.releaseReadyWaiters() }
        }
    }

    /// The connection is gone, or systemd at its other end: nothing is known until it is back.
    func lost(why: String) {
        self.isLossPending = nil
        guard self.phase != .closed else { return }
        if self.phase == .greeting {
            self.refusedRoute = self.connection?.route
            return self.attemptFailed(.disconnected("Could not greet systemd: \(why)."))
        }
        self.dropConnection()
        self.phase = .disconnected
        if !self.saidAway {
            self.saidAway = true
            self.logger.warning("connection to systemd lost", metadata: ["reason": "\(why)"])
            self.sink(.unitsUnknown(why: why))
        }
        self.thread.schedule(after: .milliseconds(5)) { [weak self] in self?.connect() }
    }

    private func dropConnection() {
        for record in self.records.values {
            record.hasGap = true
            record.delivered = nil
            record.stagedService = nil
            record.isReading = false
            record.job?.isTypeAwaited = false
            record.ending = nil
            self.forgetDeath(of: record)
            record.endForetelling()
        }
        self.readQueue = []
        self.readsInFlight = 0
        self.endingQueue = []
        let connection = self.connection
        self.connection = nil
        connection?.close()
        self.thread.busClosed()
        let waiters = self.jobWaiters.values.flatMap(\.values)
        self.jobWaiters = [:]
        for waiter in waiters { waiter(nil) }
        for record in self.records.values { self.finishReaders(of: record, .disconnected("Could not read the unit.")) }
    }

    private static let matchRules = [
        "type='signal',sender='org.freedesktop.systemd1',path='/org/freedesktop/systemd1',"
            + "interface='org.freedesktop.systemd1.Manager'",
        "type='signal',sender='org.freedesktop.systemd1',path_namespace='/org/freedesktop/systemd1/unit',"
            + "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'",
        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',interface='org.freedesktop.DBus',"
            + "member='NameOwnerChanged',arg0='org.freedesktop.systemd1'",
    ]

    // MARK: Waiting

    /// Calls `done` once, when systemd can be asked and all watched units have been listed; at once where that is so.
    func whenReady(_ done: @escaping () -> Void) {
        guard self.phase != .ready, self.phase != .closed else { return done() }
        self.readyWaiters.append(done)
    }

    func releaseReadyWaiters() {
        let waiters = self.readyWaiters
        self.readyWaiters = []
        for waiter in waiters { waiter() }
    }

    // MARK: Safety net

    /// Signals are what tells of changes; once in a while one cheap call makes sure that none was lost.
    private func armSafetyNet() {
        self.safetyNet = self.thread.schedule(after: .seconds(10)) { [weak self] in
            guard let self, self.phase != .closed else { return }
            if self.phase == .ready, !self.records.isEmpty { self.list(Array(self.records.keys), all: false) { _ in } }
            self.armSafetyNet()
        }
    }
}
