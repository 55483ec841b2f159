import ResilienceCore
import Testing

@Suite struct BreakerModelTests {
    /// One random life of a breaker beside its model.
    private struct Life {
        var machine: CallBreakerMachine
        var model: BreakerModel
        var now = MonotonicInstant(nanoseconds: 0)
        var permits: [(real: CallBreakerMachine.Permit, model: BreakerModel.Permit)] = []
        var generator: SeededGenerator
        var seen: Set<Passage> = []

        init(_ settings: BreakerSettings, seed: UInt64) {
            self.machine = CallBreakerMachine(settings: settings)
            self.model = BreakerModel(settings)
            self.generator = SeededGenerator(seed: seed)
        }

        mutating func pick(_ count: Int) -> Int { Int(self.generator.unit() * Double(count)) }

        mutating func liveOn() {
            let before = self.machine.changes
            let now = self.now
            switch self.pick(1_000) {
            case ..<400:
                let real = self.machine.admit { now }
                let model = self.model.admit(at: now)
                #expect((real == nil) == (model == nil))
                if let real, let model { self.permits.append((real, model)) }
            case ..<800:
                guard !self.permits.isEmpty else { return }
                let (real, model) = self.permits.remove(at: self.pick(self.permits.count))
                let severities = Severity.allCases
                let outcome: CallBreakerMachine.Outcome =
                    switch self.pick(10) {
                    case ..<6: .success
                    case ..<9: .failure(severities[self.pick(severities.count)])
                    default: .ignored
                    }
                self.machine.finish(real, outcome) { now }
                self.model.finish(model, outcome, at: now)
            // Whole seconds too, so that times meet their bounds exactly.
            case ..<900: self.now = now + .seconds(self.pick(4))
            case ..<985: self.now = now + .milliseconds(Int64(self.pick(4_000)))
            case ..<988:
                self.machine.reset(at: now)
                self.model.reset()
            case ..<991:
                self.machine.forceOpen(at: now)
                self.model.enter(.forcedOpen)
            case ..<994:
                self.machine.forceClose(at: now)
                self.model.enter(.forcedClosed)
            default: self.restore()
            }
            if self.machine.changes != before, let change = self.machine.lastChange {
                #expect(self.machine.changes == before + 1)
                #expect(change.at == now)
                self.seen.insert(Passage(change))
            }
        }

        private mutating func restore() {
            let states = BreakerStateKind.allCases
            var snapshot = self.machine.snapshot(at: self.now)
            if self.pick(2) == 0 {
                snapshot.state = states[self.pick(states.count)]
                snapshot.openLeft = .seconds(self.pick(5))
            }
            self.machine.restore(snapshot, downFor: .zero, at: self.now)
            self.model.restore(snapshot, at: self.now)
        }
    }

    private static func settings() throws -> [BreakerSettings] {
        let slow = try SlowCalls(longerThan: .seconds(2), share: 0.6)
        let rules: [(BreakerRule, SlowCalls?)] = [
            (.consecutive(failures: 3), nil), (.severity(atLeast: .high, failures: 3, within: .seconds(20)), nil),
            (.countWindow(calls: 6, minimum: 4, failureShare: 0.5), nil),
            (.countWindow(calls: 6, minimum: 4, failureShare: 0.9), slow),
            (.timeWindow(length: .seconds(20), minimum: 4, failureShare: 0.5), nil),
            (.timeWindow(length: .seconds(20), minimum: 3, failureShare: 0.9), slow),
        ]
        let plans: [HalfOpenPlan] = [.trials(1), .trials(3), .ramp(percents: [10, 50, 100], calls: 2)]
        return try rules.flatMap { rule, slow in
            try plans.flatMap { plan in
                try [1.0, 2.0].map { growth in
                    try BreakerSettings(
                        rule: rule, slow: slow, openFor: .seconds(5), openGrowth: growth, openMax: .seconds(40),
                        halfOpen: plan, hungAfter: .seconds(10))
                }
            }
        }
    }

    @Test func `random lives agree with the model, and take every legal passage and no other`() throws {
        var seen: Set<Passage> = []
        for (number, settings) in try Self.settings().enumerated() {
            for seed in 0..<4 {
                var life = Life(settings, seed: UInt64(number * 100 + seed))
                for _ in 0..<2_500 {
                    life.liveOn()
                    try #require(life.machine.state == life.model.state, "settings \(settings), seed \(seed)")
                    try #require(life.machine.level == life.model.level)
                }
                seen.formUnion(life.seen)
            }
        }
        #expect(seen.subtracting(legalPassages).sorted() == [])
        #expect(legalPassages.subtracting(seen).sorted() == [])
    }
}
