import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Simulation

/// The checkers of degradation object to what they are there for, and to nothing else.
@Suite struct DegradationCheckerTests {
    private static func bench(_ checker: any Checker, isObserved: Bool = false) -> CheckerBench {
        var bench = CheckerBench(checker)
        let levels: [DegradationLevel: LevelPolicy] = [
            .degraded: LevelPolicy(enter: LevelCondition(unhealthy: 0.5), freeze: ["idle.service"]),
            .minimal: LevelPolicy(enter: LevelCondition(components: ["web"]), stop: ["spare.service"]),
        ]
        let policy = PolicySnapshot(
            components: [.web],
            degradation: DegradationPolicy(levels: levels, stepUpAfter: .seconds(10), isObserved: isObserved))
        bench.tell(.told(.policyLoaded(policy, generation: 2)))
        return bench
    }

    private static func change(_ from: DegradationLevel, _ to: DegradationLevel) -> AuditRecord.Body {
        .degradationChanged(from: from, to: to, why: "")
    }

    private static func request(_ order: ActionOrder, id: Int64 = 7) -> ActionRequest {
        ActionRequest(
            id: id, incident: 0, component: ActionRequest.ofHost, action: "DEGRADE", unit: "spare.service", attempt: 1,
            timeout: .seconds(60), expectedInvocationID: nil, policyGeneration: 2, order: order)
    }

    @Test func `a level without a cause`() {
        for level in [DegradationLevel.degraded, .minimal, .emergency] {
            var bench = Self.bench(LevelsAreJustified())
            bench.record(Self.change(.normal, level), of: nil, incident: nil)
            #expect(bench.objections.count == 1, "\(level)")
        }
        var justified = Self.bench(LevelsAreJustified())
        justified.open()
        justified.record(Self.change(.normal, .minimal), of: nil, incident: nil)
        #expect(justified.objections == [])
        var asked = Self.bench(LevelsAreJustified())
        asked.decide(
            .record(
                .of(.actionIntended(id: 1, action: "DEGRADE", attempt: 1, step: 0, unit: nil, why: ""), "web", 1)),
            .record(.of(Self.change(.normal, .minimal), nil, nil)))
        #expect(asked.objections == [])
    }

    @Test func `two levels upwards at once, or too soon`() {
        var skipped = Self.bench(LevelsAreLeftInSteps())
        skipped.record(Self.change(.minimal, .normal), of: nil, incident: nil)
        #expect(skipped.objections == ["MINIMAL is left for NORMAL"])
        var hasty = Self.bench(LevelsAreLeftInSteps())
        hasty.record(Self.change(.minimal, .degraded), of: nil, incident: nil)
        hasty.wait(.seconds(9))
        hasty.record(Self.change(.degraded, .normal), of: nil, incident: nil)
        #expect(hasty.objections.count == 1)
        var calm = Self.bench(LevelsAreLeftInSteps())
        calm.record(Self.change(.minimal, .degraded), of: nil, incident: nil)
        calm.wait(.seconds(10))
        calm.record(Self.change(.degraded, .normal), of: nil, incident: nil)
        #expect(calm.objections == [])
    }

    @Test func `units of another level, or with the hands off`() {
        var early = Self.bench(LevelsTouchOnlyTheirUnits())
        early.record(Self.change(.normal, .degraded), of: nil, incident: nil)
        early.decide(.act(Self.request(.stop(["spare.service"]))))
        #expect(early.objections.count == 1)
        early.decide(.act(Self.request(.limit(units: ["idle.service"], []), id: 8)))
        #expect(early.objections.count == 1)
        var observed = Self.bench(LevelsTouchOnlyTheirUnits(), isObserved: true)
        observed.record(Self.change(.normal, .minimal), of: nil, incident: nil)
        observed.decide(.act(Self.request(.stop(["spare.service"]))))
        #expect(observed.objections.count == 1)
        var paused = Self.bench(LevelsTouchOnlyTheirUnits())
        paused.record(Self.change(.normal, .minimal), of: nil, incident: nil)
        paused.tell(.told(.operatorAsked(.pause(component: nil, for: .seconds(9), by: "ann", reason: "work"))))
        paused.decide(.act(Self.request(.stop(["spare.service"]))))
        #expect(paused.objections.count == 1)
    }

    @Test func `a unit that was stopped and forgotten`() {
        let order = Self.request(.stop(["spare.service"]))
        var forgotten = Self.bench(ShedUnitsComeBack())
        forgotten.tell(.stepTaken(order, .stop("spare.service", expecting: nil)))
        forgotten.tell(.processEnded(unit: "spare.service", by: .us))
        var returned = forgotten
        var held = forgotten
        forgotten.tell(.left(barred: [], reduced: []))
        #expect(forgotten.objections.count == 1)
        returned.tell(.processBegan(unit: "spare.service", by: .us, askedAt: returned.now))
        returned.tell(.left(barred: [], reduced: []))
        #expect(returned.objections == [])
        let unit = ShedUnit(level: .minimal, way: .stop, hold: .held)
        held.decide(
            .saveHost(
                SavedHost(
                    degradation: SavedDegradation(
                        level: .minimal, since: WallTime(microseconds: 0), why: "", units: ["spare.service": unit]))))
        held.tell(.left(barred: [], reduced: []))
        #expect(held.objections == [])
    }

