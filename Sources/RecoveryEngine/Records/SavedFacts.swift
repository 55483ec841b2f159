import Policy
import ResilienceCore

/// What single actions have to remember of a component beyond its incident.
public struct SavedFacts: Hashable, Sendable, Codable {
    /// Which unit is active where it is not the component's own.
    public var active: String?
    /// A standby that had taken over and then left the policy: it may still run, and the own unit is not started beside it.
    public var abandoned: String?
    /// When a unit was failed over from: it is not gone back to so soon.
    public var leftAt: [String: WallTime]
    /// Releases known as good, and since when; those known as bad.
    public var goodReleases: [String: WallTime]
    public var badReleases: [String]
    public var scaledAt: WallTime?
    /// CIRCUIT_BREAK keeps it stopped until then.
    public var isolatedUntil: WallTime?
    /// The unit that CIRCUIT_BREAK may have left barred from being started.
    public var barred: String?
    /// Clients are still to be pointed at the active unit, which became that without an action; `nil`: they are not.
    public var unpointed: Bool?
    /// The component's own unit has taken its place again, and this takes that back should it fail soon.
    public var wayBack: PendingUndo?
    /// Units that step back for its sake.
    public var reducedLoads: [ReducedLoad]
    /// Limits of its own that SCALE_UP has raised; `nil`: none.
    public var raisedLimits: ReducedLoad?
    /// The last change that `scale.on` brought about; `nil`: none.
    public var loadScaling: LoadScaling?
    /// The change (`SCALE_UP`, …) that an operator did not approve: no question as long as the load stays; `nil`: none.
    public var refusedScaling: String?
    /// A step did not help and is taken back next.
    public var pendingUndo: PendingUndo?

    public init(
        active: String? = nil, leftAt: [String: WallTime] = [:], goodReleases: [String: WallTime] = [:],
        badReleases: [String] = [], scaledAt: WallTime? = nil, isolatedUntil: WallTime? = nil,
        reducedLoads: [ReducedLoad] = [], pendingUndo: PendingUndo? = nil
    ) {
        self.active = active
        self.leftAt = leftAt
        self.goodReleases = goodReleases
        self.badReleases = badReleases
        self.scaledAt = scaledAt
        self.isolatedUntil = isolatedUntil
        self.reducedLoads = reducedLoads
        self.pendingUndo = pendingUndo
    }
}

/// Units that have stepped back, and when they get everything back.
public struct ReducedLoad: Hashable, Sendable, Codable {
    public var units: [String]
    /// Empty: they are frozen.
    public var properties: [UnitProperty]
    /// How long the component has to be up first.
    public var restoreAfter: Duration
    /// The incident in which it was done.
    public var incident: Int64
    /// What was frozen, by unit: one that was started anew since is frozen by somebody else, or not at all. `nil`: limits,
    /// or not known.
    public var invocations: [String: String]?

    public init(
        units: [String], properties: [UnitProperty], restoreAfter: Duration, incident: Int64,
        invocations: [String: String]? = nil
    ) {
        self.units = units
        self.properties = properties
        self.restoreAfter = restoreAfter
        self.incident = incident
        self.invocations = invocations
    }
}

/// A change of scale that the load asked for.
public struct LoadScaling: Hashable, Sendable, Codable {
    public var at: WallTime
    /// `SCALE_UP` or `SCALE_DOWN`.
    public var action: String
    public var why: String

    public init(at: WallTime, action: String, why: String) {
        self.at = at
        self.action = action
        self.why = why
    }
}

/// What takes a step back that did not help.
public struct PendingUndo: Hashable, Sendable, Codable {
    public var action: String
    public var attempt: Int
    public var order: ActionOrder
    public var why: String

    public init(action: String, attempt: Int, order: ActionOrder, why: String) {
        self.action = action
        self.attempt = attempt
        self.order = order
        self.why = why
    }
}
