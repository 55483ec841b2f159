import ResilienceCore
import Testing

@testable import Resilience

private final class Item: Expiring {
    let number: Int
    private let expired = Count()
    init(_ number: Int = 0) { self.number = number }
    var isExpired: Bool { self.expired.value == 1 }
    func expire() { self.expired.add() }
}

@Suite struct DeadlineQueueTests {
    @Test func `in a random life it agrees with a sorted list`() {
        var generator = SeededGenerator(seed: 5)
        func pick(_ count: Int) -> Int { Int(generator.unit() * Double(count)) }
        var queue = DeadlineQueue<TestClock.Instant>()
        var plain: [(deadline: Duration, number: Int, ticket: DeadlineQueue<TestClock.Instant>.Ticket)] = []
        var now = Duration.zero
        for number in 0..<20_000 {
            switch pick(10) {
            case ..<5:
                // Mostly the same time from now, sometimes another.
                let deadline = now + .seconds(pick(4) == 0 ? pick(20) : 10)
                let ticket = queue.add(Item(number), at: TestClock.Instant(offset: deadline))
                plain.append((deadline, number, ticket))
                plain.sort { ($0.deadline, $0.number) < ($1.deadline, $1.number) }
            case ..<9:
                guard !plain.isEmpty else { continue }
                let taken = plain.remove(at: pick(2) == 0 ? 0 : pick(plain.count))
                queue.remove(taken.ticket)
                // A second time does nothing.
                queue.remove(taken.ticket)
            default:
                now += .milliseconds(pick(900))
                let due = queue.popDue(at: TestClock.Instant(offset: now)).map { ($0 as? Item)?.number ?? -1 }
                #expect(due == plain.prefix { $0.deadline <= now }.map(\.number))
                plain.removeFirst(due.count)
            }
            #expect(queue.first?.offset == plain.first?.deadline)
        }
        #expect(plain.count > 20)
    }
}

@Suite struct DeadlineKeeperTests {
    private let clock = ManualClock()
    private func at(_ seconds: Int) -> TestClock.Instant { TestClock.Instant(offset: .seconds(seconds)) }

    @Test func `a deadline before the one that is slept for is not slept over`() async {
        let keeper = DeadlineKeeper(clock: self.clock)
        let (late, early) = (Item(), Item())
        _ = keeper.add(late, at: self.at(9))
        await self.clock.sleeping(1)
        _ = keeper.add(early, at: self.at(2))
        #expect(await eventually { self.clock.deadlines == [self.at(2)] })
        self.clock.advance(by: .seconds(2))
        #expect(await eventually { early.isExpired && self.clock.deadlines == [self.at(9)] })
        #expect(!late.isExpired)
        self.clock.advance(by: .seconds(7))
        #expect(await eventually { late.isExpired && self.clock.sleepers == 0 })
    }

    @Test func `what was taken back does not expire`() async {
        let keeper = DeadlineKeeper(clock: self.clock)
        let (taken, other) = (Item(), Item())
        let ticket = keeper.add(taken, at: self.at(1))
        _ = keeper.add(other, at: self.at(1))
        await self.clock.sleeping(1)
        keeper.remove(ticket)
        self.clock.advance(by: .seconds(1))
        #expect(await eventually { other.isExpired })
        #expect(!taken.isExpired)
    }

    @Test func `a clock that gave up is asked again by the next call`() async {
        struct GivenUp: Error {}
        struct Moody: Clock {
            let clock: ManualClock
            let sleeps = Count()
            var now: TestClock.Instant { self.clock.now }
            var minimumResolution: Duration { self.clock.minimumResolution }
            func sleep(until deadline: TestClock.Instant, tolerance: Duration?) async throws {
                if self.sleeps.add() == 1 { throw GivenUp() }
                try await self.clock.sleep(until: deadline, tolerance: tolerance)
            }
        }
        let clock = Moody(clock: self.clock)
        let keeper = DeadlineKeeper(clock: clock)
        let (first, second) = (Item(), Item())
        _ = keeper.add(first, at: self.at(1))
        #expect(await eventually { clock.sleeps.value == 1 })
        #expect(
            await eventually {
                keeper.remove(keeper.add(second, at: self.at(2)))
                return self.clock.sleepers == 1
            })
        self.clock.advance(by: .seconds(2))
        #expect(await eventually { first.isExpired })
        #expect(!second.isExpired)
    }
}
