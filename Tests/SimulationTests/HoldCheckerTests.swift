import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Simulation

/// Each checker of what holds automation back catches what it is for, and is silent where all is well.
@Suite struct HoldCheckerTests {
    @Test func `an action while paused, until the pause is over`() {
        var bench = CheckerBench(NoActionWhileHeld())
        bench.died()
        bench.tell(.told(.operatorAsked(.pause(component: nil, for: .seconds(10), by: "root", reason: ""))))
        bench.act()
        #expect(bench.objections.count == 1)
        bench.wait(.seconds(10))
        bench.act()
        #expect(bench.objections.count == 1)
    }

    @Test func `an action while frozen, unrecorded, or only observing`() {
        var bench = CheckerBench(NoActionWhileHeld(), [.web, .named("seen", mode: .observe)])
        bench.died()
        bench.died("seen.service")
        bench.act()
        #expect(bench.objections.isEmpty)
        bench.act(on: "seen")
        #expect(bench.objections.count == 1)
        bench.record(.freezeChanged(frozen: true, why: ""), of: nil, incident: nil)
        bench.act()
        #expect(bench.objections.count == 2)
        bench.record(.freezeChanged(frozen: false, why: ""), of: nil, incident: nil)
        bench.tell(.told(.recordingFailed(why: "full")))
        bench.act()
        #expect(bench.objections.count == 3)
    }

    @Test func `an action on nothing but what was seen before a stall`() {
        var bench = CheckerBench(NoActionWhileHeld())
        bench.probed(.down)
        bench.wait(.seconds(1))
        bench.tell(.told(.stalled(.seconds(30))))
        bench.act()
        #expect(bench.objections.count == 1)
        bench.wait(.seconds(1))
        bench.probed(.down)
        bench.act()
        #expect(bench.objections.count == 1)
    }

    @Test(arguments: [Desired.running, .follow])
    func `what ought to run and is left stopped, but while it is paused`(desired: Desired) {
        var component = Component.web
        component.desired = desired
        var bench = CheckerBench(DesiredIsKept(), [component])
        let stopped = UnitObservation(activeState: .inactive, invocationID: "a", stoppedByOther: true)
        bench.running()
        bench.see(stopped)
        bench.wait(.seconds(9))
        bench.tell(.told(.deadline))
        #expect(bench.objections.isEmpty)
        bench.tell(.told(.operatorAsked(.pause(component: "web", for: .seconds(20), by: "root", reason: ""))))
        bench.wait(.seconds(19))
        bench.tell(.told(.deadline))
        #expect(bench.objections.isEmpty)
        bench.wait(.seconds(2))
        bench.tell(.told(.deadline))
        bench.wait(.seconds(11))
        bench.tell(.told(.deadline))
        #expect(bench.objections.isEmpty == (desired == .follow))
    }

    @Test func `an action on what an operator stopped, until it is started or given back`() {
        var bench = CheckerBench(NoActionOnForeignHands())
        let stopped = UnitObservation(activeState: .inactive, invocationID: "a", stoppedByOther: true)
        bench.see(stopped)
        bench.act()
        #expect(bench.objections.count == 1)
        bench.tell(.told(.operatorAsked(.resume(component: "web", by: "root"))))
        bench.see(stopped)
        bench.act()
        #expect(bench.objections.count == 1)
    }

    @Test func `an action on a unit that somebody is at`() {
        var bench = CheckerBench(NoActionOnForeignHands())
        bench.see(UnitObservation(activeState: .failed, job: UnitJob(id: 1, type: "start", isOurs: true)))
        bench.act()
        #expect(bench.objections.isEmpty)
        bench.see(UnitObservation(activeState: .failed, job: UnitJob(id: 2, type: "start", isOurs: false)))
        bench.act()
        bench.see(UnitObservation(activeState: .activating, subState: "auto-restart"))
        bench.act()
        #expect(bench.objections.count == 2)
    }

    @Test func `an action while too much of the host is down by itself`() {
        let names = ["a", "b", "c", "d", "e"]
        var bench = CheckerBench(
            FreezeHolds(), names.map { .named($0) }, guards: Guards(maxUnhealthy: 0.4))
        for (number, name) in names.prefix(2).enumerated() {
            bench.died("\(name).service")
            bench.open(name, incident: Int64(number))
        }
        bench.act(on: "a")
        #expect(bench.objections.isEmpty)
        bench.died("c.service")
        bench.open("c", incident: 9)
        bench.act(on: "a")
        #expect(bench.objections.count == 1)
    }

    @Test func `an action through an open breaker, or one that should have opened`() {
        var bench = CheckerBench(BreakerHolds())
        bench.open()
        bench.record(.breakerChanged(from: "closed", to: "open", why: ""))
        bench.act()
        #expect(bench.objections.count == 1)
        bench.record(.breakerChanged(from: "open", to: "half-open", why: ""))
        bench.act()
        #expect(bench.objections.count == 1)
        for id in Int64(10)...11 {
            bench.decide(.record(.intended(id)))
            bench.record(.verification(action: id, succeeded: false, detail: ""))
        }
        bench.act()
        #expect(bench.objections.count == 2)
    }

