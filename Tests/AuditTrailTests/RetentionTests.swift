import Foundation
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

@testable import AuditTrail

@Suite struct RetentionTests {
    @Test func `old records go in bounded steps and the chain goes on from an anchor`() throws {
        let scene = try Scene()
        let options = AuditOptions(retention: .seconds(30 * 86_400))
        let database = try scene.open(options)
        try AuditFixture.fill(database, incidents: 3_000, components: 10, days: 60, end: scene.now)
        let before = try scene.reader().statistics(since: scene.now - .seconds(20 * 86_400), now: scene.now)
        let oldHead = try database.head
        var removed = 0
        var calls = 0
        while calls < 100 {
            let count = try database.prune(now: scene.now)
            #expect(count <= AuditDatabase.mostPrunedAtOnce)
            if count == 0 { break }
            removed += count
            calls += 1
        }
        // Four records an incident, evenly spread: half of 12,000.
        #expect((5_900...6_100).contains(removed))
        #expect(calls == 4)
        let findings = try scene.reader().verify(expectedHead: oldHead).findings
        #expect(findings == [])
        #expect(try scene.reader().statistics(since: scene.now - .seconds(20 * 86_400), now: scene.now) == before)
        let all = try scene.reader().statistics(since: Scene.start - .seconds(400 * 86_400), now: scene.now)
        #expect((1_490...1_510).contains(all.overall.incidents))
        try database.commit(Scene.batch(scene.healedIncident("service-1", 9_000, action: 9_000)))
        #expect(try scene.reader().verify().isIntact)
    }

    @Test func `too many records go, but never those of an unresolved incident or after it`() throws {
        let scene = try Scene()
        let database = try scene.open(AuditOptions(mostRecords: 50))
        for id in Int64(1)...10 {
            try database.commit(Scene.batch(scene.healedIncident("a", id, action: id)))
            scene.pass(.seconds(60))
        }
        try database.commit(Scene.batch([scene.opened("stuck", 11)]))
        for id in Int64(12)...40 {
            try database.commit(Scene.batch(scene.healedIncident("a", id, action: id)))
            scene.pass(.seconds(60))
        }
        #expect(try database.prune(now: scene.now) == 50)
        #expect(try database.prune(now: scene.now) == 0)
        #expect(try scene.reader().incidents(IncidentFilter(limit: 100)).map(\.id) == (11...40).reversed())
        try database.commit(Scene.batch([scene.record(.incidentResolved(at: scene.now, by: .person), "stuck", 11)]))
        #expect(try database.prune(now: scene.now) > 90)
        let findings = try scene.reader().verify().findings
        #expect(findings == [])
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `any history still verifies after any part of it was removed`(seed: UInt64) throws {
        let scene = try Scene()
        let history = History(seed: seed, options: .init(steps: 150))
        let days = Duration.seconds(Int64(seed) * 86_400)
        let database = try scene.open(AuditOptions(retention: days))
        try history.write(to: database)
        while try database.prune(now: history.now) > 0 {}
        let findings = try scene.reader().verify().findings
        #expect(findings == [])
    }
}