    @Test func `a thaw of what somebody else had frozen`() {
        func bench() -> CheckerBench { Self.bench(OthersFreezesAreTheirs()) }
        let freeze = Self.request(.limit(units: ["idle.service"], []))
        var theirs = bench()
        theirs.tell(.frozenByHand(unit: "idle.service", true))
        theirs.wait(.seconds(60))
        var tried = theirs
        theirs.tell(.thawed(unit: "idle.service", whose: .person))
        #expect(theirs.objections == ["idle.service is thawed"])
        tried.decide(.act(freeze))
        tried.tell(.told(.actionFinished(id: freeze.id, ActionOutcome(.succeeded, detail: ""))))
        tried.tell(.thawed(unit: "idle.service", whose: .person))
        #expect(tried.objections.count == 1, "a freeze of ours on top does not make it ours")
        var ours = bench()
        ours.decide(.act(freeze))
        // While ours is on its way, or in force, nobody can tell them apart.
        ours.tell(.frozenByHand(unit: "idle.service", true))
        ours.tell(.thawed(unit: "idle.service", whose: .us))
        #expect(ours.objections == [])
        // Thawed by an action whose end nobody heard, then frozen by hand, then thawed by what became of that action.
        let thaw = Self.request(.unlimit(units: ["idle.service"], []), id: 8)
        ours.decide(.act(thaw))
        ours.tell(.frozenByHand(unit: "idle.service", true))
        ours.tell(.thawed(unit: "idle.service", whose: .person))
        #expect(ours.objections == [])
        ours.tell(.told(.actionFinished(id: thaw.id, ActionOutcome(.succeeded, detail: ""))))
        ours.tell(.frozenByHand(unit: "idle.service", true))
        ours.tell(.thawed(unit: "idle.service", whose: .person))
        #expect(ours.objections.count == 1)
        var refused = bench()
        refused.decide(.act(freeze))
        refused.tell(.told(.actionFinished(id: freeze.id, ActionOutcome(.refused, detail: ""))))
        refused.tell(.frozenByHand(unit: "idle.service", true))
        refused.tell(.thawed(unit: "idle.service", whose: .person))
        #expect(refused.objections.count == 1)
    }

    @Test func `a level for a rate or a time that no check has seen`() {
        let http = [CheckReference(component: "web", check: "http")]
        let conditions = [
            LevelCondition(errorRate: ErrorRateCondition(checks: http, above: 0.5, within: .seconds(30))),
            LevelCondition(p95: ResponseTimeCondition(checks: http, above: .milliseconds(300), within: .seconds(30))),
        ]
        for (number, enter) in conditions.enumerated() {
            func objections(_ failures: Int, of count: Int, agoSeconds: Int64 = 0) -> Int {
                var bench = CheckerBench(LevelsAreJustified())
                let policy = PolicySnapshot(
                    components: [.web],
                    degradation: DegradationPolicy(levels: [.degraded: LevelPolicy(enter: enter)]))
                bench.tell(.told(.policyLoaded(policy, generation: 2)))
                for result in 0..<count {
                    let took = Duration.milliseconds(result < failures && number == 1 ? 500 : 20)
                    let verdict: Verdict = result < failures && number == 0 ? .down : .up
                    bench.tell(
                        .told(
                            .probeFinished(
                                id: 1, component: "web", check: "http",
                                CheckResult(
                                    verdict: verdict,
                                    failure: verdict == .up ? nil : Failure(reason: .timeout, message: ""),
                                    startedAt: bench.now, finishedAt: bench.now + took))))
                }
                bench.wait(.seconds(agoSeconds))
                bench.record(Self.change(.normal, .degraded), of: nil, incident: nil)
                return bench.objections.count
            }
            #expect(objections(3, of: 6) == 0)
            #expect(objections(3, of: 4) == 1, "too few to say anything")
            #expect(objections(3, of: 6, agoSeconds: 40) == 1, "too long ago")
            #expect(objections(number == 0 ? 2 : 0, of: 20) == 1)
        }
    }

    @Test func `a unit that stays frozen although no level asks for it`() {
        func left(_ hold: ShedUnit.Hold, at level: DegradationLevel) -> [String] {
            var bench = Self.bench(WhatWasLentComesBack())
            bench.record(Self.change(.normal, level), of: nil, incident: nil)
            let unit = ShedUnit(level: .degraded, way: .freeze, hold: hold)
            bench.decide(
                .saveHost(
                    SavedHost(
                        degradation: SavedDegradation(
                            level: level, since: WallTime(microseconds: 0), why: "", units: ["idle.service": unit]))))
            bench.tell(.left(barred: [], reduced: ["idle.service"]))
            return bench.objections
        }
        #expect(left(.held, at: .degraded) == [])
        #expect(left(.held, at: .minimal) == [], "a deeper level keeps it")
        #expect(left(.held, at: .normal) == ["[\"idle.service\"] never got everything back"])
        #expect(left(.resting, at: .degraded).count == 1, "what is not ours is no excuse for a freeze of ours")
    }

    @Test func `a level that the one before has led to`() {
        var bench = CheckerBench(LevelsAreJustified(), [.web, .named("batch")])
        let policy = PolicySnapshot(
            components: [.web, .named("batch")],
            degradation: DegradationPolicy(
                levels: [
                    .degraded: LevelPolicy(stop: ["batch.service"]),
                    .minimal: LevelPolicy(enter: LevelCondition(unhealthy: 1)),
                ]))
        bench.tell(.told(.policyLoaded(policy, generation: 2)))
        bench.open()
        bench.decide(
            .saveHost(
                SavedHost(
                    degradation: SavedDegradation(
                        level: .degraded, since: WallTime(microseconds: 0), why: "",
                        units: ["batch.service": ShedUnit(level: .degraded, way: .stop, hold: .held)]))))
        bench.record(Self.change(.degraded, .minimal), of: nil, incident: nil)
        #expect(bench.objections.count == 1, "batch is well, and rests only for the level")
    }
}
