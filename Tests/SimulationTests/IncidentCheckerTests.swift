import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Simulation

/// Each checker of incidents, ladders and checks catches what it is for, and is silent where all is well.
@Suite struct IncidentCheckerTests {
    @Test func `an incident on fewer failures than the policy asks for`() {
        var bench = CheckerBench(IncidentsHaveEvidence())
        for _ in 0..<2 { bench.probed(.down) }
        bench.open()
        #expect(bench.objections.count == 1)
        bench.probed(.down)
        bench.open(incident: 2)
        #expect(bench.objections.count == 1)
    }

    @Test func `results from before a stall are no evidence`() {
        var bench = CheckerBench(IncidentsHaveEvidence())
        let early = CheckResult.of(.down, at: bench.now)
        bench.wait(.seconds(5))
        bench.tell(.told(.stalled(.seconds(5))))
        for id in UInt64(1)...3 {
            bench.tell(.told(.probeFinished(id: id, component: "web", check: "http", early)))
        }
        bench.open()
        #expect(bench.objections.count == 1)
    }

    @Test func `an incident on a silence shorter than the policy allows`() {
        var component = Component.web
        component.checks = [Check(name: "beat", kind: .heartbeat(HeartbeatCheck(every: .seconds(5))))]
        var bench = CheckerBench(IncidentsHaveEvidence(), [component])
        bench.wait(.seconds(4))
        bench.tell(.told(.beat(component: "web", check: nil)))
        bench.wait(.seconds(4))
        bench.open()
        #expect(bench.objections.count == 1)
        bench.wait(.seconds(1))
        bench.open(incident: 2)
        #expect(bench.objections.count == 1)
    }

    @Test func `an incident opened twice, or ended without having been open`() {
        var bench = CheckerBench(IncidentsAreWellFormed())
        bench.open()
        bench.record(.incidentResolved(at: WallTime(microseconds: 3), by: .heald))
        #expect(bench.objections.isEmpty)
        bench.record(.incidentResolved(at: WallTime(microseconds: 3), by: .heald))
        #expect(bench.objections.count == 1)
        bench.open(incident: 2)
        bench.open(incident: 3)
        #expect(bench.objections.count == 2)
        bench.record(.actionSkipped(id: 1, action: "RESTART", attempt: 1, step: 0, why: ""), incident: 77)
        #expect(bench.objections.count == 3)
    }

    @Test func `times that run backwards`() {
        var bench = CheckerBench(TimesAreOrdered())
        bench.open(failedAt: 5, detectedAt: 5)
        bench.record(.incidentResolved(at: WallTime(microseconds: 5), by: .heald))
        #expect(bench.objections.isEmpty)
        bench.open(incident: 2, failedAt: 6, detectedAt: 5)
        #expect(bench.objections.count == 1)
        bench.record(.incidentResolved(at: WallTime(microseconds: 4), by: .heald), incident: 2)
        #expect(bench.objections.count == 2)
    }

    @Test func `the same alert again and again`() {
        var bench = CheckerBench(AlertsAreBounded())
        bench.open()
        let message = AlertMessage(
            event: .resolved, component: "web", incident: 1, severity: .high, channels: [], text: "",
            at: WallTime(microseconds: 1))
        bench.decide(.alert(message))
        #expect(bench.objections.isEmpty)
        bench.decide(.alert(message))
        #expect(bench.objections.count == 1)
    }

    @Test func `a level that is told again, and an end that nobody waits for`() {
        func message(_ severity: Severity, isEnd: Bool = false) -> Effect {
            .alert(
                AlertMessage(
                    event: isEnd ? .resolved : .degraded, component: nil, incident: nil, severity: severity,
                    channels: [], text: "", at: WallTime(microseconds: 1), resolves: isEnd ? .degraded : nil))
        }
        var bench = CheckerBench(AlertsAreBounded())
        for severity in [Severity.medium, .high, .critical] { bench.decide(message(severity)) }
        bench.wait(.seconds(300))
        bench.decide(message(.critical))
        #expect(bench.objections == [])
        var again = bench
        again.wait(.seconds(299))
        again.decide(message(.high))
        #expect(again.objections.count == 1)
        var early = bench
        early.wait(.seconds(60))
        early.decide(message(.critical, isEnd: true))
        #expect(early.objections.count == 1)
        bench.wait(.seconds(300))
        bench.decide(message(.critical, isEnd: true))
        #expect(bench.objections == [])
        bench.decide(message(.critical, isEnd: true))
        #expect(bench.objections.count == 1)
    }

