import ResilienceCore
import Testing

/// Everything that can happen to a breaker of calls, done in every state that it can be in, beside the model. Times are
/// whole seconds and permits are few, so that the states are finite and none is left out.
@Suite struct BreakerReachabilityTests {
    private enum Event: Hashable {
        case admit
        case finish(permit: Int, CallBreakerMachine.Outcome)
        case second
        case reset, forceOpen, forceClose
        case restore(BreakerStateKind)
    }

    private struct World {
        var machine: CallBreakerMachine
        var model: BreakerModel
        var now = MonotonicInstant(nanoseconds: 0)
        var permits: [(real: CallBreakerMachine.Permit, model: BreakerModel.Permit)] = []

        init(_ settings: BreakerSettings) {
            self.machine = CallBreakerMachine(settings: settings)
            self.model = BreakerModel(settings)
        }

        /// - Returns: whether both answered the same.
        mutating func meet(_ event: Event) -> Bool {
            let now = self.now
            switch event {
            case .admit:
                let (real, model) = (self.machine.admit { now }, self.model.admit(at: now))
                if let real, let model { self.permits.append((real, model)) }
                self.dropVoid()
                return (real == nil) == (model == nil)
            case .finish(let index, let outcome):
                let permit = self.permits.remove(at: index)
                self.machine.finish(permit.real, outcome) { now }
                self.model.finish(permit.model, outcome, at: now)
            case .second: self.now = now + .seconds(1)
            case .reset:
                self.machine.reset(at: now)
                self.model.reset()
            case .forceOpen:
                self.machine.forceOpen(at: now)
                self.model.enter(.forcedOpen)
            case .forceClose:
                self.machine.forceClose(at: now)
                self.model.enter(.forcedClosed)
            case .restore(let kind):
                var snapshot = self.machine.snapshot(at: now)
                snapshot.state = kind
                snapshot.openLeft = .seconds(1)
                self.machine.restore(snapshot, downFor: .zero, at: now)
                self.model.restore(snapshot, at: now)
            }
            self.dropVoid()
            return true
        }

        /// What the glance says may be left out, done: it has to change nothing.
        var keepsWhatTheGlanceSays: Bool {
            let now = self.now
            if let permit = self.machine.glance.permit {
                var other = self.machine
                guard other.admit(at: { now }) == permit, other == self.machine else { return false }
            }
            return self.permits.allSatisfy { permit in
                guard self.machine.glance.isDeaf(toSuccessOf: permit.real) else { return true }
                var other = self.machine
                other.finish(permit.real, .success) { now }
                return other == self.machine
            }
        }

        /// Of the permits that a change has made void one is kept, to be handed back late.
        private mutating func dropVoid() {
            let void = self.permits.indices.filter { self.permits[$0].model.epoch != self.model.epoch }
            for index in void.dropLast().reversed() { self.permits.remove(at: index) }
        }

        func events(_ scope: Scope) -> [Event] {
            var events: [Event] = [.second, .reset, .forceOpen, .forceClose]
            if self.permits.count < scope.permitsMax { events.append(.admit) }
            events += BreakerStateKind.allCases.map { .restore($0) }
            for index in self.permits.indices { events += scope.outcomes.map { .finish(permit: index, $0) } }
            return events
        }

        func key(_ scope: Scope) -> [Int] {
            var key = self.model.memory(at: self.now, horizon: scope.horizon, levelMax: scope.levelMax)
            key.append(.min)
            BreakerReachabilityTests.fingerprint(self.machine, from: self.now, scope, into: &key)
            for permit in self.permits {
                let isCurrent = permit.model.epoch == self.model.epoch
                key += [
                    isCurrent ? 1 : 0, isCurrent ? seconds(permit.model.beganAt, from: self.now, scope.horizon) : 0,
                ]
            }
            return key
        }
    }

