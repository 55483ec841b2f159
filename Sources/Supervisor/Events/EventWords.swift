import Policy
import RecoveryEngine
import ResilienceCore

/// A record as an event: its kind, its words, its facts.
///
/// `text` holds what the status shows to everybody as well: what checks saw and what heald decided. What programs said
/// and what operators wrote goes into `detail`.
struct EventWords {
    var kind: FeedEventKind
    var text: String
    var detail: String?
    var facts: [String: String] = [:]

    private init(
        _ kind: FeedEventKind, _ text: String, detail: String? = nil, _ facts: [String: String] = [:]
    ) {
        self.kind = kind
        self.text = text
        self.detail = detail
        self.facts = facts
    }

    init(_ record: AuditRecord) {
        let body = record.body
        self = Self.incident(body) ?? Self.action(body) ?? Self.guardian(body) ?? Self.other(body, record)
    }

    private static func incident(_ body: AuditRecord.Body) -> Self? {
        switch body {
        case .incidentOpened(let opening):
            let cause = opening.cause
            let root = opening.rootCause.map { "; \($0), which it needs, is down" } ?? ""
            return Self(
                .incident, "failed: \(cause.message) (check \(cause.check), \(cause.reason.rawValue))\(root)",
                [
                    "check": cause.check, "category": cause.category.rawValue, "reason": cause.reason.rawValue,
                    "severity": opening.severity.rawValue, "failedAt": opening.failedAt.rfc3339,
                ])
        case .incidentCorrected(let cause, let failedAt):
            return Self(
                .incident, "by systemd's account: \(cause.message)",
                ["reason": cause.reason.rawValue, "failedAt": failedAt.rfc3339])
        case .incidentSuppressed(let root?):
            return Self(.incident, "waits for \(root), which is down", ["rootCause": root])
        case .incidentSuppressed(nil): return Self(.incident, "waits no longer for what it needs")
        case .incidentExhausted(let rearmAt):
            return Self(
                .incident, "every step was tried; the ladder may begin again at \(rearmAt.rfc3339)",
                ["rearmAt": rearmAt.rfc3339])
        case .incidentRearmed: return Self(.incident, "the ladder begins again")
        case .incidentResolved(let at, let healer):
            return Self(.incident, "resolved, up since \(at.rfc3339)", ["by": healer.rawValue, "upAt": at.rfc3339])
        case .evidence(let kind, _):
            return Self(.incident, "evidence kept: \(kind.rawValue)", ["evidence": kind.rawValue])
        default: return nil
        }
    }

    private static func action(_ body: AuditRecord.Body) -> Self? {
        switch body {
        case .actionIntended(let id, let action, let attempt, let step, let unit, let why):
            let target = unit.map { " of \($0)" } ?? ""
            return Self(
                .action, "\(action)\(target) begins, attempt \(attempt), step \(step + 1)", detail: why,
                ["action": action, "number": "\(id)", "attempt": "\(attempt)", "unit": unit ?? ""])
        case .actionFinished(let id, let outcome):
            return Self(
                .action, "the action ended: \(outcome.result.rawValue)", detail: outcome.detail,
                ["number": "\(id)", "result": outcome.result.rawValue])
        case .actionSkipped(let id, let action, let attempt, let step, let why):
            return Self(
                .action, "\(action), step \(step + 1), was skipped", detail: why,
                ["action": action, "number": "\(id)", "attempt": "\(attempt)"])
        case .verification(let id, let succeeded, let detail):
            return Self(
                .action, succeeded ? "the repair helped" : "the repair did not help", detail: detail,
                ["number": "\(id)", "helped": "\(succeeded)"])
        default: return nil
        }
    }

    /// What holds automation back, and what people have to do with it.
    private static func guardian(_ body: AuditRecord.Body) -> Self? {
        switch body {
        case .breakerChanged(let from, let to, let why):
            return Self(.breaker, "\(from) → \(to): \(why)", ["from": from, "to": to])
        case .latchChanged(let latched, let why):
            return Self(
                .component, latched ? "it comes and goes: \(why)" : "quiet again: \(why)", ["latched": "\(latched)"])
        case .timeCounts(let counts, let why):
            return Self(
                .component, counts ? "its time counts again: \(why)" : "its time does not count: \(why)",
                ["counts": "\(counts)"])
        case .degradationChanged(let from, let to, let why):
            return Self(
                .degradation, "\(from.rawValue) → \(to.rawValue): \(why)", ["from": from.rawValue, "to": to.rawValue])
        case .freezeChanged(let frozen, let why):
            return Self(
                .freeze, frozen ? "automation is frozen: \(why)" : "automation goes on: \(why)", ["frozen": "\(frozen)"]
            )
        case .groupFreezeChanged(let group, let frozen, let why):
            return Self(
                .freeze, frozen ? "the group \(group) is frozen: \(why)" : "the group \(group) goes on: \(why)",
                ["group": group, "frozen": "\(frozen)"])
        default: return nil
        }
    }

    private static func other(_ body: AuditRecord.Body, _ record: AuditRecord) -> Self {
        switch body {
        case .approvalAsked(let id, let action, let attempt, _, let until, let why):
            return Self(
                .operator, "\(action), attempt \(attempt), waits for approval as \(id) until \(until.rfc3339)",
                detail: why, ["action": action, "number": "\(id)", "until": until.rfc3339])
        case .approvalDecided(let id, let decision, let by, let why):
            let words = [by.map { "by \($0)" }, why].compactMap { $0 }.joined(separator: ": ")
            return Self(
                .operator, "\(id) was \(decision.rawValue)", detail: words.isEmpty ? nil : words,
                ["number": "\(id)", "decision": decision.rawValue])
        case .paused(let until, let by, let reason):
            return Self(
                .operator, "repairs are held back until \(until.rfc3339)", detail: "by \(by): \(reason)",
                ["until": until.rfc3339])
        case .resumed(let by): return Self(.operator, "repairs go on", detail: "by \(by)")
        case .drillBegun(let beginning):
            let fault = beginning.cause.fault.rawValue
            return Self(
                .operator, "drill \(beginning.cause.id) begins: \(fault) of \(beginning.unit)",
                detail: "by \(beginning.cause.text)",
                ["drill": "\(beginning.cause.id)", "fault": fault, "unit": beginning.unit])
        case .drillCaused(let cause):
            return Self(
                .operator, cause.map { "the incident belongs to drill \($0.id)" } ?? "the incident belongs to no drill")
        case .drillEnded(let id, let outcome, let detail):
            return Self(
                .operator, "drill \(id) ended: \(outcome.rawValue)", detail: detail,
                ["drill": "\(id)", "outcome": outcome.rawValue])
        case .policyLoaded(let generation, _):
            return Self(.policy, "generation \(generation) is in force", ["generation": "\(generation)"])
        case .policyRejected(let error, let errors):
            return Self(.policy, "refused, the one in force stays: \(error)", ["errors": "\(errors)"])
        case .supervisorStarted(let version, let processID):
            return Self(
                .supervisor, "heald \(version) started as process \(processID)",
                ["version": version, "pid": "\(processID)"])
        case .supervisorStopped(let reason): return Self(.supervisor, "heald stopped: \(reason)")
        case .pruned(let through, _):
            return Self(.supervisor, "older records were removed", ["through": "\(through)"])
        case .note(let text): return Self(Self.kindOfNote(record), text)
        default: return Self(.supervisor, body.kind)
        }
    }

    private static func kindOfNote(_ record: AuditRecord) -> FeedEventKind {
        if record.incident != nil { return .incident }
        return record.component == nil ? .supervisor : .component
    }
}
