import AuditTrail
import Foundation
import Glibc
import HealdKit
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Synchronization
import Testing

@Suite struct `The daemon` {
    @Test func `says READY only when the control socket takes connections, and leaves the state free at its end`()
        async throws
    {
        let harness = try DaemonHarness()
        try harness.policy(DaemonHarness.web)
        let connected = Box<Bool?>(nil)
        let socket = harness.socket
        harness.host.state.withLock {
            $0.onNotify = { if $0 == "READY=1" { connected.set(canConnect(to: socket)) } }
        }
        let ended = try harness.start()
        try await harness.ready()
        #expect(connected.value == true)
        harness.cue.yield(.end("SIGTERM"))
        #expect(await ended.value == .success(.success))
        #expect(harness.host.notified.contains("STOPPING=1"))
        let lock = try StateLock(stateDirectory: harness.stateDirectory)
        #expect(lock.stateDirectory == harness.stateDirectory)
    }

    @Test func `does not start with a bad policy and names every problem`() async throws {
        let harness = try DaemonHarness()
        try harness.policy(#"{ "version": 2, "components": { "web": { "unti": "web.service" } } }"#)
        let result = try await harness.start().value
        guard case .failure(let error) = result else {
            Issue.record("it started")
            return
        }
        #expect(error.status == .badPolicy)
        #expect(error.lines.contains { $0.hasPrefix("a.json:1:14: $.version") })
        #expect(error.lines.contains { $0.contains("unti") })
        #expect(!harness.host.notified.contains("READY=1"))
    }

    @Test func `does not start without its policy directory`() async throws {
        let harness = try DaemonHarness()
        try FileManager.default.removeItem(atPath: "\(harness.root)/policies")
        let result = try await harness.start().value
        #expect(result.failure?.status == .badPolicy)
        #expect(result.failure?.lines.first?.contains("cannot be opened") == true)
    }

    @Test func `leaves the state directory to the one that has it`() async throws {
        let harness = try DaemonHarness()
        try harness.policy(DaemonHarness.web)
        let first = try harness.start()
        try await harness.ready()
        let second = try await harness.start().value
        #expect(second.failure?.status == .tryAgain)
        #expect(second.failure?.lines.first?.contains("process \(getpid())") == true)
        #expect(canConnect(to: harness.socket))
        harness.cue.yield(.end("SIGTERM"))
        #expect(await first.value == .success(.success))
    }

    @Test func `keeps the last good policy at SIGHUP and takes the next good one`() async throws {
        let harness = try DaemonHarness()
        try harness.policy(DaemonHarness.web)
        let ended = try harness.start()
        try await harness.ready()
        try harness.policy("{")
        harness.cue.yield(.reload)
        try await until { harness.host.notified.filter { $0 == "READY=1" }.count == 2 }
        try await until { harness.host.notified.contains { $0.contains("policy on disk refused: a.json:1:") } }
        try harness.policy(DaemonHarness.web.replacingOccurrences(of: "\"web\"", with: "\"api\""))
        harness.cue.yield(.reload)
        try await until { harness.host.notified.filter { $0 == "READY=1" }.count == 3 }
        harness.cue.yield(.end("SIGTERM"))
        _ = await ended.value
        let trail = try AuditDatabase(
            lock: StateLock(stateDirectory: harness.stateDirectory), now: WallTime(microseconds: 0))
        #expect(try trail.restore().components["web"] == nil)
        try trail.close()
    }

    @Test func `repairs what fails while it runs, and takes up in the next run what the last one left open`()
        async throws
    {
        let harness = try DaemonHarness()
        try harness.policy(DaemonHarness.web)
        // An earlier run wrote an intent and never its outcome.
        try FileManager.default.createDirectory(
            atPath: harness.stateDirectory, withIntermediateDirectories: true)
        let left = ActionRequest(
            id: 7, incident: 3, component: "web", action: "RESTART", unit: "web.service", attempt: 1,
            timeout: .seconds(5), expectedInvocationID: "a1", policyGeneration: 1)
        try writeIntent(left, in: harness.stateDirectory)
        let ended = try harness.start()
        try await until { !harness.host.state.withLock { $0.reconciled.isEmpty } }
        #expect(harness.host.state.withLock { $0.reconciled } == [left])
        #expect(harness.host.state.withLock { $0.acted }.isEmpty)
        harness.cue.yield(.end("SIGTERM"))
        _ = await ended.value
    }

    @Test func `tells people of a damaged audit trail and works with a new one`() async throws {
        let harness = try DaemonHarness()
        try harness.policy(DaemonHarness.web)
        try FileManager.default.createDirectory(
            atPath: harness.stateDirectory, withIntermediateDirectories: true)
        try Data(repeating: 0x5A, count: 8_192).write(to: URL(filePath: "\(harness.stateDirectory)/audit.sqlite"))
        let ended = try harness.start()
        try await harness.ready()
        try await until {
            harness.host.state.withLock { $0.journal.contains { $0.contains("The audit trail was damaged") } }
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: harness.stateDirectory)
        #expect(files.contains { $0.hasPrefix("audit.sqlite.corrupt-") })
        harness.cue.yield(.end("SIGTERM"))
        #expect(await ended.value == .success(.success))
    }

    @Test func `watches without acting while its trail cannot be opened, and starts anew once it can be`() async throws
    {
        let harness = try DaemonHarness()
        try harness.policy(DaemonHarness.web)
        // A directory in the database's place cannot be opened, and setting it aside does not help.
        let obstacle = "\(harness.stateDirectory)/audit.sqlite"
        try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: true)
        let ended = try harness.start()
        try await harness.ready()
        harness.host.state.withLock { $0.sink }?(
            .unitObserved(
                unit: "web.service",
                UnitObservation(activeState: .failed, subState: "failed", invocationID: "a1", result: "signal")))
        try await until { harness.host.notified.contains { $0.hasPrefix("STATUS=unrecorded") } }
        #expect(harness.host.state.withLock { $0.acted }.isEmpty)
        try FileManager.default.removeItem(atPath: obstacle)
        #expect(await ended.value == .success(.tryAgain))
        #expect(harness.host.state.withLock { $0.acted }.isEmpty)
    }

