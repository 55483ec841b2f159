import Logging
import RecoveryEngine
import ResilienceCore

/// Says in the log what was recorded, after it was done: the log is for reading along, the audit trail is the record.
enum RecordLog {
    /// - Parameter refused: the actions of these records do not begin, because they could not be recorded.
    static func write(_ records: [AuditRecord], refused: Bool = false, to logger: Logger) {
        for record in records {
            if refused, case .actionIntended = record.body { continue }
            let (level, message) = Self.line(record.body)
            guard level >= logger.logLevel else { continue }
            var metadata = Self.metadata(record.body)
            if let component = record.component { metadata["component"] = "\(component)" }
            if let incident = record.incident { metadata["incident"] = "\(incident)" }
            logger.log(level: level, message, metadata: metadata)
        }
    }

    private static func line(_ body: AuditRecord.Body) -> (Logger.Level, Logger.Message) {
        switch body {
        case .supervisorStarted: (.notice, "Supervisor started")
        case .supervisorStopped: (.notice, "Supervisor stopped")
        case .policyLoaded: (.notice, "Policy in force")
        case .policyRejected: (.debug, "Policy refused")
        case .incidentOpened: (.warning, "Incident opened")
        case .incidentCorrected: (.debug, "Cause of the incident, by systemd's account")
        case .incidentSuppressed: (.info, "Incident waits for a dependency")
        case .incidentExhausted: (.error, "Incident exhausted its recovery steps")
        case .incidentRearmed: (.notice, "Recovery steps may begin again")
        case .incidentResolved: (.notice, "Incident resolved")
        case .actionIntended: (.notice, "Action begins")
        case .actionFinished(_, let outcome): (outcome.result == .succeeded ? .info : .warning, "Action ended")
        case .actionSkipped: (.info, "Action skipped")
        case .approvalAsked: (.warning, "A repair waits for approval")
        case .approvalDecided: (.notice, "Approval decided")
        case .verification(_, let succeeded, _): (succeeded ? .info : .warning, "Repair verified")
        case .note: (.info, "Note")
        case .evidence: (.debug, "Evidence kept")
        case .breakerChanged: (.warning, "Breaker changed")
        case .latchChanged(let latched, _): (latched ? .error : .notice, "Latch changed")
        case .degradationChanged(let from, let to, _):
            (to > from ? .warning : .notice, "Level of degradation changed")
        case .freezeChanged(let frozen, _): (frozen ? .critical : .notice, "Automation freeze changed")
        case .groupFreezeChanged(_, let frozen, _): (frozen ? .error : .notice, "Freeze of a group changed")
        case .paused: (.notice, "Paused")
        case .resumed: (.notice, "Resumed")
        case .timeCounts: (.debug, "Counting of time changed")
        case .drillBegun: (.warning, "Drill begins")
        case .drillCaused: (.notice, "Incident belongs to a drill")
        case .drillEnded(_, let outcome, _): (outcome == .healed ? .notice : .warning, "Drill ended")
        case .pruned: (.info, "Old records removed")
        }
    }

