import RecoveryEngine
import ResilienceCore

extension ComponentStatus {
    init(_ snapshot: ComponentSnapshot) {
        self.init(
            name: snapshot.name, verdict: snapshot.verdict, state: snapshot.state, detail: snapshot.detail,
            since: snapshot.since.rfc3339, unit: snapshot.unit, checks: snapshot.checks.map(CheckStatus.init),
            openIncident: snapshot.openIncident)
    }
}

extension CheckStatus {
    init(_ snapshot: CheckSnapshot) {
        self.init(
            name: snapshot.name, type: snapshot.type, verdict: snapshot.verdict, message: snapshot.message,
            lastAt: snapshot.lastAt?.rfc3339, seconds: snapshot.latency?.inSeconds)
    }
}
