import Glibc
import ResilienceCore

/// A clock that a sync call can wait on, by holding up its thread.
///
/// - Note: Never on a thread of Swift's own pool, that is, never from async code: there the async form of the same name
///   is chosen by the compiler.
public protocol BlockingClock: Clock where Duration == Swift.Duration {
    /// Returns once `deadline` has passed, or at once where it has. Cannot be cancelled.
    func block(until deadline: Instant)
}

extension ContinuousClock: BlockingClock {
    public func block(until deadline: Instant) { blockThread { self.now.duration(to: deadline) } }
}

extension SuspendingClock: BlockingClock {
    public func block(until deadline: Instant) { blockThread { self.now.duration(to: deadline) } }
}

/// A signal ends nanosleep(2) early, and the clock that counts may stand still meanwhile: hence the loop.
private func blockThread(left: () -> Duration) {
    while true {
        let wait = left()
        guard wait > .zero else { return }
        let (seconds, attoseconds) = wait.components
        var time = timespec(tv_sec: Int(min(seconds, 86_400)), tv_nsec: Int(attoseconds / 1_000_000_000))
        // A wait of less than a nanosecond must not become none, for ever.
        if time.tv_sec == 0, time.tv_nsec == 0 { time.tv_nsec = 1 }
        nanosleep(&time, nil)
    }
}
