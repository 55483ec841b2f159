import Resilience
import ResilienceCore
import Testing

@Suite struct ContentionTests {
    @Test func `S2: concurrent calls count every failure once and leave no permit`() async throws {
        let breaker = CircuitBreaker(
            "db", try BreakerSettings(rule: .consecutive(failures: 400), openFor: .seconds(60)), clock: TestClock())
        func failInParallel(_ calls: Int) async {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<calls {
                    group.addTask {
                        try? await breaker.call {
                            await Task.yield()
                            throw Down()
                        }
                    }
                }
            }
        }
        await failInParallel(399)
        #expect(breaker.state == .closed)
        await failInParallel(1)
        #expect(breaker.state != .closed)
    }
}
