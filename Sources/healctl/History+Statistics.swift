import AuditTrail
import HealctlKit
import ResilienceCore

extension History {
    func statistics(since: WallTime, now: WallTime) throws -> HealctlKit.StatisticsReport {
        let report = try Self.translating { try self.reader.statistics(since: since, now: now) }
        return HealctlKit.StatisticsReport(
            since: report.since, overall: StatisticsRow(component: nil, report.overall),
            components: report.components.map { StatisticsRow(component: $0.component, $0.figures) })
    }

    func verification(expecting head: ChainHead?) throws -> VerificationPage {
        let report = try Self.translating { try self.reader.verify(expectedHead: head) }
        return VerificationPage(
            records: report.records, head: report.head.description, firstBadRecord: report.firstBadRecord,
            findings: report.findings, remarks: report.remarks)
    }
}

extension StatisticsRow {
    init(component: String?, _ figures: AuditTrail.StatisticsReport.Figures) {
        self.init(
            component: component, incidents: Int(clamping: figures.incidents), availability: figures.availability,
            timeToDetect: Spread(figures.mttd), timeToRecover: Spread(figures.mttr),
            timeBetweenFailures: Spread(figures.mtbf), healedWithoutHuman: figures.healedWithoutHuman,
            actions: figures.actions.map {
                ActionCount(
                    action: $0.action, succeeded: Int(clamping: $0.succeeded), failed: Int(clamping: $0.failed))
            })
    }
}

extension StatisticsRow.Spread {
    init(_ durations: AuditTrail.StatisticsReport.Durations) {
        self.init(mean: durations.mean, p50: durations.p50, p95: durations.p95)
    }
}
