import ResilienceCore

/// `RESET_CONNECTION`: makes a running service drop what it holds and begin its connections anew, without a restart.
public struct ResetConnectionStrategy: StrategyTraits, Hashable, Codable {
    /// Sent to the main process; `nil`: systemd's ReloadUnit, which runs the unit's `ExecReload=`.
    public var signal: ProcessSignal?

    public init(signal: ProcessSignal? = nil) { self.signal = signal }

    public var action: String { "RESET_CONNECTION" }
    public var needsUnit: Bool { true }
    public var isDisruptive: Bool { true }
    public var isVerified: Bool { true }

    /// Against connections that hang or break; it mends neither data nor configuration.
    public func treats(_ category: FailureCategory, attempt: Int) -> Bool {
        switch category {
        case .transient, .unknown: true
        case .rateLimit, .authentication, .dataValidation, .permanent: false
        }
    }
}
