import CAllocations
import Glibc

/// What one call costs.
struct Cost {
    var nanoseconds: Double
    var allocations: Double
}

/// Keeps a result from being computed away.
@inline(never) func use<Value>(_ value: Value) {}

/// The cheapest async call there is.
@inline(never) func answer(_ number: Int) async -> Int { number &+ 1 }

func nanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// The median of several rounds of so many calls, after one round that counts for nothing.
func cost(calls: Int, rounds: Int = 9, _ round: (_ calls: Int) async throws -> Void) async throws -> Cost {
    try await round(calls)
    var times: [Double] = []
    times.reserveCapacity(rounds)
    _ = allocations_since_last()
    var allocations: UInt64 = 0
    for _ in 0..<rounds {
        let began = nanoseconds()
        try await round(calls)
        times.append(Double(nanoseconds() - began) / Double(calls))
        allocations += allocations_since_last()
    }
    times.sort()
    return Cost(
        nanoseconds: times[rounds / 2], allocations: Double(allocations) / Double(rounds * calls))
}
