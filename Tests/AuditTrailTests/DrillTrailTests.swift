import GRDB
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

@testable import AuditTrail

/// Incidents of drills are kept as any other, and are in no statistics.
@Suite struct DrillTrailTests {
    private let cause = DrillCause(id: 99, fault: .kill, by: "anna", reason: "monthly")

    private func begin(_ database: AuditDatabase, _ scene: Scene) throws {
        try database.commit(
            Scene.batch([
                scene.record(.supervisorStarted(version: "1", processID: 1)),
                scene.record(.policyLoaded(generation: 1, components: ["api", "web"])),
            ]))
    }

    /// The records of an incident, marked as one of a drill right behind its beginning.
    private func drilled(_ scene: Scene, _ component: String, _ id: Int64, action: Int64) -> [AuditRecord] {
        var records = scene.healedIncident(component, id, action: action)
        records.insert(
            AuditRecord(at: records[0].at, component: component, incident: id, .drillCaused(self.cause)), at: 1)
        return records
    }

    /// Two real failures a day apart, with as many drills as wanted between them.
    private func report(drills: Int, _ check: (Scene) throws -> Void = { _ in }) throws -> StatisticsReport {
        let scene = try Scene()
        let database = try scene.open()
        try self.begin(database, scene)
        scene.pass(.seconds(1_000))
        try database.commit(Scene.batch(scene.healedIncident("api", 1, action: 1)))
        let between = scene.now
        for number in 0..<Int64(drills) {
            scene.pass(.seconds(3_000))
            try database.commit(Scene.batch(self.drilled(scene, "api", 10 + number, action: 10 + number)))
            try database.commit(
                Scene.batch([
                    scene.record(.drillEnded(id: 99, .healed, detail: "healed by heald"), "api", 10 + number)
                ]))
        }
        scene.now = between + .seconds(90_000)
        try database.commit(Scene.batch(scene.healedIncident("api", 50, action: 50)))
        scene.now = between + .seconds(100_000)
        try database.alive(at: scene.now)
        try check(scene)
        #expect(try scene.reader().verify().findings == [])
        return try scene.reader().statistics(since: Scene.start, now: scene.now)
    }

    @Test func `no figure changes by drills, however many`() throws {
        let without = try self.report(drills: 0)
        var with = try self.report(drills: 7) { scene in
            let rows = try scene.reader().incidents()
            #expect(rows.count == 9 && rows.count { $0.drill == 99 } == 7)
        }
        #expect(with.overall.drills == 7 && with.overall.drillsHealed == 7)
        #expect(with.components.first { $0.component == "api" }?.figures.drills == 7)
        with.overall.drills = 0
        with.overall.drillsHealed = 0
        for index in with.components.indices {
            with.components[index].figures.drills = 0
            with.components[index].figures.drillsHealed = 0
        }
        #expect(with == without)
        #expect(without.overall.mtbf.mean != nil)
    }

    @Test func `drills that say nothing of the component are not counted, nor those before the time asked for`() throws
    {
        let scene = try Scene()
        let database = try scene.open()
        try self.begin(database, scene)
        for outcome in DrillOutcome.allCases {
            try database.commit(Scene.batch([scene.record(.drillEnded(id: 1, outcome, detail: ""), "web")]))
        }
        let report = try scene.reader().statistics(since: Scene.start, now: scene.now)
        #expect(report.overall.drills == 3 && report.overall.drillsHealed == 1)
        scene.pass(.seconds(10))
        #expect(try scene.reader().statistics(since: scene.now, now: scene.now).overall.drills == 0)
    }

    @Test func `one that is open counts as little, and one that was none after all counts`() throws {
        let scene = try Scene()
        let database = try scene.open()
        try self.begin(database, scene)
        scene.pass(.seconds(100))
        try database.commit(
            Scene.batch([scene.opened("api", 1, failedAgo: .zero), scene.record(.drillCaused(self.cause), "api", 1)]))
        scene.pass(.seconds(100))
        try database.alive(at: scene.now)
        let reader = try scene.reader()
        var report = try reader.statistics(since: Scene.start, now: scene.now)
        #expect(report.overall.incidents == 0 && report.overall.availability == 1)
        try database.commit(Scene.batch([scene.record(.drillCaused(nil), "api", 1)]))
        report = try reader.statistics(since: Scene.start, now: scene.now)
        #expect(report.overall.incidents == 1 && report.overall.availability == 0.75)
        #expect(try reader.verify().findings == [])
    }

    @Test func `errors do not tell of what drills broke`() throws {
        let scene = try Scene()
        let database = try scene.open()
        try self.begin(database, scene)
        try database.commit(Scene.batch(self.drilled(scene, "api", 1, action: 1)))
        #expect(
            try scene.reader().errors(since: Scene.start, now: scene.now, component: nil).patterns.isEmpty)
    }

    @Test func `retention takes drills with it and leaves no sum behind`() throws {
        let scene = try Scene()
        let database = try scene.open()
        try self.begin(database, scene)
        try database.commit(Scene.batch(self.drilled(scene, "api", 1, action: 1)))
        try database.commit(Scene.batch(scene.healedIncident("api", 2, action: 2)))
        scene.pass(.seconds(86_400 * 4_000))
        try database.commit(Scene.batch([scene.record(.note("much later"))]))
        #expect(try database.prune(now: scene.now) > 0)
        #expect(try scene.reader().verify().findings == [])
        #expect(try scene.reader().incidents().isEmpty)
    }

    @Test func `the mark cannot be taken off or put on unseen`() throws {
        for sql in ["UPDATE incident SET drill = NULL WHERE id = 1", "UPDATE incident SET drill = 5 WHERE id = 2"] {
            let scene = try Scene()
            try scene.with { database in
                try self.begin(database, scene)
                try database.commit(Scene.batch(self.drilled(scene, "api", 1, action: 1)))
                try database.commit(Scene.batch(scene.healedIncident("api", 2, action: 2)))
            }
            let queue = try DatabaseQueue(path: scene.path)
            try queue.write { try $0.execute(sql: sql) }
            try queue.close()
            #expect(try !scene.reader().verify().isIntact, "\(sql)")
        }
    }

    @Test func `a trail of the version before is brought up to date by heald, and a reader says so until then`() throws
    {
        let scene = try Scene()
        try scene.with { try self.begin($0, scene) }
        let queue = try DatabaseQueue(path: scene.path)
        try queue.write { db in
            try db.execute(
                sql: """
                    DROP INDEX record_drill_ended;
                    ALTER TABLE incident DROP COLUMN drill;
                    DELETE FROM grdb_migrations WHERE identifier = '2';
                    """)
        }
        try queue.close()
        let refusal = #expect(throws: AuditError.self) { try scene.reader() }
        #expect(refusal?.code == .olderSchema)
        _ = try scene.with { database in
            try database.commit(Scene.batch(self.drilled(scene, "api", 1, action: 1)))
        }
        #expect(try scene.reader().incidents().first?.drill == 99)
        #expect(try scene.reader().verify().findings == [])
    }
}
