import Foundation
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

@testable import AuditTrail

/// Figures rather than verdicts: `AUDIT_BENCH=1000000 swift test -c release -Xswiftc -enable-testing --filter SpeedTests`.
@Suite(
    .enabled(if: ProcessInfo.processInfo.environment["AUDIT_BENCH"] != nil, "set AUDIT_BENCH to a number of incidents"))
struct SpeedTests {
    @Test func `durable commits, and questions over a long history`() throws {
        let count = Int64(ProcessInfo.processInfo.environment["AUDIT_BENCH"] ?? "") ?? 1_000
        let scene = try Scene()
        let clock = ContinuousClock()
        let database = try scene.open()
        var commits: [Duration] = []
        for id in Int64(1)...1_000 {
            var batch = Scene.batch(
                [
                    scene.opened("api", id),
                    scene.record(
                        .actionIntended(
                            id: id, action: "RESTART", attempt: 1, step: 0, unit: "api.service", why: "crashed"), "api",
                        id),
                ], durable: true)
            batch.components = [(name: "api", state: SavedComponent(ladder: SavedLadder(attempts: Int(id))))]
            batch.host = SavedHost(nextIncident: id + 1, nextAction: id + 1)
            let begin = clock.now
            try database.commit(batch)
            commits.append(clock.now - begin)
            scene.pass(.milliseconds(40))
            try database.commit(
                Scene.batch([
                    scene.record(.actionFinished(id: id, ActionOutcome(.succeeded, detail: "job 7 done")), "api", id),
                    scene.record(.incidentResolved(at: scene.now, by: .heald), "api", id),
                ]))
            if id % 20 == 0 { try database.alive(at: scene.now) }
        }
        commits.sort()
        var floor: [Duration] = []
        let page = [UInt8](repeating: 1, count: 4096)
        let file = open(scene.directory + "/floor", O_RDWR | O_CREAT, 0o600)
        for index in 0..<1_000 {
            let begin = clock.now
            _ = pwrite(file, page, page.count, off_t(index % 100 * 4096))
            fdatasync(file)
            floor.append(clock.now - begin)
        }
        close(file)
        floor.sort()
        print("4 KiB written and flushed: p50 \(floor[500]) p95 \(floor[950])")
        print("durable commit: p50 \(commits[500]) p95 \(commits[950]) max \(commits[999])")
        try database.close()

        let long = try Scene()
        var begin = clock.now
        try long.with { try AuditFixture.fill($0, incidents: count, end: long.now) }
        print("fixture of \(count) incidents: \(clock.now - begin)")
        for _ in 0..<5 {
            begin = clock.now
            let reader = try long.reader()
            let opened = clock.now - begin
            begin = clock.now
            #expect(try reader.incidents(IncidentFilter(limit: 50)).count == 50)
            let listed = clock.now - begin
            begin = clock.now
            _ = try reader.incidents(IncidentFilter(component: "service-7", cause: "rate_limit", limit: 50))
            let filtered = clock.now - begin
            begin = clock.now
            let month = try reader.statistics(since: long.now - .seconds(30 * 86_400 + 4_000), now: long.now)
            let monthly = clock.now - begin
            begin = clock.now
            let year = try reader.statistics(since: long.now - .seconds(400 * 86_400), now: long.now)
            let yearly = clock.now - begin
            #expect(year.overall.incidents == count)
            #expect(month.overall.incidents < count)
            print("open \(opened), 50 incidents \(listed), filtered \(filtered), 30 d \(monthly), all \(yearly)")
        }
        let size = try FileManager.default.attributesOfItem(atPath: long.path)[.size] ?? 0
        begin = clock.now
        let reopened = try long.open()
        print("size \(size), reopen \(clock.now - begin)")
        try reopened.close()
        begin = clock.now
        #expect(try long.reader().verify().isIntact)
        print("verify: \(clock.now - begin)")
    }
}
