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

    func incidents(_ filter: IncidentFilter) throws -> [HealctlKit.IncidentRow] {
        try Self.translating { try self.reader.incidents(filter).map(HealctlKit.IncidentRow.init) }
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
            incident: .init(timeline.report), records: records, unreadable: timeline.entries.count - records.count)
    }

    /// - Throws: what `work` throws, as a `CommandFailure`.
    static func translating<Value>(_ work: () throws -> Value) throws -> Value {
        do { return try work() } catch let error as AuditError {
            let status: ExitStatus
            switch error.code {
            case .missing: status = .notFound
            case .notPermitted: status = .notPermitted
            case .corrupt: status = .badData
            case .readOnly, .full, .newerSchema, .locked, .failed: status = .inputOutput
            }
            throw CommandFailure(status, what: error.what, why: error.why, fix: error.howToFix)
        }
    }
}

extension HealctlKit.IncidentRow {
    init(_ report: IncidentReport) {
        self.init(
            id: report.id, component: report.component, state: report.state, severity: report.severity,
            cause: Cause(
                check: report.cause.check, category: report.cause.category, reason: report.cause.reason,
                message: report.cause.message),
            rootCause: report.rootCause, failedAt: report.failedAt, detectedAt: report.detectedAt,
            resolvedAt: report.resolvedAt,
            actions: report.actions.map {
                HealctlKit.ActionRow(
                    action: $0.action, attempt: $0.attempt, startedAt: $0.startedAt, finishedAt: $0.finishedAt,
                    result: $0.result, detail: $0.detail)
            })
    }
}
