import Policy

/// Exactly what an action is to do: the policy's facts and what was known when it was decided, so that nothing has to be
/// looked up, or decided anew, at the moment of acting or after a crash.
public enum ActionOrder: Hashable, Sendable, Codable {
    /// Restart these after the component's own unit, in this order.
    case restartAfterwards([String])
    case clearCache(CachePolicy)
    case switchRelease(ReleaseSwitch)
    case failOver(FailoverOrder)
    case switchEndpoint(Endpoint, to: String)
    /// Instances of a template.
    case start([String])
    case stop([String])
    /// `properties` on units; empty: freeze them.
    case limit(units: [String], [UnitProperty])
    /// Take back what `limit` did.
    case unlimit(units: [String], [UnitProperty])
    /// Stop the unit and keep it from being started.
    case isolate
    /// Let it be started again, and start it.
    case tryIsolated
    /// Let it be started again.
    case endIsolation
}

/// One release in place of another.
public struct ReleaseSwitch: Hashable, Sendable, Codable {
    public var policy: ReleasePolicy
    /// Names of directories in `policy.releases`.
    public var from: String
    public var to: String
    /// The one before, because the other did not help.
    public var isPutBack: Bool

    public init(policy: ReleasePolicy, from: String, to: String, isPutBack: Bool = false) {
        self.policy = policy
        self.from = from
        self.to = to
        self.isPutBack = isPutBack
    }
}

/// One unit in place of another.
public struct FailoverOrder: Hashable, Sendable, Codable {
    /// Stopped for certain before anything else; it is the request's unit.
    public var from: String
    public var to: String
    public var endpoint: Endpoint?
    /// To the one before, because the other did not come up well: it is the active one again even if it does not start.
    public var isPutBack: Bool

    public init(from: String, to: String, endpoint: Endpoint? = nil, isPutBack: Bool = false) {
        self.from = from
        self.to = to
        self.endpoint = endpoint
        self.isPutBack = isPutBack
    }
}
