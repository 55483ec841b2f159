import Foundation
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

@testable import AuditTrail

@Suite struct StatisticsTests {
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `statistics are those of a plain computation over the records`(seed: UInt64) throws {
        let scene = try Scene()
        let history = History(seed: seed, options: .init(steps: 150))
        try scene.with { try history.write(to: $0) }
        var generator = SeededGenerator(seed: seed &* 977)
        let whole = history.now - Scene.start
        let windows = [
            Scene.start + .seconds(-86_400 * 3), Scene.start,
            Scene.start + whole.scaled(by: generator.unit()), Scene.start + whole.scaled(by: generator.unit()),
            Scene.start + .seconds(86_400 * 9), history.now,
        ]
        let reader = try scene.reader()
        for since in windows {
            let report = try reader.statistics(since: since, now: history.now)
            let reference = ReferenceStatistics(history, since: since)
            #expect(report.components.map(\.component) == reference.names, "since \(since)")
            for component in report.components {
                guard let expected = reference.components[component.component] else { continue }
                expected.check(component.figures, "seed \(seed), since \(since), \(component.component)")
            }
            reference.overall.check(report.overall, "seed \(seed), since \(since), overall")
        }
    }

    @Test func `where there is no data there is no figure`() throws {
        let scene = try Scene()
        _ = try scene.with {
            try $0.commit(Scene.batch([scene.record(.supervisorStarted(version: "1", processID: 1))]))
        }
        let report = try scene.reader().statistics(since: Scene.start, now: scene.now)
        #expect(
            report
                == StatisticsReport(
                    since: Scene.start,
                    overall: .init(
                        incidents: 0, availability: nil, mttd: .init(), mttr: .init(), mtbf: .init(),
                        healedWithoutHuman: nil, actions: []),
                    components: []))
    }

    @Test func `time without a supervisor is neither up nor down`() throws {
        let scene = try Scene()
        let database = try scene.open()
        try database.commit(
            Scene.batch([
                scene.record(.supervisorStarted(version: "1", processID: 1)),
                scene.record(.policyLoaded(generation: 1, components: ["api"])),
            ]))
        scene.pass(.seconds(100))
        try database.alive(at: scene.now)
        // Killed here. The unit fails in the gap; the next run finds it down and repairs it after 100 s.
        scene.pass(.seconds(10_000))
        try database.commit(Scene.batch([scene.record(.supervisorStarted(version: "1", processID: 2))]))
        try database.commit(Scene.batch([scene.opened("api", 1, failedAgo: .seconds(5_000))]))
        scene.pass(.seconds(100))
        try database.commit(Scene.batch([scene.record(.incidentResolved(at: scene.now, by: .heald), "api", 1)]))
        let report = try scene.reader().statistics(since: Scene.start, now: scene.now)
        #expect(report.overall.availability == 0.5)
        #expect(report.overall.mttr.mean == 5_100)
        #expect(report.overall.mttd.mean == 5_000)
    }

    @Test func `a clock that is set back gives no negative figure`() throws {
        let scene = try Scene()
        let database = try scene.open()
        try database.commit(
            Scene.batch([
                scene.record(.supervisorStarted(version: "1", processID: 1)),
                scene.record(.policyLoaded(generation: 1, components: ["api"])),
                scene.opened("api", 1),
            ]))
        scene.now = scene.now - .seconds(10 * 365 * 86_400)
        try database.commit(Scene.batch([scene.record(.incidentResolved(at: scene.now, by: .heald), "api", 1)]))
        let huge = WallTime(microseconds: .max)
        try database.commit(
            Scene.batch([
                AuditRecord(
                    at: huge, component: "api", incident: 2,
                    .incidentOpened(
                        IncidentOpening(
                            cause: IncidentCause(check: "a", category: .unknown, reason: .other, message: ""),
                            severity: .low, failedAt: WallTime(microseconds: .min), detectedAt: huge, previous: nil,
                            rootCause: nil))),
                AuditRecord(at: huge, component: "api", incident: 2, .incidentResolved(at: huge, by: .itself)),
            ]))
        let report = try scene.reader().statistics(since: WallTime(microseconds: .min), now: huge)
        #expect(report.overall.incidents == 2)
        for durations in [report.overall.mttd, report.overall.mttr, report.overall.mtbf] {
            for figure in [durations.mean, durations.p50, durations.p95] { #expect(figure ?? 0 >= 0) }
        }
        #expect((0...1).contains(report.overall.availability ?? 0))
        let findings = try scene.reader().verify().findings
        #expect(findings == [])
    }

    @Test func `a percentile is within one per cent whatever its size`() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<20_000 {
            let value = Int64(exponential(generator.unit() * 40))
            let middle = Histogram.middle(Histogram.bucket(of: value))
            #expect(abs(middle - Double(value)) <= Double(value) * 0.0101)
        }
        #expect(Histogram.middle(Histogram.bucket(of: 0)) == 0)
        #expect(Histogram.middle(Histogram.bucket(of: -5)) == 0)
    }
}
