import ResilienceCore

/// A clock of any kind, read as nanoseconds since this was made.
struct ClockReading<C: Clock>: Sendable where C.Duration == Duration {
    let clock: C
    private let origin: C.Instant

    init(_ clock: C) {
        self.clock = clock
        self.origin = clock.now
    }

    var now: MonotonicInstant {
        MonotonicInstant(nanoseconds: self.origin.duration(to: self.clock.now).inNanoseconds)
    }

    /// - Parameter instant: as `now` reads it.
    func sleep(until instant: MonotonicInstant) async throws {
        try await self.clock.sleep(
            until: self.origin.advanced(by: .nanoseconds(instant.nanoseconds)), tolerance: nil)
    }
}
