import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Simulation

/// Each checker of actions catches what it is for, and is silent where all is well.
@Suite struct ActionCheckerTests {
    @Test func `a second action on a unit before the first has ended`() {
        var bench = CheckerBench(OneActionPerUnit())
        bench.act(ends: true)
        bench.act()
        #expect(bench.objections.isEmpty)
        bench.act()
        #expect(bench.objections.count == 1)
    }

    @Test func `an action while an older one is still being asked about`() {
        var bench = CheckerBench(OneActionPerUnit())
        let old = bench.act()
        bench.tell(.supervisorEnded(lost: []))
        let saved = RestoredState(components: ["web": SavedComponent(inFlight: old)])
        bench.tell(.supervisorStarted(run: 2, saved))
        bench.tell(.told(.started(saved)))
        bench.act()
        #expect(bench.objections.count == 1)
    }

    @Test func `one more than the budget, even across a restart of the supervisor`() {
        var bench = CheckerBench(
            ActionBudgetHolds(), guards: Guards(maxActions: .init(count: 2, per: .seconds(60))))
        bench.act(isCarriedOut: true)
        bench.wait(.seconds(30))
        bench.act(isCarriedOut: true)
        bench.tell(.supervisorEnded(lost: []))
        bench.tell(.supervisorStarted(run: 2, RestoredState()))
        bench.wait(.seconds(30))
        bench.act(isCarriedOut: true)
        #expect(bench.objections.isEmpty)
        bench.wait(.milliseconds(29_998))
        bench.act(isCarriedOut: true)
        #expect(bench.objections.count == 1)
    }

    @Test func `more at once than maxConcurrent`() {
        var bench = CheckerBench(
            MaxConcurrentHolds(), ["a", "b", "c"].map { .named($0) }, guards: Guards(maxConcurrent: 2))
        bench.act(on: "a")
        bench.act(on: "b")
        #expect(bench.objections.isEmpty)
        bench.act(on: "c")
        #expect(bench.objections.count == 1)
    }

    @Test func `an effect before its intent is on the disk`() {
        var bench = CheckerBench(IntentBeforeEffect())
        bench.tell(.committed([.record(.intended(1))], durable: true))
        bench.tell(.actionBegun(bench.act(id: 1)))
        #expect(bench.objections.isEmpty)
        bench.tell(.committed([.record(.intended(2))], durable: false))
        bench.tell(.actionBegun(bench.act(id: 2)))
        #expect(bench.objections.count == 1)
    }

    @Test(arguments: [
        ([AuditRecord.intended(1), .finished(1), .intended(2), .finished(2)], 0),
        ([.intended(1)], 1),
        ([.intended(1), .finished(1), .finished(1)], 1),
        ([.intended(1), .intended(1), .finished(1)], 1),
        ([.finished(1)], 1),
    ])
    func `intents that end never, twice or out of nothing`(records: [AuditRecord], objections: Int) {
        var bench = CheckerBench(IntentsAreClosed())
        bench.tell(.ended(records: records, hopeless: [], settled: true))
        #expect(bench.objections.count == objections)
    }

    @Test func `an action carried out twice`() {
        var bench = CheckerBench(NothingIsDoneTwice())
        let request = bench.act(isCarriedOut: true)
        #expect(bench.objections.isEmpty)
        bench.tell(.actionPerformed(request))
        #expect(bench.objections.count == 1)
        bench.tell(.actionBegun(request))
        #expect(bench.objections.count == 2)
    }

    @Test func `actions about what is no longer so`() {
        var bench = CheckerBench(ActionsAreFresh())
        bench.running()
        bench.act()
        #expect(bench.objections.isEmpty)
        bench.act(invocation: "older")
        bench.act(generation: 0)
        bench.act(on: "stranger")
        bench.tell(.told(.unitsUnknown(why: "the bus is gone")))
        bench.act()
        #expect(bench.objections.count == 4)
    }

    @Test func `a healthy component that is acted upon`() {
        var bench = CheckerBench(HealthyIsLeftAlone())
        bench.tell(.truth(component: "web", isWell: true))
        bench.wait(.seconds(5))
        bench.act()
        #expect(bench.objections.isEmpty)
        bench.wait(.seconds(60))
        bench.act()
        #expect(bench.objections.count == 1)
    }
}
