import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Simulation

/// The checkers of drills catch what they are for, and are silent where all is well.
@Suite struct DrillCheckerTests {
    /// `web` runs, and answers.
    private static func bench(_ components: [Component] = [.web], guards: Guards = Guards()) -> CheckerBench {
        var bench = CheckerBench(DrillsAreSafe(), components, guards: guards)
        for component in components { bench.running(component.unit ?? "") }
        bench.wait(.seconds(60))
        return bench
    }

    private static func beginning(_ id: Int64, _ fault: DrillFault) -> DrillBeginning {
        DrillBeginning(
            cause: DrillCause(id: id, fault: fault, by: "root", reason: nil), unit: "web.service", invocationID: "a",
            mainPID: 7, noticedBy: WallTime(microseconds: 9))
    }

    @discardableResult
    private static func drill(
        _ bench: inout CheckerBench, _ id: Int64 = 1, _ fault: DrillFault = .kill, isPerformed: Bool = true,
        ends: Bool = true
    ) -> ActionRequest {
        let request = ActionRequest(
            id: id, incident: 0, component: "web", action: "DRILL", unit: "web.service", attempt: 1,
            timeout: .seconds(15), expectedInvocationID: "a", policyGeneration: 1, drill: .inject(fault))
        bench.decide(.record(.of(.drillBegun(Self.beginning(id, fault)), "web", nil)), .act(request))
        if isPerformed { bench.tell(.actionPerformed(request)) }
        bench.tell(.told(.actionFinished(id: id, ActionOutcome(.succeeded, detail: ""))))
        if ends { bench.record(.drillEnded(id: id, .healed, detail: ""), incident: nil) }
        return request
    }

    @Test func `a drill of what is well is no violation`() {
        var bench = Self.bench()
        Self.drill(&bench)
        #expect(bench.objections.isEmpty)
    }

    /// Each spoils one thing.
    @Test(arguments: [
        "paused", "frozen", "unrecorded", "latched", "incident", "breaker", "failing", "down", "job", "just started",
        "observed", "no repair", "unnoticed", "dependent", "dependency", "in flight", "budget",
    ])
    func `a drill that should have been refused`(spoilt: String) {
        var web = Component.web
        var guards = Guards()
        switch spoilt {
        case "observed": web.mode = .observe
        case "no repair": web.recovery = [.init(strategy: .alert(AlertStrategy()))]
        case "unnoticed": web.checks.removeAll { $0.name == "http" }
        case "dependency": web.dependsOn = ["db"]
        case "budget": guards.maxActions = .init(count: 3, per: .seconds(600))
        default: break
        }
        var bench = Self.bench([web, .named("db"), .named("www", dependsOn: ["web"])], guards: guards)
        var fault = DrillFault.kill
        switch spoilt {
        case "paused":
            bench.tell(.told(.operatorAsked(.pause(component: nil, for: .seconds(10), by: "root", reason: ""))))
        case "frozen": bench.record(.freezeChanged(frozen: true, why: ""), of: nil, incident: nil)
        case "unrecorded": bench.tell(.told(.recordingFailed(why: "full")))
        case "latched": bench.record(.latchChanged(latched: true, why: ""))
        case "incident": bench.open()
        case "breaker": bench.record(.breakerChanged(from: "closed", to: "open", why: ""))
        case "failing": bench.probed(.down)
        case "down": bench.died()
        case "job":
            bench.see(
                UnitObservation(
                    activeState: .active, invocationID: "a", job: UnitJob(id: 1, type: "reload", isOurs: false)))
        case "just started": bench.running("web.service", "b")
        case "unnoticed": fault = .hang
        case "dependent": bench.open("www", incident: 4)
        case "dependency": bench.open("db", incident: 4)
        case "in flight": bench.act(id: 77)
        case "budget":
            for id in 70...71 { bench.act(on: "db", id: Int64(id), isCarriedOut: true, ends: true) }
        default: break
        }
        Self.drill(&bench, 1, fault)
        #expect(bench.objections.count == 1, "\(bench.objections)")
    }

    @Test func `two at once, and the same fault twice`() {
        var bench = Self.bench()
        Self.drill(&bench, 1, ends: false)
        #expect(bench.objections.isEmpty)
        Self.drill(&bench, 2, isPerformed: false)
        #expect(bench.objections.count >= 1)
        var twice = Self.bench()
        let request = Self.drill(&twice, 1)
        twice.tell(.actionPerformed(request))
        #expect(twice.objections.count == 1)
    }

    @Test func `a process that stays stopped, and a drill that never ends`() {
        var bench = CheckerBench(DrillsAreTakenBack())
        bench.tell(.drillsOver(stopped: []))
        #expect(bench.objections.isEmpty)
        bench.tell(.drillsOver(stopped: ["web.service"]))
        #expect(bench.objections.count == 1)
        let begun = AuditRecord.of(.drillBegun(Self.beginning(1, .kill)), "web", nil)
        let ended = AuditRecord.of(.drillEnded(id: 1, .healed, detail: ""), "web", nil)
        bench.tell(.ended(records: [begun, ended], hopeless: [], settled: true))
        #expect(bench.objections.count == 1)
        bench.tell(.ended(records: [begun], hopeless: [], settled: true))
        #expect(bench.objections.count == 2)
        bench.tell(.ended(records: [begun, ended, ended], hopeless: [], settled: true))
        #expect(bench.objections.count == 3)
    }

    @Test func `worlds have drills of both kinds, healed, refused and interrupted`() {
        var outcomes: [DrillOutcome: Int] = [:]
        var faults: Set<DrillFault> = []
        for seed in 1...120 as ClosedRange<UInt64> {
            let world = SimulatedWorld(scenario: Scenario(seed: seed))
            world.run()
            #expect(world.referee.violations.isEmpty, "seed \(seed)")
            for record in world.store.allRecords {
                if case .drillBegun(let beginning) = record.body { faults.insert(beginning.cause.fault) }
                if case .drillEnded(_, let outcome, _) = record.body { outcomes[outcome, default: 0] += 1 }
            }
        }
        #expect(faults == [.kill, .hang])
        #expect(outcomes[.healed, default: 0] > 10, "\(outcomes)")
    }
}
