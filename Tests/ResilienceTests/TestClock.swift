import Resilience
import Synchronization

/// A clock that moves only when told to, or to the deadline of whoever would sleep.
final class TestClock: BlockingClock, Sendable {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Self { Self(offset: self.offset + duration) }
        func duration(to other: Self) -> Duration { other.offset - self.offset }
        static func < (left: Self, right: Self) -> Bool { left.offset < right.offset }
    }

    private let time = Mutex(Instant(offset: .zero))
    var now: Instant { self.time.withLock { $0 } }
    var minimumResolution: Duration { .nanoseconds(1) }
    func advance(by duration: Duration) { self.time.withLock { $0.offset += duration } }

    /// Moves the clock to the deadline instead of waiting for it.
    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        self.block(until: deadline)
    }

    func block(until deadline: Instant) { self.time.withLock { $0 = max($0, deadline) } }
}
