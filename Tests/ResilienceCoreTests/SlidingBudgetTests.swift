import ResilienceCore
import Testing

private func at(_ seconds: Double) -> MonotonicInstant { MonotonicInstant(nanoseconds: Int64(seconds * 1e9)) }

@Suite struct SlidingBudgetTests {
    @Test func `allows the count in a window and says when the next is allowed`() {
        var budget = SlidingBudget(count: 2, per: .seconds(10))
        let next0 = budget.nextAllowed(at: at(0))
        #expect(next0 == nil)
        budget.spend(at: at(0))
        budget.spend(at: at(3))
        let next4 = budget.nextAllowed(at: at(4))
        #expect(next4 == at(10))
        let next10 = budget.nextAllowed(at: at(10))
        #expect(next10 == nil)
        budget.spend(at: at(10))
        let next11 = budget.nextAllowed(at: at(11))
        #expect(next11 == at(13))
    }

    @Test func `a budget of nothing never allows`() {
        var budget = SlidingBudget(count: 0, per: .seconds(10))
        let next0 = budget.nextAllowed(at: at(0))
        #expect(next0 == MonotonicInstant(nanoseconds: .max))
    }

    @Test func `a smaller count after a reload waits for more to leave the window`() {
        var budget = SlidingBudget(count: 3, per: .seconds(10))
        for second in [0.0, 1, 2] { budget.spend(at: at(second)) }
        budget.count = 1
        let next3 = budget.nextAllowed(at: at(3))
        #expect(next3 == at(12))
    }

    @Test func `in a random history no window holds more than the count`() {
        var generator = SeededGenerator(seed: 3)
        var budget = SlidingBudget(count: 5, per: .seconds(60))
        var spent: [MonotonicInstant] = []
        var now = at(0)
        for _ in 0..<5_000 {
            now = now + .milliseconds(Int64(generator.unit() * 20_000))
            guard budget.nextAllowed(at: now) == nil else { continue }
            budget.spend(at: now)
            spent.append(now)
        }
        #expect(spent.count > 500)
        for first in spent.indices.dropLast(5) { #expect(spent[first + 5] - spent[first] >= .seconds(60)) }
    }
}