    /// How far it is looked.
    private struct Scope {
        var settings: BreakerSettings
        var permitsMax = 2
        var outcomes: [CallBreakerMachine.Outcome] = [.success, .failure(.high), .ignored]
        /// Further away than this no time makes a difference.
        var horizon = 2
        /// From here on the open time grows no more.
        var levelMax = 1
    }

    /// Every stored property of the machine, down to the last, but for what only counts changes or tells of them. Times
    /// as they lie from `now`, none further than the horizon.
    private static func fingerprint(
        _ value: Any, _ label: String? = nil, from now: MonotonicInstant, _ scope: Scope, into key: inout [Int]
    ) {
        switch (label, value) {
        case ("generation", _), ("changes", _), ("lastChange", _), ("settings", _), ("rule", _),
            ("slow", is SlowCalls?):
            return
        case ("level", let level as Int): key.append(min(level, scope.levelMax))
        case (_, let time as MonotonicInstant): key.append(seconds(time, from: now, scope.horizon))
        case (_, let time as Duration): key.append(Int(time.components.seconds))
        case (_, let number as Int): key.append(number)
        case (_, let truth as Bool): key.append(truth ? 1 : 0)
        default:
            let mirror = Mirror(reflecting: value)
            key.append(mirror.children.count)
            if mirror.displayStyle == .enum { key.append(contentsOf: "\(value)".prefix(9).utf8.map(Int.init)) }
            for child in mirror.children { self.fingerprint(child.value, child.label, from: now, scope, into: &key) }
        }
    }

    private static func scopes() throws -> [Scope] {
        func settings(
            _ rule: BreakerRule, slow: SlowCalls? = nil, growth: Double = 2, _ plan: HalfOpenPlan = .trials(2)
        ) throws -> BreakerSettings {
            try BreakerSettings(
                rule: rule, slow: slow, openFor: .seconds(1), openGrowth: growth, openMax: .seconds(2), halfOpen: plan,
                hungAfter: .seconds(1))
        }
        let slow = try SlowCalls(longerThan: .seconds(1), share: 1)
        return [
            Scope(settings: try settings(.consecutive(failures: 2))),
            Scope(
                settings: try settings(.countWindow(calls: 2, minimum: 2, failureShare: 0.6), slow: slow, .trials(1))),
            Scope(
                settings: try settings(.severity(atLeast: .high, failures: 2, within: .seconds(2)), growth: 1),
                permitsMax: 1, outcomes: [.success, .failure(.high), .failure(.low), .ignored], levelMax: 0),
            Scope(settings: try settings(.consecutive(failures: 1), .ramp(percents: [40, 100], calls: 2))),
        ]
    }

    @Test func `every reachable state does in every event what the model does`() throws {
        var passages: Set<Passage> = []
        var glances: Set<BreakerStateKind> = []
        for scope in try Self.scopes() {
            var seen: Set<[Int]> = []
            var frontier = [World(scope.settings)]
            while let world = frontier.popLast() {
                for event in world.events(scope) {
                    var next = world
                    let agrees = next.meet(event)
                    guard agrees, next.machine.state == next.model.state, next.machine.level == next.model.level else {
                        Issue.record("\(event) of \(world) leads to \(next)")
                        return
                    }
                    try #require(next.keepsWhatTheGlanceSays, "after \(event) of \(world)")
                    if next.machine.glance.permit != nil { glances.insert(next.machine.state.kind) }
                    if next.machine.changes != world.machine.changes, let change = next.machine.lastChange {
                        try #require(next.machine.changes == world.machine.changes + 1)
                        try #require(change.from == world.machine.state.kind && change.to == next.machine.state.kind)
                        passages.insert(Passage(change))
                    }
                    if seen.insert(next.key(scope)).inserted { frontier.append(next) }
                }
                try #require(seen.count < 100_000, "the states should be finite")
            }
        }
        #expect(passages.subtracting(legalPassages).sorted() == [])
        #expect(legalPassages.subtracting(passages).sorted() == [])
        #expect(glances == [.closed, .forcedClosed])
    }
}
