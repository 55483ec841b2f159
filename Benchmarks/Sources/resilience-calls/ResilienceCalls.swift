import CAllocations
import Glibc
import Resilience
import ResilienceCore
import Synchronization

/// What the parts of Resilience cost a call that succeeds, each beside its peer in the same run. Prints a table line per
/// figure; exit status 1 where a bar is missed.
///
///     resilience-calls [CALLS]
@main
enum ResilienceCalls {
    static func main() async throws {
        let calls = CommandLine.arguments.dropFirst().first.flatMap(Int.init) ?? 200_000
        guard calls > 0 else { exit(64) }
        // Whoever counts nothing would find no allocations.
        _ = allocations_since_last()
        use([UInt8](repeating: 1, count: calls))
        guard allocations_since_last() > 0 else {
            print("resilience-calls: the allocator is not the one that counts")
            exit(1)
        }
        var table = Table()
        try await self.alone(calls, &table)
        try await self.together(calls, &table)
        try await self.pipeline(calls / 10 + 1, &table)
        try self.memory(&table)
        exit(table.isMet ? 0 : 1)
    }

    private static let lockName = "an uncontended lock pair"

    private static func alone(_ calls: Int, _ table: inout Table) async throws {
        let lock = Lock()
        let pair = try await cost(calls: calls) { await lock.call($0) }
        let breaker = CircuitBreaker("closed", .fiveFailures, clock: SuspendingClock())
        let closed = try await cost(calls: calls) { try await self.call(breaker, $0) }
        table.add("a closed breaker around an async call", closed, self.lockName, pair, bar: 100, allocationsMax: 0)
        let window = CircuitBreaker(
            "window",
            try BreakerSettings(
                rule: .timeWindow(length: .seconds(60), minimum: 100, failureShare: 0.5), openFor: .seconds(60)),
            clock: SuspendingClock())
        let timed = try await cost(calls: calls) { try await self.call(window, $0) }
        table.add("the same with a window of time, which reads a clock", timed, self.lockName, pair, allocationsMax: 0)
    }

    private static func together(_ calls: Int, _ table: inout Table) async throws {
        let cores = max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let breaker = CircuitBreaker("shared", .fiveFailures, clock: SuspendingClock())
        let lock = Lock()
        func everywhere(_ calls: Int, _ body: @escaping @Sendable (Int) async throws -> Void) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<cores { group.addTask { try await body(calls / cores + 1) } }
                try await group.waitForAll()
            }
        }
        let single = try await cost(calls: calls) { try await self.call(breaker, $0) }
        let shared = try await cost(calls: calls) { try await everywhere($0) { try await self.call(breaker, $0) } }
        let contended = try await cost(calls: calls) { try await everywhere($0) { await lock.call($0) } }
        table.add(
            "the same breaker from \(cores) cores at once", shared, "a contended lock pair", contended,
            bar: 3 * max(single.nanoseconds, contended.nanoseconds))
    }

    private static func pipeline(_ calls: Int, _ table: inout Table) async throws {
        let clock = SuspendingClock()
        let wait = try RetryWait(.exponential(factor: 2), initial: .milliseconds(100), max: .seconds(10))
        let task = try await cost(calls: calls) { calls in
            for number in 0..<calls { use(await Task { await answer(number) }.value) }
        }
        let starts: [(CallStart, String, Double?)] = [
            (.here, "breaker, retry and timeout around an async call that begins on its caller's thread", 2_000),
            (.elsewhere, "the same around one that any thread takes up", nil),
        ]
        for (start, name, bar) in starts {
            let pipeline = try PipelineBuilder("orders", clock: clock)
                .retry(try RetrySettings(attempts: 4, wait: wait)).breaker(.fiveFailures)
                .timeout(.seconds(5), starting: start).build()
            let whole = try await cost(calls: calls) { calls in
                for number in 0..<calls { use(try await pipeline.call("read") { _ in await answer(number) }) }
            }
            table.add(name, whole, "a task of its own", task, bar: bar)
        }
        let light = try PipelineBuilder("orders", clock: clock)
            .retry(try RetrySettings(attempts: 4, wait: wait)).breaker(.fiveFailures).build()
        let untimed = try await cost(calls: calls) { calls in
            for number in 0..<calls { use(try await light.call("read") { _ in await answer(number) }) }
        }
        table.add("breaker and retry around an async call", untimed, "a task of its own", task)
    }

    private static func memory(_ table: inout Table) throws {
        let settings = try BreakerSettings(
            rule: .countWindow(calls: 10_000, minimum: 100, failureShare: 0.5), openFor: .seconds(60))
        let breakers = 20
        var kept: [CircuitBreaker<SuspendingClock>] = []
        kept.reserveCapacity(breakers)
        let before = Int(allocations_bytes_in_use())
        for _ in 0..<breakers {
            let breaker = CircuitBreaker("window", settings, clock: SuspendingClock())
            for _ in 0..<10_001 { try breaker.call {} }
            kept.append(breaker)
        }
        let each = (Int(allocations_bytes_in_use()) - before) / breakers
        use(kept)
        table.add("a breaker with a window of 10,000 calls", bytes: each, bar: 100_000)
    }

    private static func call(_ breaker: CircuitBreaker<SuspendingClock>, _ calls: Int) async throws {
        for number in 0..<calls { use(try await breaker.call { await answer(number) }) }
    }
}

/// What a breaker cannot do without: one lock before the call, one after.
final class Lock: Sendable {
    private let count = Mutex(0)

    func call(_ calls: Int) async {
        for number in 0..<calls {
            self.count.withLock { $0 &+= 1 }
            use(await answer(number))
            self.count.withLock { $0 &-= 1 }
        }
    }
}