    @Test func `an action before a slow start has had its time`() {
        var bench = CheckerBench(GraceIsRespected())
        bench.died()
        bench.running("web.service", "b")
        bench.wait(.seconds(9))
        bench.act(invocation: "b")
        #expect(bench.objections.count == 1)
        bench.wait(.seconds(1))
        bench.act(invocation: "b")
        #expect(bench.objections.count == 1)
    }

    @Test func `an action on a dependent before its dependency`() {
        var bench = CheckerBench(DependentsWait(), [.named("db"), .named("web", dependsOn: ["db"])])
        bench.died("db.service")
        bench.died()
        bench.open("db")
        bench.act(on: "db")
        #expect(bench.objections.isEmpty)
        bench.act()
        #expect(bench.objections.count == 1)
    }

    @Test func `a root cause that is not one`() {
        var bench = CheckerBench(
            RootCauseIsTrue(), [.named("db"), .named("web", dependsOn: ["db"]), .named("other")])
        bench.running("db.service")
        bench.running("other.service")
        bench.open("web", incident: 1, root: "db")
        bench.open("web", incident: 2, root: "other")
        #expect(bench.objections.count == 2)
        bench.died("db.service")
        bench.open("web", incident: 3, root: "db")
        #expect(bench.objections.count == 2)
    }

    @Test func `an action before the cooldown after a freeze has passed`() {
        var bench = CheckerBench(StormsAreWaitedOut(), guards: Guards(stormCooldown: .seconds(60)))
        bench.act()
        bench.record(.freezeChanged(frozen: true, why: ""), of: nil, incident: nil)
        bench.record(.freezeChanged(frozen: false, why: ""), of: nil, incident: nil)
        bench.wait(.seconds(59))
        bench.act()
        #expect(bench.objections.count == 1)
        bench.wait(.seconds(1))
        bench.act()
        #expect(bench.objections.count == 1)
    }

    @Test func `an action that nobody approved, or whose approval is used or too old`() {
        var web = Component.named("web", mode: .approve)
        web.approvalExpires = .seconds(60)
        var bench = CheckerBench(ActionsAreApproved(), [web, .named("api")])
        func ask(_ id: Int64) {
            bench.record(
                .approvalAsked(
                    id: id, action: "RESTART", attempt: 1, step: 0, until: WallTime(microseconds: 9), why: ""))
        }
        bench.act(on: "api")
        #expect(bench.objections.isEmpty)
        bench.act(id: 7)
        #expect(bench.objections.count == 1)
        ask(8)
        bench.tell(.told(.operatorAsked(.approve(id: 8, by: "root", reason: nil))))
        bench.act(id: 8)
        #expect(bench.objections.count == 1)
        bench.act(id: 8)
        #expect(bench.objections.count == 2)
        ask(9)
        bench.tell(.told(.operatorAsked(.approve(id: 9, by: "root", reason: nil))))
        bench.record(.approvalDecided(id: 9, .denied, by: "root", why: nil))
        bench.act(id: 9)
        #expect(bench.objections.count == 3)
        ask(10)
        bench.tell(.told(.operatorAsked(.approve(id: 10, by: "root", reason: nil))))
        bench.wait(.seconds(61))
        bench.act(id: 10)
        #expect(bench.objections.count == 4)
    }

    @Test func `an action within a maintenance window`() throws {
        var bench = CheckerBench(WindowsAreKept())
        let window = MaintenanceWindow(
            name: "n", components: ["web"], calendar: try #require(CalendarExpression("1970-01-01 00:00:00 UTC")),
            duration: .seconds(60))
        bench.record(AuditRecord.intended(1).body)
        #expect(bench.objections.isEmpty)
        let policy = PolicySnapshot(components: [.web, .named("api")], maintenance: [window])
        bench.tell(.told(.policyLoaded(policy, generation: 2)))
        bench.record(AuditRecord.intended(2).body, of: "api")
        #expect(bench.objections.isEmpty)
        bench.record(AuditRecord.intended(3).body)
        #expect(bench.objections.count == 1)
    }

    @Test func `an action in a group that is frozen, and in no other`() {
        var web = Component.web
        web.group = "a"
        var api = Component.named("api")
        api.group = "b"
        var bench = CheckerBench(NoActionWhileHeld(), [web, api])
        bench.died()
        bench.died("api.service")
        bench.record(.groupFreezeChanged(group: "a", frozen: true, why: ""), of: nil, incident: nil)
        bench.act(on: "api")
        #expect(bench.objections.isEmpty)
        bench.act()
        #expect(bench.objections.count == 1)
        bench.record(.groupFreezeChanged(group: "a", frozen: false, why: ""), of: nil, incident: nil)
        bench.act()
        #expect(bench.objections.count == 1)
    }
}
