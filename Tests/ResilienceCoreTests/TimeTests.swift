import ResilienceCore
import Testing

@Suite struct TimeTests {
    @Test(arguments: [
        (Duration.zero, "0 s"), (.nanoseconds(1), "1 µs"), (.microseconds(850), "850 µs"), (.milliseconds(38), "38 ms"),
        (.milliseconds(999), "999 ms"), (.seconds(1), "1 s"), (.milliseconds(1_250), "1.2 s"), (.seconds(59), "59 s"),
        (.seconds(60), "1m"), (.seconds(252), "4m 12s"), (.seconds(7_500), "2h 5m"), (.seconds(273_600), "3d 4h"),
        (.seconds(-5), "-5 s"),
    ]) func `a duration reads as a person says it`(duration: Duration, text: String) {
        #expect(duration.brief == text)
    }

    @Test func `instants saturate instead of trapping`() {
        let late = MonotonicInstant(nanoseconds: .max - 1)
        #expect(late + .seconds(10) == MonotonicInstant(nanoseconds: .max))
        #expect(MonotonicInstant(nanoseconds: .min) - late < .zero)
        #expect(Duration.seconds(Int64.max).inNanoseconds == .max)
        #expect(Duration.seconds(1).scaled(by: 1e30).inNanoseconds == .max)
        #expect(Duration.seconds(1).scaled(by: .nan) == .seconds(1))
    }

    @Test func `a wall clock that was set back puts nothing into the future`() {
        let now = Moment(monotonic: MonotonicInstant(nanoseconds: 5), wall: WallTime(microseconds: 1_000))
        #expect(now.monotonic(at: WallTime(microseconds: 9_000)) == now.monotonic)
        #expect(now.monotonic(at: WallTime(microseconds: 999)) == now.monotonic - .microseconds(1))
    }
}

@Suite struct BackoffTests {
    @Test func `grows by its factor up to its cap, and the first attempt has no wait`() {
        let backoff = Backoff(initial: .seconds(1), factor: 2, max: .seconds(30), jitter: 0)
        var generator = SeededGenerator(seed: 1)
        let delays = (0...7).map { backoff.delay(after: $0, using: &generator) }
        #expect(delays == [0, 1, 2, 4, 8, 16, 30, 30].map { Duration.seconds($0) })
    }

    @Test func `a billion failures are no more work than a few`() {
        var generator = SeededGenerator(seed: 1)
        #expect(Backoff(jitter: 0).delay(after: 1_000_000_000, using: &generator) == .seconds(30))
        #expect(Backoff(factor: 1, jitter: 0).delay(after: .max, using: &generator) == .seconds(1))
    }

    @Test func `jitter stays within its share both ways and uses it`() {
        let backoff = Backoff(initial: .seconds(10), jitter: 0.25)
        var generator = SeededGenerator(seed: 42)
        let delays = (0..<1_000).map { _ in backoff.delay(after: 1, using: &generator).inSeconds }
        #expect(delays.allSatisfy { $0 >= 7.5 && $0 <= 12.5 })
        #expect((delays.min() ?? 99) < 7.6 && (delays.max() ?? 0) > 12.4)
    }

    @Test func `the same seed gives the same future`() {
        var left = SeededGenerator(seed: 9)
        var right = SeededGenerator(seed: 9)
        #expect((0..<100).map { _ in left.next() } == (0..<100).map { _ in right.next() })
    }
}
