import ResilienceCore

/// `RESTART`: systemd's RestartUnit, followed to its end.
public struct RestartStrategy: StrategyTraits, Hashable, Codable {
    /// Sent to the main process before the restart, as a chance to leave a trace or to save something.
    public var signal: ProcessSignal?
    /// Further units that are restarted after it, in this order.
    public var with: [String]
    /// Whether those that depend on it are restarted afterwards, each after those that it depends on.
    public var dependents: Bool

    public init(signal: ProcessSignal? = nil, with: [String] = [], dependents: Bool = false) {
        self.signal = signal
        self.with = with
        self.dependents = dependents
    }

    public var action: String { "RESTART" }
    public var needsUnit: Bool { true }
    public var isDisruptive: Bool { true }
    public var isVerified: Bool { true }
    public var startsAnew: Bool { true }

    /// A restart cures what is stuck or gone; it makes a rate limit worse, cannot mend a refused credential or a wrong
    /// configuration, and is worth one try where data look wrong.
    public func treats(_ category: FailureCategory, attempt: Int) -> Bool {
        switch category {
        case .transient, .unknown: true
        case .dataValidation: attempt == 1
        case .rateLimit, .authentication, .permanent: false
        }
    }
}
