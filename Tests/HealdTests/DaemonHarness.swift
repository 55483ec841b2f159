import Foundation
import HealdKit
import Logging
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Synchronization

/// A host that is not there: it notes what heald tells it and never observes anything by itself.
final class FakeHost: UnitObserver, ActionRunner, EvidenceSource, ReleaseSource, JournalSink, ServiceNotifier {
    struct State {
        var notified: [String] = []
        var journal: [String] = []
        var acted: [ActionRequest] = []
        var reconciled: [ActionRequest] = []
        var sink: EventSink?
        /// Called at each notification, before it is noted.
        var onNotify: @Sendable (String) -> Void = { _ in }
    }

    let state = Mutex(State())

    func watch(_ units: Set<String>, requirementsOf requirers: Set<String>) async {
        let sink = self.state.withLock { $0.sink }
        for unit in units {
            sink?(
                .unitObserved(
                    unit: unit,
                    UnitObservation(activeState: .active, subState: "running", invocationID: "a1", mainPID: 10)))
        }
    }
    func freezer(of unit: String) async -> FreezerObservation? {
        FreezerObservation(isFrozen: false, invocationID: nil)
    }
    func run(_ request: ActionRequest) async -> ActionOutcome {
        self.state.withLock { $0.acted.append(request) }
        return ActionOutcome(.succeeded, detail: "done")
    }
    func reconcile(_ request: ActionRequest) async -> ActionOutcome {
        self.state.withLock { $0.reconciled.append(request) }
        return ActionOutcome(.succeeded, detail: "it had happened")
    }
    func look(at policy: ReleasePolicy) async -> ReleaseObservation { ReleaseObservation(problem: "nothing there") }
    func lastJournalLines(unit: String, invocationID: String?) async -> String? { nil }
    func write(_ message: String, priority: Int, fields: [String: String]) {
        self.state.withLock { $0.journal.append(message) }
    }
    func notify(_ state: String) {
        let onNotify = self.state.withLock { $0.onNotify }
        onNotify(state)
        self.state.withLock { $0.notified.append(state) }
    }
    var watchdogInterval: Duration? { nil }

    var notified: [String] { self.state.withLock { $0.notified } }
}

/// heald in this process, in directories of its own.
final class DaemonHarness: Sendable {
    let root: String
    let host = FakeHost()
    let cues: AsyncStream<Daemon.Cue>
    let cue: AsyncStream<Daemon.Cue>.Continuation

    init() throws {
        // Socket paths are at most 107 bytes long.
        let name = "/tmp/heald-test-\(UInt32.random(in: .min ... .max))"
        self.root = name
        try FileManager.default.createDirectory(atPath: "\(name)/policies", withIntermediateDirectories: true)
        for directory in [name, "\(name)/policies"] {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory)
        }
        (self.cues, self.cue) = AsyncStream.makeStream(of: Daemon.Cue.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.root) }

    var stateDirectory: String { "\(self.root)/state" }
    var socket: String { "\(self.root)/run/control.sock" }

    func policy(_ text: String) throws {
        try text.write(toFile: "\(self.root)/policies/a.json", atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o644], ofItemAtPath: "\(self.root)/policies/a.json")
    }

    static let web = """
        { "version": 1, "components": { "web": { "unit": "web.service", "stable": "10ms",
          "checks": { "unit": { "type": "unit" } } } } }
        """

    func daemon(http: String? = nil) throws -> Daemon {
        let flags = HealdFlags(
            policies: "\(self.root)/policies", stateDirectory: self.stateDirectory,
            runtimeDirectory: "\(self.root)/run", http: http)
        return Daemon(
            settings: try HealdSettings(flags: flags, environment: [:]), version: "1",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, metering: try Metering(),
            makeHost: { [host] _, _, sink in
                host.state.withLock { $0.sink = sink }
                return HostAdapters(
                    observer: host, actions: host, evidence: host, releases: host, journal: host, notifier: host)
            })
    }

    /// Starts it; the task's value is how it ended.
    func start() throws -> Task<Result<ExitStatus, StartError>, Never> {
        let daemon = try self.daemon()
        return Task { [cues, cue] in
            do throws(StartError) {
                return .success(try await daemon.run(cues: cues) { cue.yield($0) })
            } catch {
                return .failure(error)
            }
        }
    }

    func ready() async throws { try await until { self.host.notified.contains("READY=1") } }
}

struct TookTooLong: Error {}

/// Waits for what another thread brings about, at most 20 s.
func until(_ condition: @Sendable () -> Bool) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(20)
    while !condition() {
        guard clock.now < deadline else { throw TookTooLong() }
        await Task.yield()
    }
}
