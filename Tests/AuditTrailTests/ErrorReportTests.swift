import Policy
import RecoveryEngine
import Resilience
import ResilienceCore
import Supervisor
import Testing

@testable import AuditTrail

@Suite struct ErrorReportTests {
    /// One incident that begins now and ends a second later, on its own.
    private func incident(
        _ scene: Scene, _ component: String, _ id: Int64, _ reason: FailureReason, _ message: String
    ) -> [AuditRecord] {
        var records = [scene.opened(component, id, failedAgo: .zero, reason: reason, message: message)]
        scene.pass(.seconds(1))
        records.append(scene.record(.incidentResolved(at: scene.now, by: .itself), component, id))
        return records
    }

    private func action(
        _ scene: Scene, _ id: Int64, of incident: Int64, _ outcome: ActionOutcome, verified: Bool? = nil
    ) -> [AuditRecord] {
        var records = [
            scene.record(
                .actionIntended(id: id, action: "RESTART", attempt: 1, step: 0, unit: "api.service", why: "crashed"),
                "api", incident), scene.record(.actionFinished(id: id, outcome), "api", incident),
        ]
        if let verified {
            records.append(
                scene.record(
                    .verification(action: id, succeeded: verified, detail: "port 5432 still down"), "api", incident))
        }
        return records
    }

    @Test func `S1: errors that differ in numbers are one pattern, with its trend, its times and its newest incident`()
        throws
    {
        let scene = try Scene()
        try scene.with { database in
            var id: Int64 = 0
            // Two in the first hour, five in the second.
            for minute in [0, 30, 80, 82, 85, 95, 105] {
                scene.now = Scene.start + .seconds(minute * 60)
                id += 1
                try database.commit(
                    Scene.batch(self.incident(scene, "api", id, .timeout, "no answer from 10.0.0.\(minute) in 2 s")))
            }
            scene.now = Scene.start + .seconds(10)
            try database.commit(Scene.batch(self.incident(scene, "db", 8, .connection, "refused")))
        }
        let report = try scene.reader().errors(since: Scene.start, now: Scene.start + .seconds(7_200))
        #expect(report.window == .seconds(3_600))
        #expect(!report.isPartial)
        #expect(report.patterns.map(\.component) == ["api", "db"])
        let api = try #require(report.patterns.first)
        #expect(api.errorClass == "timeout")
        #expect(api.category == "TRANSIENT")
        #expect(api.source == "unit")
        #expect(api.message == "no answer from #.#.#.# in # s")
        #expect(api.count == 7)
        #expect(api.recent == 5)
        #expect(api.trend == .rising)
        #expect(api.incident == 7)
        #expect(api.firstAt == Scene.start)
        #expect(api.lastAt == Scene.start + .seconds(105 * 60))
        #expect(report.patterns[1].trend == .gone)
    }

    @Test func `S1: an error that comes back day after day recurs`() throws {
        let scene = try Scene()
        try scene.with { database in
            for day in 0..<5 {
                scene.now = Scene.start + .seconds(day * 2 * 86_400)
                let id = Int64(day + 1)
                try database.commit(Scene.batch(self.incident(scene, "api", id, .oom, "killed for memory")))
            }
        }
        let report = try scene.reader().errors(since: Scene.start, now: Scene.start + .seconds(9 * 86_400))
        #expect(report.window == .seconds(86_400))
        #expect(report.patterns.first?.recursEvery == .seconds(2 * 86_400))
    }

    @Test func `actions that failed, were refused or did not help are errors, also of an incident that began before`()
        throws
    {
        let scene = try Scene()
        let later = Scene.start + .seconds(10 * 86_400)
        try scene.with { database in
            try database.commit(Scene.batch([scene.opened("api", 1)]))
            scene.now = later
            var records = self.action(scene, 1, of: 1, ActionOutcome(.failed, detail: "job 7 failed"))
            records += self.action(scene, 2, of: 1, ActionOutcome(.failed, detail: "job 8 failed"))
            records += self.action(scene, 3, of: 1, ActionOutcome(.timedOut, detail: "job 9 has not ended"))
            records += self.action(scene, 4, of: 1, ActionOutcome(.succeeded, detail: "job 10 done"), verified: false)
            records += self.action(scene, 5, of: 1, ActionOutcome(.succeeded, detail: "job 11 done"), verified: true)
            records += self.action(scene, 6, of: 1, ActionOutcome(.skipped, detail: "not now"))
            try database.commit(Scene.batch(records))
        }
        let report = try scene.reader().errors(since: later + .seconds(-60), now: later + .seconds(60))
        let found = report.patterns.map { "\($0.count) \($0.errorClass) \($0.source) \($0.message)" }.sorted()
        #expect(
            found == [
                "1 action_timed_out RESTART job # has not ended", "1 not_verified RESTART port # still down",
                "2 action_failed RESTART job # failed",
            ])
        #expect(report.patterns.allSatisfy { $0.category == nil && $0.incident == 1 })
        #expect(try scene.reader().errors(since: later + .seconds(1), now: later + .seconds(60)).patterns.isEmpty)
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `the counts are those of a plain count over the incidents`(seed: UInt64) throws {
        let scene = try Scene()
        let history = History(seed: seed, options: .init(steps: 150))
        try scene.with { try history.write(to: $0) }
        let reader = try scene.reader()
        let incidents = try reader.incidents(IncidentFilter(limit: .max))
        for since in [Scene.start, Scene.start + (history.now - Scene.start) / 2] {
            for component in [nil, incidents.first?.component] {
                var expected: [[String]: Int] = [:]
                for incident in incidents where incident.failedAt >= since {
                    guard component == nil || incident.component == component else { continue }
                    let shape = ErrorFingerprint.shape(of: incident.cause.message)
                    expected[
                        [incident.component, incident.cause.check, incident.cause.reason, shape], default: 0] += 1
                }
                let report = try reader.errors(since: since, now: history.now, component: component)
                let ofChecks = report.patterns.filter { $0.category != nil }
                let found = ofChecks.map { (key: [$0.component, $0.source, $0.errorClass, $0.message], $0.count) }
                #expect(Dictionary(found) { $0 + $1 } == expected)
            }
        }
    }

    @Test func `it looks at no more than so many, the newest, and says so`() throws {
        let scene = try Scene()
        try scene.with { database in
            for id in 1...20 {
                try database.commit(Scene.batch(self.incident(scene, "api", Int64(id), .crashed, "number \(id)")))
            }
        }
        let report = try scene.reader().errors(since: Scene.start, now: scene.now, errorsMax: 5)
        #expect(report.isPartial)
        #expect(report.patterns.map(\.count) == [5])
        #expect(report.patterns.first?.incident == 20)
    }
}
