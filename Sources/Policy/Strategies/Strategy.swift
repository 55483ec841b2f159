import ResilienceCore

/// A way to repair, with the keys of its own that a policy gives. One case an action; each payload is a type in a file
/// of its own that says how the action is named and what it is allowed for.
public enum Strategy: Hashable, Sendable, Codable {
    case restart(RestartStrategy)
    case healthCheck(HealthCheckStrategy)
    case alert(AlertStrategy)
    case resetConnection(ResetConnectionStrategy)
    case exec(ExecStrategy)
    case clearCache(ClearCacheStrategy)
    case rollback(RollbackStrategy)
    case failover(FailoverStrategy)
    case switchEndpoint(SwitchEndpointStrategy)
    case scale(ScaleStrategy)
    case circuitBreak(CircuitBreakStrategy)
    case reduceLoad(ReduceLoadStrategy)
    case degrade(DegradeStrategy)

    /// The payload, by what all strategies have in common.
    public var traits: any StrategyTraits {
        switch self {
        case .restart(let strategy): strategy
        case .healthCheck(let strategy): strategy
        case .alert(let strategy): strategy
        case .resetConnection(let strategy): strategy
        case .exec(let strategy): strategy
        case .clearCache(let strategy): strategy
        case .rollback(let strategy): strategy
        case .failover(let strategy): strategy
        case .switchEndpoint(let strategy): strategy
        case .scale(let strategy): strategy
        case .circuitBreak(let strategy): strategy
        case .reduceLoad(let strategy): strategy
        case .degrade(let strategy): strategy
        }
    }

    /// The `action` in policies and records.
    public var action: String { self.traits.action }
}

/// What the engine and the policy reader need to know of any strategy.
public protocol StrategyTraits: Sendable {
    /// The name in policies and records, in capitals.
    var action: String { get }
    /// It acts on the component's unit, and is an error without one.
    var needsUnit: Bool { get }
    /// The key of the component without which it has nothing to work with.
    var needsFact: ComponentFacts.Key? { get }
    /// It can interrupt service: counted by `maxActions` and `maxConcurrent`, held back by freezes and the breaker.
    var isDisruptive: Bool { get }
    /// After it the component is expected to come up, and the checks decide whether it did.
    var isVerified: Bool { get }
    /// The unit runs as another process after it, so that what was known of it before says nothing.
    var startsAnew: Bool { get }
    /// It changes something, and so waits for an operator where the component's `mode` is `approve`.
    var needsApproval: Bool { get }
    /// The default treatment: for which failures it is tried where the step has no `when` of its own.
    func treats(_ category: FailureCategory, attempt: Int) -> Bool
}

extension StrategyTraits {
    public var needsFact: ComponentFacts.Key? { nil }
    public var startsAnew: Bool { false }
    public var needsApproval: Bool { true }
}