    private static func metadata(_ body: AuditRecord.Body) -> Logger.Metadata {
        switch body {
        case .supervisorStarted(let version, let processID): ["version": "\(version)", "pid": "\(processID)"]
        case .supervisorStopped(let reason): ["reason": "\(reason)"]
        case .policyLoaded(let generation, let components):
            ["generation": "\(generation)", "components": "\(components.count)"]
        case .policyRejected(let firstError, let errors): ["error": "\(firstError)", "errors": "\(errors)"]
        case .incidentOpened(let opening):
            [
                "check": "\(opening.cause.check)", "reason": "\(opening.cause.reason.rawValue)",
                "message": "\(opening.cause.message)", "severity": "\(opening.severity.rawValue)",
            ]
        case .incidentCorrected(let cause, let failedAt):
            ["reason": "\(cause.reason.rawValue)", "message": "\(cause.message)", "failed-at": "\(failedAt.rfc3339)"]
        case .incidentSuppressed(let rootCause): ["root-cause": "\(rootCause ?? "none any more")"]
        case .incidentExhausted(let rearmAt): ["rearm-at": "\(rearmAt.rfc3339)"]
        case .incidentRearmed: [:]
        case .incidentResolved(let at, let by): ["at": "\(at.rfc3339)", "by": "\(by.rawValue)"]
        case .actionIntended(let id, let action, let attempt, _, let unit, let why):
            [
                "id": "\(id)", "action": "\(action)", "attempt": "\(attempt)", "unit": "\(unit ?? "none")",
                "why": "\(why)",
            ]
        case .actionFinished(let id, let outcome):
            ["id": "\(id)", "result": "\(outcome.result.rawValue)", "detail": "\(outcome.detail)"]
        case .actionSkipped(let id, let action, _, _, let why):
            ["id": "\(id)", "action": "\(action)", "why": "\(why)"]
        case .approvalAsked(let id, let action, let attempt, _, let until, let why):
            [
                "id": "\(id)", "action": "\(action)", "attempt": "\(attempt)", "until": "\(until.rfc3339)",
                "why": "\(why)",
            ]
        case .approvalDecided(let id, let decision, let by, let why):
            ["id": "\(id)", "decision": "\(decision.rawValue)", "by": "\(by ?? "nobody")", "why": "\(why ?? "")"]
        case .verification(let action, let succeeded, let detail):
            ["id": "\(action)", "succeeded": "\(succeeded)", "detail": "\(detail)"]
        case .note(let text): ["text": "\(text)"]
        case .evidence(let kind, let text): ["kind": "\(kind.rawValue)", "bytes": "\(text.utf8.count)"]
        case .breakerChanged(let from, let to, let why): ["from": "\(from)", "to": "\(to)", "why": "\(why)"]
        case .latchChanged(let latched, let why): ["latched": "\(latched)", "why": "\(why)"]
        case .degradationChanged(let from, let to, let why):
            ["from": "\(from.rawValue)", "to": "\(to.rawValue)", "why": "\(why)"]
        case .freezeChanged(let frozen, let why): ["frozen": "\(frozen)", "why": "\(why)"]
        case .groupFreezeChanged(let group, let frozen, let why):
            ["group": "\(group)", "frozen": "\(frozen)", "why": "\(why)"]
        case .paused(let until, let by, let reason):
            ["until": "\(until.rfc3339)", "by": "\(by)", "reason": "\(reason)"]
        case .resumed(let by): ["by": "\(by)"]
        case .timeCounts(let counts, let why): ["counts": "\(counts)", "why": "\(why)"]
        case .drillBegun(let beginning):
            Self.metadata(beginning.cause).merging(["unit": "\(beginning.unit)"]) { $1 }
        case .drillCaused(let cause): cause.map(Self.metadata) ?? ["drill": "none"]
        case .drillEnded(let id, let outcome, let detail):
            ["drill": "\(id)", "outcome": "\(outcome.rawValue)", "detail": "\(detail)"]
        case .pruned(let through, _): ["through": "\(through)"]
        }
    }
}

extension RecordLog {
    private static func metadata(_ cause: DrillCause) -> Logger.Metadata {
        [
            "drill": "\(cause.id)", "fault": "\(cause.fault.rawValue)", "by": "\(cause.by)",
            "reason": "\(cause.reason ?? "")",
        ]
    }
}

/// Policy diagnostics in the log, bounded: all of them are in the answer to `healctl reload` and `policy check`.
enum PolicyLog {
    static let linesMost = 20

    static func refused(_ errors: [String], keeping generation: Int, by operatorName: String, to logger: Logger) {
        logger.error(
            "Policy refused; the one in force stays",
            metadata: ["errors": "\(errors.count)", "generation": "\(generation)", "by": "\(operatorName)"])
        for error in errors.prefix(Self.linesMost) {
            logger.error("Policy error", metadata: ["diagnostic": "\(error)"])
        }
    }

    static func warnings(_ warnings: [String], to logger: Logger) {
        for warning in warnings.prefix(Self.linesMost) {
            logger.warning("Policy warning", metadata: ["diagnostic": "\(warning)"])
        }
    }
}