    @Test func `a step out of order, too often, or that selects nothing`() {
        var nothing = Step(strategy: .restart(RestartStrategy()))
        nothing.when = Condition(categories: [])
        var bench = CheckerBench(LadderIsFollowed(), [.named("web", recovery: Step.defaultLadder + [nothing])])
        bench.open()
        bench.decide(.record(.intended(1)))
        bench.wait(.seconds(1))
        bench.decide(.record(.intended(2, attempt: 2)))
        #expect(bench.objections.isEmpty)
        bench.wait(.seconds(60))
        bench.decide(.record(.intended(3, attempt: 4)))
        #expect(bench.objections.count == 1)
        bench.decide(.record(.intended(4, step: 2)))
        #expect(bench.objections.count == 2)
        bench.decide(.record(.intended(5, step: 1, action: "ALERT")))
        bench.wait(.seconds(60))
        bench.decide(.record(.intended(6, step: 0, attempt: 3)))
        #expect(bench.objections.count == 3)
    }

    @Test func `an attempt before its backoff`() {
        var bench = CheckerBench(LadderIsFollowed())
        bench.open()
        bench.decide(.record(.intended(1)))
        bench.wait(.milliseconds(700))
        bench.decide(.record(.intended(2, attempt: 2)))
        #expect(bench.objections.count == 1)
    }

    @Test func `a restart against what no restart helps`() {
        var bench = CheckerBench(LadderIsFollowed())
        bench.open("web", .authError)
        bench.decide(.record(.intended(1)))
        #expect(bench.objections.count == 1)
    }

    @Test func `a check that is late, and one that hammers`() {
        var bench = CheckerBench(ChecksKeepTheirPace())
        let check = Component.web.checks[0]
        func ask() -> Effect { .probe(ProbeRequest(id: 1, component: "web", check: check)) }
        bench.decide(ask())
        bench.wait(.seconds(3))
        bench.tell(.told(.deadline))
        #expect(bench.objections.isEmpty)
        bench.wait(.seconds(2))
        bench.tell(.told(.deadline))
        #expect(bench.objections.count == 1)
        for _ in 0..<8 { bench.decide(ask()) }
        #expect(bench.objections.count == 2)
    }

    @Test func `an end that is not one`() {
        var bench = CheckerBench(EverythingIsHealed())
        bench.open()
        bench.tell(.ended(records: [], hopeless: [], settled: false))
        #expect(bench.objections.count == 1)
        bench.record(.incidentExhausted(rearmAt: WallTime(microseconds: 9)))
        bench.tell(.ended(records: [], hopeless: [], settled: true))
        #expect(bench.objections.count == 2)
        bench.decide(
            .alert(
                AlertMessage(
                    event: .healingFailed, component: "web", incident: 1, severity: .high, channels: [], text: "",
                    at: WallTime(microseconds: 1))))
        bench.tell(.ended(records: [], hopeless: [], settled: true))
        #expect(bench.objections.count == 2)
    }

    @Test func `an engine that spins, and one that watches the wrong units`() {
        var bench = CheckerBench(EngineIsCalm())
        bench.decide(.watchUnits(["web.service"]))
        for _ in 0..<20 { bench.tell(.told(.deadline)) }
        #expect(bench.objections.isEmpty)
        bench.decide(.watchUnits([]))
        #expect(bench.objections.count == 1)
        for _ in 0..<20 { bench.tell(.told(.deadline)) }
        #expect(bench.objections.count > 1)
    }

    @Test func `a repair called a failure before anything failed`() {
        var bench = CheckerBench(ProofsAreFair())
        bench.died()
        bench.act(ends: true)
        bench.wait(.seconds(1))
        bench.record(.verification(action: 1, succeeded: false, detail: ""))
        #expect(bench.objections.count == 1)
        bench.probed(.down)
        bench.record(.verification(action: 1, succeeded: false, detail: ""))
        #expect(bench.objections.count == 1)
    }

    @Test func `a flood of records`() {
        var bench = CheckerBench(TrailIsBounded())
        for _ in 0..<300 {
            bench.wait(.milliseconds(500))
            bench.record(.note("again"))
        }
        #expect(bench.objections.isEmpty)
        for _ in 0..<100 { bench.record(.note("again")) }
        #expect(!bench.objections.isEmpty)
    }

    @Test func `every checker is on the bench of every run`() {
        let kinds = Set(Referee.allCheckers().map { type(of: $0).invariant })
        #expect(kinds.count == Referee.allCheckers().count)
        #expect(kinds.count == 49)
    }
}
