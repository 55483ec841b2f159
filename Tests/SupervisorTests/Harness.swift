import Logging
import Policy
import RecoveryEngine
import ResilienceCore
import Synchronization

@testable import Supervisor

/// An engine that does what the test says: the loop must withstand more than the real one ever asks for.
///
/// A class behind a lock, so that a test can look at what the loop told it.
final class ScriptedEngine: DecisionEngine {
    struct State {
        var events: [Event] = []
        var times: [Moment] = []
        var nextDeadline: MonotonicInstant?
        var hostState: (state: String, reason: String?) = ("running", nil)
        var components: [ComponentSnapshot] = []
        var heartbeatTargets: [String: HeartbeatTarget] = [:]
        var degradation: DegradationSnapshot?
        var react: @Sendable (Event, Moment) -> [Effect] = { _, _ in [] }
    }

    let state = Mutex(State())

    var nextDeadline: MonotonicInstant? { self.state.withLock { $0.nextDeadline } }
    var hostState: (state: String, reason: String?) { self.state.withLock { $0.hostState } }
    var degradation: DegradationSnapshot? { self.state.withLock { $0.degradation } }
    var events: [Event] { self.state.withLock { $0.events } }

    func handle(_ event: Event, at now: Moment) -> [Effect] {
        let react = self.state.withLock { state in
            state.events.append(event)
            state.times.append(now)
            return state.react
        }
        return react(event, now)
    }

    func componentStatuses(at now: Moment) -> [ComponentSnapshot] { self.state.withLock { $0.components } }

    func figures(at now: Moment) -> EngineFigures { EngineFigures() }
    func obstacleToFailback(of name: String, at now: Moment) -> String? { nil }
    func drillVerdict(on name: String, _ fault: DrillFault, at now: Moment) -> DrillVerdict? { nil }
    var drill: SavedDrill? { nil }
    func heartbeatTarget(_ component: String) -> HeartbeatTarget? {
        self.state.withLock { $0.heartbeatTargets[component] }
    }

    /// Says how it answers from now on.
    func answers(_ react: @escaping @Sendable (Event, Moment) -> [Effect]) {
        self.state.withLock { $0.react = react }
    }

    func wants(deadline: MonotonicInstant?) {
        self.state.withLock { $0.nextDeadline = deadline }
    }
}

/// Time passes when the test says so.
final class ManualClock: SupervisorClock {
    private let state = Mutex(
        (now: Moment(monotonic: at(seconds: 1_000), wall: wall(seconds: 5_000)), slept: Duration.zero))

    func now() -> Moment { self.state.withLock { $0.now } }
    var suspended: Duration { self.state.withLock { $0.slept } }

    func sleep(until deadline: MonotonicInstant) async throws {}

    func advance(by duration: Duration) {
        self.state.withLock {
            $0.now.monotonic = $0.now.monotonic + duration
            $0.now.wall = $0.now.wall + duration
        }
    }

    func suspendMachine(for duration: Duration) {
        self.state.withLock {
            $0.slept += duration
            $0.now.wall = $0.now.wall + duration
        }
    }
}

/// Everything that reached the outside, in order.
enum Trace: Hashable, Sendable {
    case committed(records: Int, components: Int, host: Bool, alerts: Int, durable: Bool)
    case commitFailed
    case alive
    case acted(Int64)
    case reconciled(Int64)
    case probed(UInt64)
    case watched(Set<String>)
    case alertsWoken
    case channels([String])
    case sentUnrecorded(String)
    case notified(String)
    case evidenceRead(String)
    case published(DegradationNotice?)
}

struct DiskFull: Error, CustomStringConvertible {
    var description: String { "the disk is full" }
}

/// All ports, recording. What an action or a probe comes to is up to the test.
final class World: Sendable {
    struct State {
        var trace: [Trace] = []
        var batches: [AuditBatch] = []
        var commitError: (any Error)?
        var outcomes: [Int64: ActionOutcome] = [:]
        var pendingActions: [Int64: CheckedContinuation<ActionOutcome, Never>] = [:]
        var pendingProbes: [UInt64: @Sendable (CheckResult) -> Void] = [:]
        var evidence: [String: String] = [:]
        var releases: [String: ReleaseObservation] = [:]
        var policy = PolicyLoad.loaded(PolicySnapshot(), warnings: [])
        var isPaused = false
        var restored = RestoredState()
        var watchdog: Duration?
        var publishingFails: String?
        /// Records of earlier runs.
        var earlier: [NumberedRecord] = []
        var lastNumber: Int64 = 0
    }

