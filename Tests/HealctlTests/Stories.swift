import AuditTrail
import Policy
import RecoveryEngine
import ResilienceCore

@testable import HealctlKit

/// Incidents as they come out of the audit trail, with a fixed clock.
enum Stories {
    static let failed = WallTime(microseconds: 1_795_143_845_123_000)
    static let now = Self.failed + .seconds(400)
    static let times = TimeText(now: Self.now, isUTC: true)

    static func at(_ milliseconds: Int) -> WallTime { Self.failed + .milliseconds(milliseconds) }

    static func record(_ milliseconds: Int, _ body: AuditRecord.Body) -> AuditRecord {
        AuditRecord(at: Self.at(milliseconds), component: "db", incident: 7, body)
    }

    static func opening(
        _ cause: IncidentCause, detected: Int, previous: Int64? = nil, rootCause: String? = nil
    ) -> AuditRecord.Body {
        .incidentOpened(
            IncidentOpening(
                cause: cause, severity: .critical, failedAt: Self.failed, detectedAt: Self.at(detected),
                previous: previous, rootCause: rootCause))
    }

    /// Killed and back at once.
    static let healed = IncidentStory(
        incident: IncidentReport(
            id: 41, component: "api", state: "resolved", severity: "HIGH",
            cause: .init(
                check: "unit", category: "TRANSIENT", reason: "crashed", message: "main process killed by SIGKILL"),
            rootCause: nil, failedAt: failed, detectedAt: at(2), resolvedAt: at(340),
            actions: [
                IncidentReport.Action(
                    action: "RESTART", attempt: 1, startedAt: at(3), finishedAt: at(41), result: "succeeded",
                    detail: "job 4211 done")
            ]),
        records: [
            record(
                2,
                opening(
                    .init(
                        check: "unit", category: .transient, reason: .crashed, message: "main process killed by SIGKILL"
                    ),
                    detected: 2)),
            record(
                3,
                .actionIntended(
                    id: 1, action: "RESTART", attempt: 1, step: 0, unit: "api.service", why: "the first step")),
            record(41, .actionFinished(id: 1, .init(.succeeded, detail: "job 4211 done"))),
            record(2_340, .verification(action: 1, succeeded: true, detail: "2 of 2 checks up for 2 s")),
            record(2_340, .incidentResolved(at: at(340), by: .heald)),
        ])

    /// Nothing helped.
    static let exhausted = IncidentStory(
        incident: IncidentReport(
            id: 7, component: "db", state: "exhausted", severity: "CRITICAL",
            cause: .init(
                check: "unit", category: "TRANSIENT", reason: "exited", message: "main process exited with status 1"),
            rootCause: nil, failedAt: failed, detectedAt: at(8), resolvedAt: nil,
            actions: [
                IncidentReport.Action(
                    action: "RESTART", attempt: 1, startedAt: at(9), finishedAt: at(812), result: "failed",
                    detail: "job 4300 failed"),
                IncidentReport.Action(
                    action: "RESTART", attempt: 2, startedAt: at(1_910), finishedAt: at(2_733), result: "failed",
                    detail: "job 4301 done; port still down"),
                IncidentReport.Action(
                    action: "RESTART", attempt: 1, startedAt: at(17_734), finishedAt: at(17_734), result: "skipped",
                    detail: "asks for DATA_VALIDATION"),
                IncidentReport.Action(
                    action: "ALERT", attempt: 1, startedAt: at(17_735), finishedAt: nil, result: nil, detail: nil),
            ]),
        records: [
            record(
                8,
                opening(
                    .init(
                        check: "unit", category: .transient, reason: .exited,
                        message: "main process exited with status 1"),
                    detected: 8, previous: 6)),
            record(
                9,
                .actionIntended(
                    id: 71, action: "RESTART", attempt: 1, step: 0, unit: "postgresql.service", why: "the first step")),
            record(
                31,
                .evidence(kind: .journal, text: "FATAL: could not write\n\u{1B}[31mshut down\u{1B}[0m \u{202E}gone\n")),
            record(812, .actionFinished(id: 71, .init(.failed, detail: "job 4300 failed"))),
            record(812, .note("next attempt in 1.1 s")),
            record(
                1_910,
                .actionIntended(
                    id: 72, action: "RESTART", attempt: 2, step: 0, unit: "postgresql.service", why: "attempt 1 failed")
            ),
            record(2_733, .actionFinished(id: 72, .init(.succeeded, detail: "job 4301 done"))),
            record(
                17_733,
                .verification(
                    action: 72, succeeded: false,
                    detail: "check port still down after 15 s: connection refused by 127.0.0.1:5432")),
            record(
                17_734,
                .actionSkipped(
                    id: 73, action: "RESTART", attempt: 1, step: 1, why: "asks for DATA_VALIDATION, this is TRANSIENT")),
            record(17_735, .breakerChanged(from: "closed", to: "open", why: "5 recoveries failed within 60 s")),
            record(
                17_735, .actionIntended(id: 74, action: "ALERT", attempt: 1, step: 2, unit: nil, why: "the last step")),
            record(17_736, .incidentExhausted(rearmAt: at(900_000))),
        ])

    /// Down because of another.
    static let suppressed = IncidentReport(
        id: 8, component: "web-shop", state: "suppressed", severity: "HIGH",
        cause: .init(
            check: "http", category: "TRANSIENT", reason: "server_error", message: "答えは 503 \u{1B}[2J\u{202E}evil\nline"
        ),
        rootCause: "db", failedAt: at(2_000), detectedAt: at(2_012), resolvedAt: nil, actions: [])
}
