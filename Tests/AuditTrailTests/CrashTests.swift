import Foundation
import Glibc
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

@testable import AuditTrail

@Suite struct CrashTests {
    /// Commits durable batches without end and tells of each in a file as soon as `commit` has returned.
    private static func commitForever(_ directory: String) throws {
        let database = try AuditDatabase(lock: StateLock(stateDirectory: directory), now: Scene.start)
        let acknowledgements = Glibc.open(directory + "/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let first = try database.restore().host.nextIncident
        var now = Scene.start
        for id in first... {
            now = now + .seconds(1)
            var batch = AuditBatch()
            batch.isDurable = true
            batch.host = SavedHost(nextIncident: id + 1, nextAction: id + 1)
            batch.components = [(name: "api", state: SavedComponent(ladder: SavedLadder(attempts: Int(id))))]
            batch.records = [
                AuditRecord(
                    at: now, component: "api", incident: id,
                    .incidentOpened(
                        IncidentOpening(
                            cause: IncidentCause(
                                check: "unit", category: .transient, reason: .crashed, message: "died"),
                            severity: .high, failedAt: now, detectedAt: now, previous: nil, rootCause: nil))),
                AuditRecord(
                    at: now, component: "api", incident: id,
                    .actionIntended(id: id, action: "RESTART", attempt: 1, step: 0, unit: "api.service", why: "died")),
                AuditRecord(at: now, component: "api", incident: id, .incidentResolved(at: now, by: .heald)),
            ]
            try database.commit(batch)
            let line = "\(id)\n"
            guard write(acknowledgements, line, line.utf8.count) == line.utf8.count else { return }
            if id % 50 == 0 { try database.alive(at: now) }
        }
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `what was acknowledged before a kill is there after it, and the chain holds`(seed: UInt64) async throws {
        let scene = try Scene()
        let directory = scene.directory
        var generator = SeededGenerator(seed: seed)
        for round in Int64(1)...2 {
            let microseconds = UInt64(30_000 + generator.unit() * 60_000)
            let result = await #expect(processExitsWith: .signal(SIGKILL), observing: [\.exitStatus]) {
                [directory = directory as String, microseconds = microseconds as UInt64] in
                // The kill comes from a thread of its own, at any point of a commit.
                Thread.detachNewThread {
                    let deadline = ContinuousClock().now + .microseconds(Int64(microseconds))
                    while ContinuousClock().now < deadline { sched_yield() }
                    kill(getpid(), SIGKILL)
                }
                try CrashTests.commitForever(directory)
            }
            #expect(result != nil)
            // The file says what was acknowledged; a line is whole or absent.
            let text = (try? String(contentsOfFile: directory + "/acknowledged", encoding: .utf8)) ?? ""
            let last = text.split(separator: "\n").last.flatMap { Int64($0) } ?? 0
            let database = try scene.open()
            let restored = try database.restore()
            #expect(restored.host.nextIncident >= last + 1)
            // At most the one commit that was under way at each kill may be there as well.
            #expect(restored.host.nextIncident <= last + 1 + round)
            #expect(restored.components["api"]?.ladder.attempts ?? 0 == Int(restored.host.nextIncident - 1))
            let findings = try scene.reader().verify().findings
            #expect(findings == [])
            let incidents = try scene.reader().incidents(IncidentFilter(limit: 1_000_000))
            #expect(incidents.map(\.id) == (1..<restored.host.nextIncident).reversed())
            try database.close()
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can become somebody else"))
    func `a member of the group reads everything, with the supervisor up, killed or stopped`() async throws {
        let scene = try Scene()
        let directory = scene.directory
        chmod(directory, 0o750)
        chown(directory, 0, 65_534)
        var database: AuditDatabase? = try scene.open()
        try database?.commit(Scene.batch(scene.healedIncident("api", 1, action: 1), durable: true))
        let readsOne: @Sendable (Int) async -> Void = { count in
            await #expect(processExitsWith: .success) { [directory = directory as String, count = count as Int] in
                guard setgid(65_534) == 0, setuid(65_534) == 0 else { exit(3) }
                guard open(directory + "/new", O_CREAT | O_WRONLY, 0o600) < 0 else { exit(4) }
                let reader = try AuditReader(stateDirectory: directory)
                guard try reader.incidents().count == count else { exit(5) }
                guard try reader.verify().isIntact else { exit(6) }
                exit(0)
            }
        }
        await readsOne(1)
        try database?.commit(Scene.batch([scene.opened("db", 2)]))
        await readsOne(2)
        try database?.close()
        database = nil
        await readsOne(2)
        // Killed: the log has content and nobody holds the index.
        await #expect(processExitsWith: .signal(SIGKILL)) { [directory = directory as String] in
            let database = try AuditDatabase(lock: StateLock(stateDirectory: directory), now: Scene.start)
            let scene = try Scene()
            try database.commit(Scene.batch([scene.opened("db", 3)], durable: true))
            kill(getpid(), SIGKILL)
        }
        await readsOne(3)
        for suffix in ["-wal", "-shm"] { unlink(scene.path + suffix) }
        await readsOne(2)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
        #expect(names == ["audit.sqlite", "heald.lock"])
    }

    @Test func `a reader sees whole batches while they are written`() throws {
        let scene = try Scene()
        let database = try scene.open()
        let reader = try scene.reader()
        let directory = scene.directory
        try database.commit(Scene.batch([scene.record(.supervisorStarted(version: "1", processID: 1))]))
        let writer = Thread {
            for id in Int64(1)...400 {
                _ = try? database.commit(
                    Scene.batch(
                        [
                            AuditRecord(
                                at: Scene.start, component: "api", incident: id,
                                .incidentOpened(
                                    IncidentOpening(
                                        cause: IncidentCause(
                                            check: "u", category: .unknown, reason: .other, message: ""),
                                        severity: .low, failedAt: Scene.start, detectedAt: Scene.start, previous: nil,
                                        rootCause: nil))),
                            AuditRecord(
                                at: Scene.start, component: "api", incident: id,
                                .actionSkipped(id: id, action: "ALERT", attempt: 1, step: 0, why: "test")),
                        ]))
                if id % 100 == 0 { try? database.alive(at: Scene.start) }
            }
        }
        writer.start()
        var seen: Int64 = 0
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(60)
        while seen < 400, clock.now < deadline {
            let incidents = try reader.incidents(IncidentFilter(limit: 1))
            guard let newest = incidents.first else { continue }
            #expect(newest.id >= seen)
            #expect(newest.actions.count == 1)
            seen = newest.id
        }
        #expect(seen == 400)
        withExtendedLifetime(directory) {}
    }
}
