import Foundation
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor

@testable import AuditTrail

/// A state directory of its own, removed at the end, and a wall clock that only the test moves.
final class Scene {
    let directory: String
    /// 2026-11-20T00:00:00Z
    static let start = WallTime(microseconds: 1_795_132_800_000_000)
    var now = Scene.start

    init() throws {
        self.directory = FileManager.default.temporaryDirectory.path + "/audit-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.directory) }

    var path: String { self.directory + "/" + AuditDatabase.fileName }

    func open(_ options: AuditOptions = AuditOptions()) throws -> AuditDatabase {
        try AuditDatabase(lock: StateLock(stateDirectory: self.directory), now: self.now, options: options)
    }

    func reader() throws -> AuditReader { try AuditReader(stateDirectory: self.directory) }

    /// Opens, runs, closes: the database is at rest afterwards.
    func with<Result>(_ body: (AuditDatabase) throws -> Result) throws -> Result {
        let database = try self.open()
        let result = try body(database)
        try database.close()
        return result
    }

    func pass(_ duration: Duration) { self.now = self.now + duration }

    func record(_ body: AuditRecord.Body, _ component: String? = nil, _ incident: Int64? = nil) -> AuditRecord {
        AuditRecord(at: self.now, component: component, incident: incident, body)
    }

    func opened(
        _ component: String, _ incident: Int64, failedAgo: Duration = .milliseconds(2), rootCause: String? = nil,
        reason: FailureReason = .crashed, message: String = "killed by SIGKILL"
    ) -> AuditRecord {
        self.record(
            .incidentOpened(
                IncidentOpening(
                    cause: IncidentCause(check: "unit", category: reason.category, reason: reason, message: message),
                    severity: .high, failedAt: self.now + .zero - failedAgo, detectedAt: self.now, previous: nil,
                    rootCause: rootCause)), component, incident)
    }

    /// The file at rest, to be put back after it was spoilt.
    func snapshot() throws -> Data { try Data(contentsOf: URL(fileURLWithPath: self.path)) }

    func restore(_ snapshot: Data) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: self.directory) {
            try FileManager.default.removeItem(atPath: self.directory + "/" + name)
        }
        try snapshot.write(to: URL(fileURLWithPath: self.path))
    }

    static func batch(_ records: [AuditRecord], durable: Bool = false) -> AuditBatch {
        var batch = AuditBatch()
        batch.records = records
        batch.isDurable = durable
        return batch
    }

    /// The records of an incident that one restart heals.
    func healedIncident(_ component: String, _ id: Int64, action: Int64) -> [AuditRecord] {
        var records = [
            self.opened(component, id),
            self.record(
                .actionIntended(
                    id: action, action: "RESTART", attempt: 1, step: 0, unit: "\(component).service", why: "crashed"),
                component, id),
        ]
        self.pass(.milliseconds(40))
        records.append(
            self.record(
                .actionFinished(id: action, ActionOutcome(.succeeded, detail: "job 7 done")), component, id))
        let up = self.now
        self.pass(.seconds(2))
        records.append(
            self.record(.verification(action: action, succeeded: true, detail: "up for 2 s"), component, id))
        records.append(self.record(.incidentResolved(at: up, by: .heald), component, id))
        return records
    }
}

extension WallTime {
    static func - (time: WallTime, duration: Duration) -> WallTime { time + (.zero - duration) }
}