    let state = Mutex(State())
    let clock = ManualClock()

    var trace: [Trace] { self.state.withLock { $0.trace } }
    var batches: [AuditBatch] { self.state.withLock { $0.batches } }
    func clearTrace() { self.state.withLock { $0.trace = [] } }
    func add(_ entry: Trace) { self.state.withLock { $0.trace.append(entry) } }
    func commits(fail error: (any Error)?) { self.state.withLock { $0.commitError = error } }
    /// Ends an action that has begun.
    func finish(_ id: Int64, _ outcome: ActionOutcome) {
        self.state.withLock { $0.pendingActions.removeValue(forKey: id) }?.resume(returning: outcome)
    }
    func answerProbe(_ id: UInt64, _ result: CheckResult) {
        self.state.withLock { $0.pendingProbes.removeValue(forKey: id) }?(result)
    }

    var ports: SupervisorPorts {
        SupervisorPorts(
            clock: self.clock, observer: self, actions: self, prober: self, evidence: self, releases: self, store: self,
            alerts: self,
            notifier: self, policies: self, pauseSwitch: self, degradation: self)
    }
}

extension World: UnitObserver, Prober, EvidenceSource, ReleaseSource {
    func look(at policy: ReleasePolicy) async -> ReleaseObservation {
        self.state.withLock { $0.releases[policy.current] } ?? ReleaseObservation(problem: "nothing there")
    }

    func watch(_ units: Set<String>, requirementsOf requirers: Set<String>) async { self.add(.watched(units)) }

    func freezer(of unit: String) async -> FreezerObservation? {
        FreezerObservation(isFrozen: false, invocationID: nil)
    }

    func start(_ request: ProbeRequest, report: @escaping @Sendable (CheckResult) -> Void) {
        self.add(.probed(request.id))
        self.state.withLock { $0.pendingProbes[request.id] = report }
    }

    func lastJournalLines(unit: String, invocationID: String?) async -> String? {
        self.add(.evidenceRead(unit))
        return self.state.withLock { $0.evidence[unit] }
    }
}

extension World: DegradationPublisher {
    func publish(_ notice: DegradationNotice?) { self.add(.published(notice)) }
    var problem: String? { self.state.withLock { $0.publishingFails } }
}

extension World: ActionRunner {
    func run(_ request: ActionRequest) async -> ActionOutcome {
        self.add(.acted(request.id))
        return await self.outcome(of: request.id)
    }

    func reconcile(_ request: ActionRequest) async -> ActionOutcome {
        self.add(.reconciled(request.id))
        return await self.outcome(of: request.id)
    }

    private func outcome(of id: Int64) async -> ActionOutcome {
        if let known = self.state.withLock({ $0.outcomes[id] }) { return known }
        return await withCheckedContinuation { continuation in
            self.state.withLock { $0.pendingActions[id] = continuation }
        }
    }
}

extension World: AuditStore {
    func restore() throws -> RestoredState { self.state.withLock { $0.restored } }

    func lastRecords(_ most: Int) throws -> [NumberedRecord] {
        self.state.withLock { Array($0.earlier.suffix(most)) }
    }

    func commit(_ batch: AuditBatch) throws -> Int64 {
        try self.state.withLock { state in
            if let error = state.commitError {
                state.trace.append(.commitFailed)
                throw error
            }
            state.trace.append(
                .committed(
                    records: batch.records.count, components: batch.components.count, host: batch.host != nil,
                    alerts: batch.alerts.count, durable: batch.isDurable))
            state.batches.append(batch)
            for (name, component) in batch.components { state.restored.components[name] = component }
            if let host = batch.host { state.restored.host = host }
            state.lastNumber += Int64(batch.records.count)
            return state.lastNumber
        }
    }

    func alive(at time: WallTime) throws {
        if let error = self.state.withLock({ $0.commitError }) { throw error }
        self.add(.alive)
    }
}

