import AuditTrail
import HealctlKit
import RecoveryEngine
import ResilienceCore

/// The audit trail as the pages need it.
struct History {
    let reader: AuditReader

    /// - Throws: `CommandFailure`.
    init(stateDirectory: String) throws {
        self.reader = try Self.translating { try AuditReader(stateDirectory: stateDirectory) }
    }

    func incidents(_ filter: IncidentFilter) throws -> [IncidentReport] {
        try Self.translating { try self.reader.incidents(filter) }
    }

    func story(_ id: Int64) throws -> IncidentStory {
        guard let timeline = try Self.translating({ try self.reader.incident(id) }) else {
            throw CommandFailure(
                .notFound, what: "There is no incident \(id).",
                why: "The audit trail has none of that number: it was never given out, or its time is over.",
                fix: "See healctl incidents for the numbers.")
        }
        let records = timeline.entries.compactMap(\.record)
        return IncidentStory(
            incident: timeline.report, records: records, unreadable: timeline.entries.count - records.count)
    }

    func statistics(since: WallTime, now: WallTime) throws -> StatisticsReport {
        try Self.translating { try self.reader.statistics(since: since, now: now) }
    }

    func errors(since: WallTime, now: WallTime, component: String?) throws -> ErrorReport {
        try Self.translating { try self.reader.errors(since: since, now: now, component: component) }
    }

    func verification(expecting head: ChainHead?) throws -> VerificationPage {
        let report = try Self.translating { try self.reader.verify(expectedHead: head) }
        return VerificationPage(
            records: report.records, head: report.head.description, firstBadRecord: report.firstBadRecord,
            findings: report.findings, remarks: report.remarks)
    }

    /// - Throws: what `work` throws, as a `CommandFailure`.
    static func translating<Value>(_ work: () throws -> Value) throws -> Value {
        do { return try work() } catch let error as AuditError {
            let status: ExitStatus
            switch error.code {
            case .missing: status = .notFound
            case .notPermitted: status = .notPermitted
            case .corrupt: status = .badData
            case .readOnly, .full, .newerSchema, .olderSchema, .locked, .failed: status = .inputOutput
            }
            throw CommandFailure(status, what: error.what, why: error.why, fix: error.howToFix)
        }
    }
}