    @Test func `refuses an HTTP address that others can reach`() async throws {
        let harness = try DaemonHarness()
        try harness.policy(DaemonHarness.web)
        let daemon = try harness.daemon(http: "0.0.0.0:9140")
        await #expect(throws: StartError.self) {
            _ = try await daemon.run(cues: harness.cues) { _ in }
        }
    }

    @Test func `is paused by a file in the runtime directory`() throws {
        let harness = try DaemonHarness()
        let file = PauseFile(runtimeDirectory: harness.root)
        #expect(!file.isOn)
        try Data().write(to: URL(filePath: file.name))
        #expect(file.isOn)
        #expect(file.name == "\(harness.root)/pause")
    }
}

extension Result {
    var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}

/// A value that several threads set and read.
final class Box<Value: Sendable>: Sendable {
    private let storage: Mutex<Value>
    init(_ value: Value) { self.storage = Mutex(value) }
    var value: Value { self.storage.withLock { $0 } }
    func set(_ value: Value) { self.storage.withLock { $0 = value } }
}

/// Whether something listens on a Unix socket.
func canConnect(to path: String) -> Bool {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
        }
    }
}

/// Leaves behind what a run leaves behind that was killed between an intent and its outcome.
func writeIntent(_ request: ActionRequest, in directory: String) throws {
    let now = SystemClock().now().wall
    let trail = try AuditDatabase(lock: StateLock(stateDirectory: directory), now: now)
    let cause = IncidentCause(check: "unit", category: .transient, reason: .crashed, message: "killed")
    var batch = AuditBatch()
    batch.records = [
        AuditRecord(
            at: now, component: request.component, incident: request.incident,
            .incidentOpened(
                IncidentOpening(
                    cause: cause, severity: .high, failedAt: now, detectedAt: now, previous: nil, rootCause: nil))),
        AuditRecord(
            at: now, component: request.component, incident: request.incident,
            .actionIntended(
                id: request.id, action: request.action, attempt: request.attempt, step: 0, unit: request.unit,
                why: "killed")),
    ]
    let incident = SavedIncident(
        id: request.incident, state: .open, cause: cause, severity: .high, failedAt: now, detectedAt: now,
        rootCause: nil)
    batch.components = [(name: request.component, state: SavedComponent(incident: incident, inFlight: request))]
    batch.host = SavedHost(nextIncident: request.incident + 1, nextAction: request.id + 1)
    batch.isDurable = true
    try trail.commit(batch)
    try trail.close()
}