extension World: AlertDispatcher, ServiceNotifier, PolicySource, PauseSwitch {
    func wake() { self.add(.alertsWoken) }
    var figures: AlertFigures { AlertFigures() }
    func update(channels: [String: Channel]) { self.add(.channels(channels.keys.sorted())) }
    func sendUnrecorded(_ message: AlertMessage) { self.add(.sentUnrecorded(message.text)) }
    func notify(_ state: String) { self.add(.notified(state)) }
    var watchdogInterval: Duration? { self.state.withLock { $0.watchdog } }
    func load() -> PolicyLoad { self.state.withLock { $0.policy } }
    var isOn: Bool { self.state.withLock { $0.isPaused } }
    var name: String { "the test's switch" }
}

/// The real loop, driven turn by turn on the test's own thread.
final class LoopHarness {
    let world: World
    let engine: ScriptedEngine
    let loop: DecisionLoop

    init(
        world: World = World(), engine: ScriptedEngine = ScriptedEngine(), feed: EventFeed = EventFeed(),
        begins: Bool = true
    ) {
        self.world = world
        self.engine = engine
        self.loop = DecisionLoop(
            engine: engine, ports: world.ports,
            options: SupervisorOptions(version: "1", processID: 7, startedAt: wall(seconds: 5_000)),
            mailbox: Mailbox(), feed: feed, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        if begins {
            self.loop.begin(policy: PolicySnapshot(), warnings: [], restored: world.state.withLock { $0.restored })
            _ = self.loop.turn()
            world.clearTrace()
        }
    }

    /// One event, one turn.
    @discardableResult
    func take(_ events: Event...) -> MonotonicInstant {
        for event in events { self.loop.mailbox.put(.event(event)) }
        return self.loop.turn()
    }

    /// Waits until an adapter's answer is in the mailbox, at most 10 s, and takes it in.
    ///
    /// The waiting happens on a thread of its own: the shared ones have to run the adapter.
    func takeNext() async -> Bool {
        let mailbox = self.loop.mailbox
        await withCheckedContinuation { continuation in
            let started = LoopThread.start(name: "test-wait") {
                mailbox.wait(until: SystemClock().now().monotonic + .seconds(10))
                continuation.resume()
            }
            if !started { continuation.resume() }
        }
        let came = !mailbox.isEmpty
        _ = self.loop.turn()
        return came
    }
}

func at(seconds: Int64) -> MonotonicInstant { MonotonicInstant(nanoseconds: seconds * 1_000_000_000) }
func wall(seconds: Int64) -> WallTime { WallTime(microseconds: seconds * 1_000_000) }

func request(_ id: Int64, component: String = "web", timeout: Duration = .seconds(30)) -> ActionRequest {
    ActionRequest(
        id: id, incident: 1, component: component, action: "RESTART", unit: "web.service", attempt: 1,
        timeout: timeout, expectedInvocationID: nil, policyGeneration: 1)
}

func intent(_ id: Int64) -> Effect {
    .record(
        AuditRecord(
            at: wall(seconds: 1), component: "web", incident: 1,
            .actionIntended(id: id, action: "RESTART", attempt: 1, step: 0, unit: "web.service", why: "down")))
}

func note(_ text: String = "said") -> Effect { .record(AuditRecord(at: wall(seconds: 1), .note(text))) }

func alert(_ text: String = "help") -> Effect {
    .alert(
        AlertMessage(
            event: .healingFailed, component: "web", incident: 1, severity: .high, channels: [], text: text,
            at: wall(seconds: 1)))
}

func probe(_ id: UInt64, component: String = "web") -> ProbeRequest {
    ProbeRequest(
        id: id, component: component, check: Check(name: "port", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1))))
}

func passed() -> CheckResult {
    CheckResult(verdict: .up, startedAt: at(seconds: 1_000), finishedAt: at(seconds: 1_000))
}

func snapshot(_ name: String, _ verdict: Verdict) -> ComponentSnapshot {
    ComponentSnapshot(
        name: name, verdict: verdict, state: "any", detail: nil, since: wall(seconds: 1), unit: nil, checks: [],
        openIncident: nil)
}

let unitFailed = Event.unitObserved(unit: "web.service", UnitObservation(activeState: .failed))
