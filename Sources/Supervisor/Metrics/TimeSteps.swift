import ResilienceCore

/// How long something took, counted in few, fixed steps: a value without references, so that a thousand of them are
/// copied in one go.
public struct TimeSteps: Hashable, Sendable {
    /// The upper bounds in seconds; what took longer is in the last, open step.
    public static let bounds = [0.005, 0.025, 0.1, 0.25, 1, 2.5, 10]

    private static let nanoseconds = SIMD8<Int64>(
        5_000_000, 25_000_000, 100_000_000, 250_000_000, 1_000_000_000, 2_500_000_000, 10_000_000_000, .max)

    /// By step, not summed up.
    public private(set) var counts = SIMD8<UInt64>()
    public private(set) var total: Duration = .zero

    public init() {}

    public mutating func add(_ duration: Duration) {
        let nanoseconds = max(0, duration.inNanoseconds)
        for step in 0..<8 where nanoseconds <= Self.nanoseconds[step] {
            self.counts[step] &+= 1
            break
        }
        self.total += .nanoseconds(nanoseconds)
    }

    public var count: UInt64 { self.counts.wrappedSum() }
}
