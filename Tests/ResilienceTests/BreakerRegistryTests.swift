import Foundation
import ResilienceCore
import Synchronization
import Testing

@testable import Resilience

@Suite struct BreakerRegistryTests {
    private let clock = TestClock()

    private func registry(scopesMax: Int = 100) throws -> BreakerRegistry<TestClock> {
        try BreakerRegistry(.threeSevere, clock: self.clock, scopesMax: scopesMax)
    }

    private func fail(_ registry: BreakerRegistry<TestClock>, _ scope: BreakerScope, times: Int = 3) {
        for _ in 0..<times { _ = try? registry.call(for: scope) { throw Down() } }
    }

    @Test func `S4: each scope has a breaker of its own`() throws {
        let registry = try self.registry()
        self.fail(registry, .key("db", "host-7"))
        #expect(throws: CallError.self) { try registry.call(for: .key("db", "host-7")) {} }
        #expect(try registry.call(for: .key("db", "host-8")) { 1 } == 1)
        #expect(try registry.call(for: .key("network", "host-7")) { 2 } == 2)
        #expect(try registry.call(for: .all) { 3 } == 3)
    }

    @Test func `S4: an error names the scope whose breaker is open`() async throws {
        let registry = try self.registry()
        self.fail(registry, .key("db", "host-7"))
        do throws(CallError) {
            try await registry.call(for: .key("db", "host-7"), "read") { await Task.yield() }
        } catch {
            #expect(error.code == .circuitOpen)
            #expect(error.context.component == "db/host-7")
            #expect(error.retryAfter == .seconds(60))
        }
    }

    @Test func `S1: a manager shows all its breakers and resets them`() throws {
        let registry = try self.registry()
        self.fail(registry, .key("db", "b"))
        self.fail(registry, .key("db", "a"), times: 1)
        #expect(registry.view.map(\.scope) == [.key("db", "a"), .key("db", "b")])
        #expect(registry.view.map(\.status.state.kind) == [.closed, .open])
        #expect(registry.view.last?.status.triesAgainIn == .seconds(60))
        registry.resetAll()
        #expect(registry.view.allSatisfy { $0.status.state == .closed })
    }

    @Test func `S2: managers share nothing`() throws {
        let (left, right) = (try self.registry(), try self.registry())
        self.fail(left, .all)
        #expect(left.breaker(for: .all).state != .closed)
        #expect(right.breaker(for: .all).state == .closed)
    }

    @Test func `beyond the bound the closed breaker that was used longest ago makes room`() throws {
        let registry = try self.registry(scopesMax: 3)
        self.fail(registry, .key("open"))
        for name in ["a", "b", "a"] { try registry.call(for: .key(name)) {} }
        try registry.call(for: .key("c")) {}
        #expect(registry.view.map(\.scope) == [.key("a"), .key("c"), .key("open")])
    }

    @Test func `the breakers of a registry go over a restart`() throws {
        let registry = try self.registry()
        self.fail(registry, .key("db", "host-7"))
        let stored = try JSONEncoder().encode(registry.snapshots)
        let next = try self.registry()
        next.restore(
            try JSONDecoder().decode([BreakerScope: BreakerSnapshot].self, from: stored), downFor: .seconds(20))
        #expect(next.breaker(for: .key("db", "host-7")).status.triesAgainIn == .seconds(40))
    }

    @Test func `every change of every breaker is in the stream of the registry, in order`() async throws {
        let registry = try self.registry()
        let changes = registry.changes()
        self.fail(registry, .key("a"))
        self.fail(registry, .key("b"))
        registry.breaker(for: .key("a")).forceClose()
        var seen: [String] = []
        for await change in changes {
            seen.append("\(change.breaker) \(change.transition.to.rawValue) \(change.transition.cause.rawValue)")
            if seen.count == 3 { break }
        }
        #expect(seen == ["a open failures", "b open failures", "a forced-closed forced"])
    }
}

@Suite struct BreakerHandTests {
    private let clock = TestClock()

    private func breaker(onChange: (@Sendable (BreakerChange) -> Void)? = nil) -> CircuitBreaker<TestClock> {
        CircuitBreaker("db", .fiveFailures, clock: self.clock, onChange: onChange)
    }

