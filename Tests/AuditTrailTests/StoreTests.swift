import Foundation
import GRDB
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

@testable import AuditTrail

@Suite struct StoreTests {
    @Test func `an incident goes from its opening to its report`() throws {
        let scene = try Scene()
        let database = try scene.open()
        try database.commit(
            Scene.batch([
                scene.record(.supervisorStarted(version: "1", processID: 1)),
                scene.record(.policyLoaded(generation: 1, components: ["api"])),
            ]))
        scene.pass(.seconds(10))
        try database.commit(Scene.batch(scene.healedIncident("api", 1, action: 1), durable: true))
        scene.pass(.seconds(10))
        try database.commit(Scene.batch([scene.opened("db", 2, reason: .timeout, message: "no answer")], durable: true))
        let start = Scene.start
        #expect(
            try scene.reader().incidents() == [
                IncidentReport(
                    id: 2, component: "db", state: "open", severity: "HIGH",
                    cause: .init(check: "unit", category: "TRANSIENT", reason: "timeout", message: "no answer"),
                    rootCause: nil, failedAt: start + .milliseconds(22_038), detectedAt: start + .milliseconds(22_040),
                    resolvedAt: nil, actions: []),
                IncidentReport(
                    id: 1, component: "api", state: "resolved", severity: "HIGH",
                    cause: .init(check: "unit", category: "TRANSIENT", reason: "crashed", message: "killed by SIGKILL"),
                    rootCause: nil, failedAt: start + .milliseconds(9_998), detectedAt: start + .seconds(10),
                    resolvedAt: start + .milliseconds(10_040),
                    actions: [
                        .init(
                            action: "RESTART", attempt: 1, startedAt: start + .seconds(10),
                            finishedAt: start + .milliseconds(10_040), result: "succeeded",
                            detail: "job 7 done; up for 2 s")
                    ], healer: .heald),
            ])
        let durations = try scene.reader().incidents().map { [$0.timeToDetect, $0.timeToRecover] }
        #expect(durations == [[.milliseconds(2), nil], [.milliseconds(2), .milliseconds(42)]])
    }

    @Test func `systemd's own account of a death replaces the first one`() throws {
        let scene = try Scene()
        let database = try scene.open()
        try database.commit(Scene.batch([scene.opened("api", 1)], durable: true))
        let failedAt = scene.now + .milliseconds(-1)
        let cause = IncidentCause(check: "unit", category: .transient, reason: .oom, message: "killed for memory")
        try database.commit(Scene.batch([scene.record(.incidentCorrected(cause: cause, failedAt: failedAt), "api", 1)]))
        let report = try #require(try scene.reader().incidents().first)
        #expect(report.failedAt == failedAt)
        #expect(report.cause.reason == "oom" && report.cause.message == "killed for memory")
        #expect(report.timeToDetect == .milliseconds(1))
        scene.pass(.seconds(1))
        let resolved = scene.record(.incidentResolved(at: scene.now, by: .heald), "api", 1)
        try database.commit(Scene.batch([resolved], durable: true))
        let late = scene.record(.incidentCorrected(cause: cause, failedAt: Scene.start), "api", 1)
        try database.commit(Scene.batch([late]))
        #expect(try scene.reader().incidents().first?.failedAt == failedAt)
        #expect(try scene.reader().verify().isIntact)
    }

    @Test func `states survive a restart`() throws {
        let scene = try Scene()
        var saved = SavedComponent()
        saved.ladder.attempts = 2
        saved.breaker.failures = [scene.now]
        let host = SavedHost(nextIncident: 5, nextAction: 9, actions: [scene.now], pausedUntil: nil, frozen: true)
        try scene.with { database in
            var batch = AuditBatch()
            batch.components = [(name: "api", state: saved), (name: "gone", state: saved)]
            batch.host = host
            try database.commit(batch)
            batch = AuditBatch()
            batch.components = [(name: "gone", state: nil)]
            try database.commit(batch)
        }
        try scene.with { database in
            let restored = try database.restore()
            #expect(restored == RestoredState(components: ["api": saved], host: host))
        }
    }

    @Test func `durable commits are flushed and others are not`() throws {
        let scene = try Scene()
        let database = try scene.open()
        let synchronous = {
            try database.with("") { store in try store.read { try $0.first("PRAGMA synchronous") { $0.int(0) } } }
        }
        try database.commit(Scene.batch([scene.record(.note("a"))], durable: true))
        #expect(try synchronous() == 2)
        try database.commit(Scene.batch([scene.record(.note("b"))], durable: false))
        #expect(try synchronous() == 1)
        try database.commit(Scene.batch([scene.record(.note("c"))], durable: true))
        #expect(try synchronous() == 2)
    }

    @Test func `alerts wait in order until they are finished`() throws {
        let scene = try Scene()
        let alert = { (text: String) in
            AlertMessage(
                event: .resolved, component: "api", incident: 1, severity: .high, channels: [], text: text,
                at: scene.now)
        }
        try scene.with { database in
            var batch = AuditBatch()
            batch.alerts = [alert("one"), alert("two")]
            try database.commit(batch)
            let waiting = try database.pending(limit: 10)
            #expect(waiting.map(\.message.text) == ["one", "two"])
            try database.delivered(waiting[0].id, channel: "journal")
            try database.failed(waiting[0].id, channel: "hook", error: "refused")
            try database.finished(waiting[1].id)
        }
        try scene.with { database in
            let waiting = try database.pending(limit: 10)
            #expect(waiting == [OutboxEntry(id: 1, message: alert("one"), delivered: ["journal"], attempts: 1)])
        }
    }

    @Test func `a second writer is refused and told who the first is`() throws {
        let scene = try Scene()
        let lock = try StateLock(stateDirectory: scene.directory)
        let refusal = #expect(throws: AuditError.self) { try StateLock(stateDirectory: scene.directory) }
        #expect(refusal?.code == .locked)
        #expect(refusal?.why == "Another heald (process \(getpid())) works on \(scene.directory).")
        withExtendedLifetime(lock) {}
    }

    @Test func `the files are for root and the group alone`() throws {
        let scene = try Scene()
        let database = try scene.open()
        try database.commit(Scene.batch([scene.record(.note("a"))], durable: true))
        for suffix in ["", "-wal", "-shm"] {
            var status = stat()
            #expect(stat(scene.path + suffix, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o640)
        }
    }
}
