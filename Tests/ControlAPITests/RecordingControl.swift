import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor

/// Stands in for the supervisor behind the API and keeps what it was asked.
actor RecordingControl: SupervisorControl {
    enum Call: Hashable {
        case reload(by: String)
        case pause(component: String?, duration: Duration, by: String, reason: String)
        case resume(component: String?, by: String)
        case acknowledge(String, by: String)
        case failBack(String, by: String)
        case drill(String, DrillFault, by: String, reason: String?, isDryRun: Bool)
        case answer(String, approves: Bool, by: String, reason: String?)
        case check(String)
        case beat(component: String, check: String?)
    }

    nonisolated let events = EventFeed()
    private(set) var calls: [Call] = []
    private(set) var statusQuestions = 0
    private var answer: SupervisorStatus
    private var figuresAnswer: SupervisorFigures?
    private let reloadReport: ReloadReport
    private let isHung: Bool
    private let mainPID: Int32?
    private let drillEnds: DrillOutcome?

    init(
        components: [ComponentStatus] = [RecordingControl.component("api"), RecordingControl.component("db")],
        state: String = "running", reloadReport: ReloadReport = .init(applied: true, generation: 8, errors: []),
        isHung: Bool = false, mainPID: Int32? = nil, drillEnds: DrillOutcome? = nil
    ) {
        self.answer = SupervisorStatus(
            state: state, reason: nil, version: "1.2.3", startedAt: "2026-11-20T00:00:00.000000Z",
            policy: .init(generation: 7, loadedAt: "2026-11-20T01:00:00.000000Z", error: nil), components: components)
        self.reloadReport = reloadReport
        self.isHung = isHung
        self.mainPID = mainPID
        self.drillEnds = drillEnds
    }

    static func component(_ name: String) -> ComponentStatus {
        ComponentStatus(
            name: name, verdict: .up, state: "healthy", detail: nil, since: "2026-11-20T01:00:00.000000Z", unit: nil,
            checks: [
                CheckStatus(name: "port", type: "tcp", verdict: .up, message: nil, lastAt: nil, seconds: nil)
            ], openIncident: nil)
    }

    func status() async -> SupervisorStatus {
        self.statusQuestions += 1
        await self.hangIfWanted()
        return self.answer
    }

    /// What `figures` says, where it says anything beyond the bare state.
    func answers(_ figures: SupervisorFigures) { self.figuresAnswer = figures }

    func figures() async -> SupervisorFigures {
        self.statusQuestions += 1
        await self.hangIfWanted()
        return self.figuresAnswer
            ?? SupervisorFigures(version: "1.2.3", startedAt: WallTime(microseconds: 0), state: "running")
    }

    func reload(by operatorName: String) async -> ReloadReport {
        self.calls.append(.reload(by: operatorName))
        return self.reloadReport
    }

    func pause(component: String?, for duration: Duration, by operatorName: String, reason: String) async throws {
        try self.requireKnown(component)
        self.calls.append(.pause(component: component, duration: duration, by: operatorName, reason: reason))
    }

    func resume(component: String?, by operatorName: String) async throws {
        try self.requireKnown(component)
        if component == "db" { throw ControlError.invalid("db is not paused.") }
        self.calls.append(.resume(component: component, by: operatorName))
    }

    func acknowledge(component: String, by operatorName: String) async throws {
        try self.requireKnown(component)
        self.calls.append(.acknowledge(component, by: operatorName))
    }

    /// The component db runs as its own unit.
    func failBack(component: String, by operatorName: String) async throws {
        try self.requireKnown(component)
        if component == "db" {
            throw ControlError.refused(what: "db does not go back to its own unit.", why: "it is the active one")
        }
        self.calls.append(.failBack(component, by: operatorName))
    }

    /// The component db is not well.
    func drill(
        component: String, fault: DrillFault, by operatorName: String, reason: String?, isDryRun: Bool
    ) async throws -> DrillAnswer {
        try self.requireKnown(component)
        self.calls.append(.drill(component, fault, by: operatorName, reason: reason, isDryRun: isDryRun))
        var obstacles: [DrillObstacle] = []
        if component == "db" {
            obstacles = [DrillObstacle(.latched, "it is latched"), DrillObstacle(.paused, "it is paused")]
        }
        let plan = DrillPlan(
            component: component, fault: fault, unit: "\(component).service", mainPID: 42, obstacles: obstacles,
            noticedBy: ["port"], firstRepair: "RESTART", noticeWithinMs: 10_000, healWithinMs: 60_000)
        guard !isDryRun else { return DrillAnswer(plan: plan, drill: nil) }
        guard obstacles.isEmpty else { throw ControlError.drillRefused(plan) }
        let drill = DrillStatus(
            id: 7, component: component, fault: fault, unit: "\(component).service", mainPID: 42, by: operatorName,
            reason: reason, state: DrillStatus.running, begunAt: "2026-11-20T01:00:00.000000Z")
        self.answer.drill = drill
        if let end = self.drillEnds {
            self.answer.drill?.state = end.rawValue
            self.answer.drill?.injectedAt = "2026-11-20T01:00:00.000000Z"
            self.answer.drill?.upMs = 40
        }
        return DrillAnswer(plan: plan, drill: drill)
    }

    /// Number 17 waits, for the component api.
    func answerApproval(
        of target: String, approves: Bool, by operatorName: String, reason: String?
    ) async throws -> AnsweredApproval {
        guard target == "17" || target == "api" else {
            throw ControlError.noSuchApproval(target, waiting: ["17 (RESTART of api)"])
        }
        self.calls.append(.answer(target, approves: approves, by: operatorName, reason: reason))
        return AnsweredApproval(id: 17, component: "api", action: "RESTART", attempt: 2)
    }

    func checkNow(component: String) async throws -> [CheckStatus] {
        try self.requireKnown(component)
        self.calls.append(.check(component))
        await self.hangIfWanted()
        return [CheckStatus(name: "port", type: "tcp", verdict: .down, message: "refused", lastAt: nil, seconds: 0.25)]
    }

    func mainProcess(of component: String) async throws -> Int32? {
        try self.requireKnown(component)
        return self.mainPID
    }

    func beat(component: String, check: String?) async throws {
        try self.requireKnown(component)
        self.calls.append(.beat(component: component, check: check))
    }

    private func requireKnown(_ component: String?) throws {
        let known = self.answer.components.map(\.name)
        if let component, !known.contains(component) { throw ControlError.noSuchComponent(component, known: known) }
    }

    /// Deaf to cancellation, as a supervisor that is stuck would be, and bounded.
    private func hangIfWanted() async {
        guard self.isHung else { return }
        await Task.detached { try? await Task.sleep(for: .seconds(5)) }.value
    }
}
