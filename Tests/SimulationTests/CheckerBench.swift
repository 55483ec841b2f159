import Policy
import RecoveryEngine
import ResilienceCore

@testable import Simulation

/// Shows made-up facts to one checker and collects what it objects to.
struct CheckerBench {
    private(set) var referee: Referee
    var now = MonotonicInstant(nanoseconds: 100_000_000_000)
    private var nextAction: Int64 = 1

    init(_ checker: any Checker, _ components: [Component] = [.web], guards: Guards = Guards()) {
        self.referee = Referee(checkers: [checker])
        self.tell(.supervisorStarted(run: 1, RestoredState()))
        self.tell(.told(.policyLoaded(PolicySnapshot(components: components, guards: guards), generation: 1)))
        self.tell(.told(.started(RestoredState())))
    }

    var objections: [String] { self.referee.violations.map(\.what) }

    mutating func tell(_ fact: Fact) { self.referee.observe(fact, at: self.now) }
    mutating func wait(_ duration: Duration) { self.now = self.now + duration }

    mutating func decide(_ effects: Effect...) { self.tell(.decided(effects)) }

    mutating func see(_ observation: UnitObservation, of unit: String = "web.service") {
        self.tell(.told(.unitObserved(unit: unit, observation)))
    }

    mutating func running(_ unit: String = "web.service", _ invocation: String = "a") {
        self.see(UnitObservation(activeState: .active, subState: "running", invocationID: invocation), of: unit)
    }

    mutating func died(_ unit: String = "web.service", _ invocation: String = "a") {
        self.see(
            UnitObservation(activeState: .failed, subState: "failed", invocationID: invocation, result: "signal"),
            of: unit)
    }

    mutating func probed(_ verdict: Verdict, _ check: String = "http", of component: String = "web") {
        self.tell(
            .told(.probeFinished(id: 1, component: component, check: check, .of(verdict, at: self.now))))
    }

    /// Decides on a restart and says that it was begun and carried out, as far as asked.
    @discardableResult
    mutating func act(
        on component: String = "web", invocation: String? = "a", generation: Int = 1, id: Int64? = nil,
        isCarriedOut: Bool = false, ends: Bool = false
    ) -> ActionRequest {
        let number = id ?? self.nextAction
        self.nextAction = max(self.nextAction, number) + 1
        let request = ActionRequest(
            id: number, incident: 1, component: component, action: "RESTART", unit: "\(component).service", attempt: 1,
            timeout: .seconds(30), expectedInvocationID: invocation, policyGeneration: generation)
        self.decide(.act(request))
        if isCarriedOut {
            self.tell(.actionBegun(request))
            self.tell(.actionPerformed(request))
        }
        if ends { self.tell(.told(.actionFinished(id: number, ActionOutcome(.succeeded, detail: "")))) }
        return request
    }

    mutating func record(_ body: AuditRecord.Body, of component: String? = "web", incident: Int64? = 1) {
        self.decide(.record(.of(body, component, incident)))
    }

    mutating func open(
        _ component: String = "web", _ reason: FailureReason = .crashed, incident: Int64 = 1, root: String? = nil,
        failedAt: Int64 = 1, detectedAt: Int64 = 2
    ) {
        self.record(
            .incidentOpened(.of(reason, root: root, failedAt: failedAt, detectedAt: detectedAt)), of: component,
            incident: incident)
    }
}

extension Component {
    static let web = Component.named("web")

    static func named(
        _ name: String, dependsOn: [String] = [], mode: Mode = .auto, recovery: [Step] = Step.defaultLadder,
        breaker: BreakerPolicy = BreakerPolicy(failures: 2)
    ) -> Component {
        Component(
            name: name, unit: "\(name).service", dependsOn: dependsOn, mode: mode,
            checks: [
                Check(name: "http", kind: .http(HTTPCheck(host: "127.0.0.1")), interval: .seconds(2)),
                Check(name: "unit", kind: .unit(UnitCheck())),
            ], recovery: recovery, breaker: breaker)
    }
}

extension CheckResult {
    static func of(_ verdict: Verdict, at now: MonotonicInstant) -> CheckResult {
        CheckResult(
            verdict: verdict, failure: verdict == .up ? nil : Failure(reason: .connection, message: "refused"),
            startedAt: now, finishedAt: now)
    }
}

extension AuditRecord {
    static func of(_ body: Body, _ component: String? = "web", _ incident: Int64? = 1) -> AuditRecord {
        AuditRecord(at: WallTime(microseconds: 1), component: component, incident: incident, body)
    }

    static func intended(_ id: Int64, step: Int = 0, attempt: Int = 1, action: String = "RESTART") -> AuditRecord {
        .of(.actionIntended(id: id, action: action, attempt: attempt, step: step, unit: "web.service", why: ""))
    }

    static func finished(_ id: Int64) -> AuditRecord {
        .of(.actionFinished(id: id, ActionOutcome(.succeeded, detail: "")))
    }
}

extension IncidentOpening {
    static func of(
        _ reason: FailureReason, root: String? = nil, failedAt: Int64 = 1, detectedAt: Int64 = 2, previous: Int64? = nil
    ) -> IncidentOpening {
        IncidentOpening(
            cause: IncidentCause(check: "unit", category: reason.category, reason: reason, message: ""),
            severity: .high, failedAt: WallTime(microseconds: failedAt),
            detectedAt: WallTime(microseconds: detectedAt), previous: previous, rootCause: root)
    }
}
