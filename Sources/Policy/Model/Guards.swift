import ResilienceCore

/// Limits on what the supervisor does to the whole host.
public struct Guards: Hashable, Sendable, Codable {
    /// At most `count` disruptive actions in any `per`.
    public struct ActionBudget: Hashable, Sendable, Codable {
        public var count: Int
        public var per: Duration
        public init(count: Int = 10, per: Duration = .seconds(600)) {
            self.count = count
            self.per = per
        }
    }

    public var maxActions: ActionBudget
    /// Disruptive actions in flight at once.
    public var maxConcurrent: Int
    /// Share (0...1) of components down above which automation freezes.
    public var maxUnhealthy: Double
    /// `maxUnhealthy` says nothing about fewer components than this.
    public static let maxUnhealthyOfAtLeast = 5
    /// For every group that does not say otherwise.
    public var minHealthyInGroup: Int?
    /// After a freeze, or after `maxActions` ran out, nothing disruptive is begun for this long.
    public var stormCooldown: Duration
    public var flap: FlapPolicy
    /// Checks that say whether the machine reaches anything at all; empty: nothing says so.
    public var connectivity: [CheckReference]
    /// The supervisor itself being late by more than this puts in doubt what it saw.
    public var overloadLag: Duration

    public init(
        maxActions: ActionBudget = ActionBudget(), maxConcurrent: Int = 2, maxUnhealthy: Double = 0.4,
        minHealthyInGroup: Int? = nil, stormCooldown: Duration = .seconds(300), flap: FlapPolicy = FlapPolicy(),
        connectivity: [CheckReference] = [], overloadLag: Duration = .seconds(1)
    ) {
        self.maxActions = maxActions
        self.maxConcurrent = maxConcurrent
        self.maxUnhealthy = maxUnhealthy
        self.minHealthyInGroup = minHealthyInGroup
        self.stormCooldown = stormCooldown
        self.flap = flap
        self.connectivity = connectivity
        self.overloadLag = overloadLag
    }
}

/// A check of some component.
public struct CheckReference: Hashable, Sendable, Codable {
    public var component: String
    public var check: String

    public init(component: String, check: String) {
        self.component = component
        self.check = check
    }
}

/// When a component comes and goes too often to be repaired each time.
public struct FlapPolicy: Hashable, Sendable, Codable {
    /// Weighted share (0...1) of changes among the last `results` above which it is latched.
    public var high: Double
    /// It stays so until the share is this or less.
    public var low: Double
    public var results: Int

    public init(high: Double = 0.2, low: Double = 0.05, results: Int = 21) {
        self.high = high
        self.low = low
        self.results = results
    }
}

/// Limits on what the supervisor does to the components of one group, besides the host's; `nil` is none.
public struct GroupLimits: Hashable, Sendable, Codable {
    public var maxActions: Guards.ActionBudget?
    public var maxConcurrent: Int?
    /// Says nothing about fewer members than `Guards.maxUnhealthyOfAtLeast`.
    public var maxUnhealthy: Double?
    /// No disruptive action may leave fewer members that serve than this.
    public var minHealthyInGroup: Int?

    public init(
        maxActions: Guards.ActionBudget? = nil, maxConcurrent: Int? = nil, maxUnhealthy: Double? = nil,
        minHealthyInGroup: Int? = nil
    ) {
        self.maxActions = maxActions
        self.maxConcurrent = maxConcurrent
        self.maxUnhealthy = maxUnhealthy
        self.minHealthyInGroup = minHealthyInGroup
    }
}
