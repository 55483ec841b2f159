import ResilienceCore

/// The component's program reports by itself that it works.
public struct HeartbeatCheck: Hashable, Sendable {
    /// A silence up to this is never a failure.
    public var every: Duration
    /// Longer ones are, once they are this unlikely (φ) by the program's rhythm so far; `nil` for all that are longer.
    public var phi: Double?

    /// No rhythm, however uneven, makes a silence of so many times `every` likely enough.
    public static let patienceMost = 10

    public init(every: Duration, phi: Double? = nil) {
        self.every = every
        self.phi = phi
    }
}
