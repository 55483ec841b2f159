import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor

/// Makes a long history quickly, for benchmarks: the records that a supervisor would have written, through the same
/// code, only many to a transaction.
public enum AuditFixture {
    /// Writes `incidents` incidents of `components` components, spread evenly over the `days` before `end`. The database
    /// must be new. What it makes verifies.
    ///
    /// - Parameter progress: called now and then with the number of incidents written.
    /// - Throws: `AuditError`.
    public static func fill(
        _ database: AuditDatabase, incidents: Int64, components: Int = 100, days: Int64 = 365, end: WallTime,
        seed: UInt64 = 1, progress: (Int64) -> Void = { _ in }
    ) throws {
        var generator = SeededGenerator(seed: seed)
        let names = (0..<max(1, components)).map { "service-\($0)" }
        let length = max(1, days) * WallTime.microsecondsPerDay
        let step = max(1, length / max(1, incidents))
        let begin = WallTime(microseconds: end.microseconds - length)
        var batch = AuditBatch()
        batch.records = [
            AuditRecord(at: begin, .supervisorStarted(version: "fixture", processID: 1)),
            AuditRecord(at: begin, .policyLoaded(generation: 1, components: names)),
        ]
        for index in 0..<max(0, incidents) {
            let at = WallTime(microseconds: begin.microseconds + index * step)
            let name = names[Int(index % Int64(names.count))]
            batch.records += Self.incident(index + 1, of: name, at: at, within: step, &generator)
            if batch.records.count >= 2_000 {
                try database.commit(batch)
                batch.records.removeAll(keepingCapacity: true)
                progress(index + 1)
                try database.alive(at: at)
            }
        }
        batch.host = SavedHost(nextIncident: incidents + 1, nextAction: incidents + 1)
        batch.isDurable = true
        try database.commit(batch)
        try database.alive(at: end)
    }

    /// One incident that lasts no longer than until its component's next.
    private static func incident(
        _ id: Int64, of name: String, at: WallTime, within step: Int64, _ generator: inout SeededGenerator
    ) -> [AuditRecord] {
        let reason = FailureReason.allCases[Int(generator.next() % UInt64(FailureReason.allCases.count))]
        // Between 10 ms and about 60 s, evenly on a logarithmic scale.
        let recovery = Int64(10_000 * exponential(generator.unit() * 8.7))
        let detected = at + .microseconds(Int64(500 + generator.unit() * 5_000))
        let finished = detected + .microseconds(min(recovery, step / 4))
        let resolved = detected + .microseconds(min(recovery, step / 2))
        let opening = IncidentOpening(
            cause: IncidentCause(
                check: "unit", category: reason.category, reason: reason, message: "\(name).service: main process died"),
            severity: .high, failedAt: at, detectedAt: detected, previous: nil, rootCause: nil)
        let result: ActionResult = generator.unit() < 0.9 ? .succeeded : .failed
        let healer: Healer = generator.unit() < 0.95 ? .heald : .person
        return [
            AuditRecord(at: detected, component: name, incident: id, .incidentOpened(opening)),
            AuditRecord(
                at: detected, component: name, incident: id,
                .actionIntended(
                    id: id, action: "RESTART", attempt: 1, step: 0, unit: "\(name).service", why: "the unit failed")),
            AuditRecord(
                at: finished, component: name, incident: id,
                .actionFinished(id: id, ActionOutcome(result, detail: "job 4211 done; active (running) after 38 ms"))),
            AuditRecord(at: resolved, component: name, incident: id, .incidentResolved(at: resolved, by: healer)),
        ]
    }
}
