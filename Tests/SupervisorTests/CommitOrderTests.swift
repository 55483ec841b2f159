import Policy
import RecoveryEngine
import ResilienceCore
import Synchronization
import Testing

@testable import Supervisor

@Suite struct `Intent before effect` {
    @Test func `an action begins only after its batch was committed durably`() {
        let harness = LoopHarness()
        harness.engine.answers { event, _ in
            event == unitFailed ? [.probe(probe(9)), intent(1), .act(request(1))] : []
        }
        harness.take(unitFailed)
        #expect(
            harness.world.trace.prefix(3) == [
                .committed(records: 1, components: 0, host: false, alerts: 0, durable: true), .probed(9), .acted(1),
            ])
    }

    @Test func `what is done keeps the engine's order over several events of one batch`() {
        let harness = LoopHarness()
        harness.engine.answers { event, _ in
            switch event {
            case unitFailed: [.act(request(1)), intent(1), .probe(probe(1))]
            case .unitsUnknown: [.probe(probe(2)), intent(2), .act(request(2)), note()]
            default: []
            }
        }
        harness.take(unitFailed, .unitsUnknown(why: "bus gone"))
        #expect(
            harness.world.trace.prefix(5) == [
                .committed(records: 3, components: 0, host: false, alerts: 0, durable: true), .acted(1), .probed(1),
                .probed(2), .acted(2),
            ])
    }

    @Test func `all events that wait share one commit, in the order in which they came`() {
        let harness = LoopHarness()
        harness.engine.answers { event, _ in
            if case .unitsUnknown(let why) = event { [note(why)] } else { [] }
        }
        harness.take(.unitsUnknown(why: "1"), .unitsUnknown(why: "2"), .unitsUnknown(why: "3"))
        #expect(harness.world.batches.last?.records.map(\.body) == [.note("1"), .note("2"), .note("3")])
        #expect(harness.world.batches.count == 2)
    }

    @Test func `nothing is written where nothing was decided`() {
        let harness = LoopHarness()
        harness.take(unitFailed)
        #expect(harness.world.batches.count == 1)
    }

    @Test func `records, states, host and messages go into one batch, of each component its last state`() {
        let harness = LoopHarness()
        let early = SavedComponent(stoppedByOperator: false)
        let late = SavedComponent(stoppedByOperator: true)
        harness.engine.answers { event, _ in
            guard event == unitFailed else { return [] }
            return [
                .saveComponent("web", early), note(), .saveComponent("db", early), .saveComponent("web", late),
                .forgetComponent("db"), .saveHost(SavedHost(nextIncident: 8)), alert(),
            ]
        }
        harness.take(unitFailed)
        let batch = harness.world.batches.last
        #expect(batch?.components.map(\.name) == ["web", "db"])
        #expect(batch?.components.map(\.state) == [late, nil])
        #expect(batch?.host?.nextIncident == 8)
        #expect(batch?.alerts.map(\.text) == ["help"])
        #expect(
            harness.world.trace.prefix(2) == [
                .committed(records: 1, components: 2, host: true, alerts: 1, durable: true), .alertsWoken,
            ])
    }

    @Test(arguments: [
        (note(), false), (intent(4), true), (alert(), true),
        (
            .record(
                AuditRecord(
                    at: wall(seconds: 1), component: "web", incident: 1,
                    .incidentResolved(at: wall(seconds: 1), by: .heald))), true
        ),
        (
            .record(
                AuditRecord(
                    at: wall(seconds: 1), .actionFinished(id: 1, ActionOutcome(.succeeded, detail: "")))), false
        ),
    ])
    func `a batch is durable where something outside follows from it`(effect: Effect, durable: Bool) {
        let harness = LoopHarness()
        harness.engine.answers { event, _ in event == unitFailed ? [effect] : [] }
        harness.take(unitFailed)
        #expect(harness.world.batches.last?.isDurable == durable)
    }

    @Test func `an action without a record of its intent is refused, one with it in the same batch is not`() {
        let harness = LoopHarness()
        harness.engine.answers { event, _ in
            event == unitFailed ? [intent(1), .act(request(1)), .act(request(2))] : []
        }
        harness.take(unitFailed)
        #expect(harness.world.trace.contains(.acted(1)))
        #expect(!harness.world.trace.contains(.acted(2)))
        #expect(
            harness.engine.events.last
                == .actionFinished(
                    id: 2, ActionOutcome(.refused, detail: "no record of its intent came with it")))
    }

    @Test func `an outcome reaches the engine once, though the time limit and the runner both speak`() async {
        let harness = LoopHarness()
        harness.engine.answers { event, _ in
            event == unitFailed ? [intent(1), .act(request(1, timeout: .seconds(5)))] : []
        }
        harness.take(unitFailed)
        // Twice the timeout and 10 s.
        harness.world.clock.advance(by: .seconds(20))
        _ = harness.loop.turn()
        harness.world.finish(1, ActionOutcome(.succeeded, detail: "late"))
        #expect(await harness.takeNext())
        let outcomes = harness.engine.events.compactMap { event -> ActionResult? in
            if case .actionFinished(1, let outcome) = event { outcome.result } else { nil }
        }
        #expect(outcomes == [.timedOut])
    }
}
