import AuditTrail
import Foundation
import HealctlKit
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

/// What heald recorded, as it comes out of the audit trail and is written as JSON: every key, `null` where there is no
/// data, to the letter.
@Suite struct HistoryJSONTests {
    /// 2026-11-20T00:00:00Z
    private static let start = WallTime(microseconds: 1_795_132_800_000_000)

    private static func record(
        _ milliseconds: Int, _ body: AuditRecord.Body, _ component: String? = nil, _ incident: Int64? = nil
    ) -> AuditRecord {
        AuditRecord(at: self.start + .milliseconds(milliseconds), component: component, incident: incident, body)
    }

    private static func opened(
        _ milliseconds: Int, _ component: String, _ incident: Int64, _ reason: FailureReason, _ message: String
    ) -> AuditRecord {
        let at = self.start + .milliseconds(milliseconds)
        return Self.record(
            milliseconds,
            .incidentOpened(
                IncidentOpening(
                    cause: IncidentCause(check: "unit", category: reason.category, reason: reason, message: message),
                    severity: .high, failedAt: at + .milliseconds(-2), detectedAt: at, previous: nil, rootCause: nil)),
            component, incident)
    }

    /// - Returns: what `read` makes of an audit trail with these records.
    private static func reading<Value>(
        _ records: [AuditRecord], _ read: (AuditReader) throws -> Value
    ) throws -> Value {
        let directory = NSTemporaryDirectory() + "healctl-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let database = try AuditDatabase(lock: StateLock(stateDirectory: directory), now: Self.start)
        var batch = AuditBatch()
        batch.records = records
        batch.isDurable = true
        try database.commit(batch)
        try database.close()
        return try read(AuditReader(stateDirectory: directory))
    }

    @Test func `an incident goes from its opening to the stable JSON`() throws {
        let records = [
            Self.record(0, .supervisorStarted(version: "1", processID: 1)),
            Self.record(0, .policyLoaded(generation: 1, components: ["api"])),
            Self.opened(10_000, "api", 1, .crashed, "killed by SIGKILL"),
            Self.record(
                10_000,
                .actionIntended(id: 1, action: "RESTART", attempt: 1, step: 0, unit: "api.service", why: "crashed"),
                "api", 1),
            Self.record(10_040, .actionFinished(id: 1, ActionOutcome(.succeeded, detail: "job 7 done")), "api", 1),
            Self.record(12_040, .verification(action: 1, succeeded: true, detail: "up for 2 s"), "api", 1),
            Self.record(12_040, .incidentResolved(at: Self.start + .milliseconds(10_040), by: .heald), "api", 1),
            Self.opened(22_040, "db", 2, .timeout, "no answer"),
        ]
        let incidents = try Self.reading(records) { try $0.incidents() }
        #expect(
            JSONValue.array(incidents.map(\.json)).text == """
                [
                  {
                    "id": 2,
                    "component": "db",
                    "state": "open",
                    "severity": "HIGH",
                    "cause": {
                      "check": "unit",
                      "category": "TRANSIENT",
                      "reason": "timeout",
                      "message": "no answer"
                    },
                    "rootCause": null,
                    "failedAt": "2026-11-20T00:00:22.038000Z",
                    "detectedAt": "2026-11-20T00:00:22.040000Z",
                    "resolvedAt": null,
                    "timeToDetectSeconds": 0.002,
                    "timeToRecoverSeconds": null,
                    "actions": [],
                    "drill": null
                  },
                  {
                    "id": 1,
                    "component": "api",
                    "state": "resolved",
                    "severity": "HIGH",
                    "cause": {
                      "check": "unit",
                      "category": "TRANSIENT",
                      "reason": "crashed",
                      "message": "killed by SIGKILL"
                    },
                    "rootCause": null,
                    "failedAt": "2026-11-20T00:00:09.998000Z",
                    "detectedAt": "2026-11-20T00:00:10.000000Z",
                    "resolvedAt": "2026-11-20T00:00:10.040000Z",
                    "timeToDetectSeconds": 0.002,
                    "timeToRecoverSeconds": 0.042,
                    "actions": [
                      {
                        "action": "RESTART",
                        "attempt": 1,
                        "startedAt": "2026-11-20T00:00:10.000000Z",
                        "finishedAt": "2026-11-20T00:00:10.040000Z",
                        "result": "succeeded",
                        "detail": "job 7 done; up for 2 s"
                      }
                    ],
                    "drill": null
                  }
                ]

                """)
    }

    @Test func `statistics have every key, and null where there is no data`() throws {
        let records = [Self.record(0, .supervisorStarted(version: "1", processID: 1))]
        let report = try Self.reading(records) { try $0.statistics(since: Self.start, now: Self.start) }
        #expect(
            report.json.text == """
                {
                  "since": "2026-11-20T00:00:00.000000Z",
                  "overall": {
                    "incidents": 0,
                    "availability": null,
                    "mttd": {
                      "mean": null,
                      "p50": null,
                      "p95": null
                    },
                    "mttr": {
                      "mean": null,
                      "p50": null,
                      "p95": null
                    },
                    "mtbf": null,
                    "mtbfSpread": {
                      "mean": null,
                      "p50": null,
                      "p95": null
                    },
                    "healedWithoutHuman": null,
                    "actions": [],
                    "drills": {
                      "ended": 0,
                      "healed": 0
                    }
                  },
                  "components": []
                }

                """)
    }
}