    @Test func `a breaker forced open rejects until a hand says otherwise`() throws {
        let breaker = self.breaker()
        breaker.forceOpen()
        self.clock.advance(by: .seconds(100_000))
        #expect(throws: CallError.self) { try breaker.call {} }
        breaker.reset()
        try breaker.call {}
    }

    @Test func `a breaker forced closed lets everything pass, whatever fails`() throws {
        let breaker = self.breaker()
        breaker.forceClose()
        for _ in 0..<50 { _ = try? breaker.call { throw Down() } }
        #expect(breaker.state == .forcedClosed)
        breaker.reset()
        for _ in 0..<5 { _ = try? breaker.call { throw Down() } }
        #expect(breaker.state.kind == .open)
    }

    @Test func `S1: the trail of changes is complete, and says why`() async throws {
        let breaker = self.breaker()
        let changes = breaker.changes()
        for _ in 0..<5 { _ = try? await breaker.call { throw Down() } }
        self.clock.advance(by: .seconds(60))
        _ = try? await breaker.call { throw Down() }
        self.clock.advance(by: .seconds(60))
        try await breaker.call {}
        var causes: [BreakerTransition.Cause] = []
        for await change in changes {
            causes.append(change.transition.cause)
            if change.transition.to == .closed { break }
        }
        #expect(causes == [.failures, .timeToTry, .trialFailed, .timeToTry, .trialsPassed])
    }

    @Test func `a slow listener loses the oldest changes, and one that goes leaves nothing behind`() async throws {
        let breaker = self.breaker()
        var changes: AsyncStream<BreakerChange>? = breaker.changes(keepingNewest: 2)
        for _ in 0..<3 {
            breaker.forceOpen()
            breaker.reset()
        }
        breaker.forceClose()
        var seen: [BreakerStateKind] = []
        if let changes {
            for await change in changes {
                seen.append(change.transition.to)
                if seen.count == 2 { break }
            }
        }
        #expect(seen == [.closed, .forcedClosed])
        changes = nil
        #expect(breaker.listenerCount == 0)
    }

    @Test func `a stream ends with its breaker`() async {
        var breaker: CircuitBreaker<TestClock>? = self.breaker()
        let changes = breaker?.changes()
        breaker = nil
        var count = 0
        if let changes { for await _ in changes { count += 1 } }
        #expect(count == 0)
    }

    @Test func `a callback may ask for the state`() throws {
        let states = Mutex<[BreakerStateKind]>([])
        let box = Mutex<CircuitBreaker<TestClock>?>(nil)
        let breaker = self.breaker { _ in
            let breaker = box.withLock { $0 }
            states.withLock { $0.append(breaker?.state.kind ?? .closed) }
        }
        box.withLock { $0 = breaker }
        breaker.forceOpen()
        #expect(states.withLock { $0 } == [.forcedOpen])
        box.withLock { $0 = nil }
    }

    @Test(arguments: [400, 401, 403, 404]) func `S5: errors that do not speak against the service do not count`(
        status: Int
    ) {
        let breaker = self.breaker()
        for _ in 0..<20 { _ = try? breaker.call { throw Answered(httpStatus: status) } }
        #expect(breaker.state == .closed)
    }

    @Test func `S5: five errors open it for 60 s, and which count is for the user to say`() {
        let breaker = CircuitBreaker("db", .fiveFailures, clock: self.clock) { ($0 as? Answered).map { _ in .high } }
        for _ in 0..<20 { _ = try? breaker.call { throw Down() } }
        #expect(breaker.state == .closed)
        for _ in 0..<4 { _ = try? breaker.call { throw Answered(httpStatus: 404) } }
        #expect(breaker.state == .closed)
        _ = try? breaker.call { throw Answered(httpStatus: 404) }
        #expect(breaker.status.triesAgainIn == .seconds(60))
    }

    @Test func `S5: the errors of a breaker have a code and a context`() throws {
        let breaker = self.breaker()
        do throws(CallError) {
            try breaker.call("read") { throw Answered(httpStatus: 503) }
        } catch {
            #expect(error.code == .failed)
            #expect(error.context == CallContext(operation: "read", component: "db"))
            #expect(error.root is Answered)
        }
    }
}
