import ResilienceCore

/// A whole policy, checked and merged: what the supervisor runs by. Immutable; a reload swaps it whole.
public struct PolicySnapshot: Hashable, Sendable {
    /// In name order; a component's position is its index while this snapshot is loaded.
    public var components: [Component]
    public var guards: Guards
    /// Limits on groups of components, by the group's name; a group that is not here has none of its own.
    public var groups: [String: GroupLimits]
    /// By name. The channel `journal` always exists.
    public var channels: [String: Channel]
    /// In the order of the files.
    public var maintenance: [MaintenanceWindow]
    /// `nil`: there is none.
    public var degradation: DegradationPolicy?

    public init(
        components: [Component] = [], guards: Guards = Guards(), groups: [String: GroupLimits] = [:],
        channels: [String: Channel] = [:], maintenance: [MaintenanceWindow] = [],
        degradation: DegradationPolicy? = nil
    ) {
        self.components = components.sorted { $0.name < $1.name }
        self.guards = guards
        self.groups = groups
        self.channels = channels
        self.maintenance = maintenance
        self.degradation = degradation
    }
}

/// One thing that is supervised.
public struct Component: Hashable, Sendable {
    public var name: String
    /// The systemd unit it runs as, full name; `nil` for an endpoint only.
    public var unit: String?
    public var criticality: Criticality
    public var group: String?
    public var tags: [String]
    /// Names of the components it needs.
    public var dependsOn: [String]
    /// It also needs the components whose units its own requires, by systemd.
    public var needsWhatUnitRequires: Bool
    /// What is to be done about a unit that somebody has stopped.
    public var desired: Desired
    public var mode: Mode
    /// In mode `approve`, how long a step waits for an operator before it is skipped.
    public var approvalExpires: Duration
    /// After a start or a repair, failures of endpoint checks do not count until the first pass or this long.
    public var startupGrace: Duration
    /// How long it must stay up after `rise` before its incident closes.
    public var stable: Duration
    /// In name order, at least one.
    public var checks: [Check]
    /// The ladder, in order.
    public var recovery: [Step]
    /// How long after the ladder is used up before it may begin again.
    public var rearm: Duration
    public var breaker: BreakerPolicy
    /// What the actions that need it know of the component.
    public var facts: ComponentFacts

    public init(
        name: String, unit: String? = nil, criticality: Criticality = .important, group: String? = nil,
        tags: [String] = [], dependsOn: [String] = [], mode: Mode = .auto, startupGrace: Duration = .seconds(10),
        stable: Duration = .seconds(2), checks: [Check], recovery: [Step] = Step.defaultLadder,
        rearm: Duration = .seconds(15 * 60), breaker: BreakerPolicy = BreakerPolicy(),
        approvalExpires: Duration = .seconds(30 * 60), facts: ComponentFacts = ComponentFacts(),
        needsWhatUnitRequires: Bool = false, desired: Desired = .follow
    ) {
        self.name = name
        self.unit = unit
        self.criticality = criticality
        self.group = group
        self.tags = tags
        self.dependsOn = dependsOn
        self.needsWhatUnitRequires = needsWhatUnitRequires
        self.desired = desired
        self.mode = mode
        self.approvalExpires = approvalExpires
        self.startupGrace = startupGrace
        self.stable = stable
        self.checks = checks.sorted { $0.name < $1.name }
        self.recovery = recovery
        self.rearm = rearm
        self.breaker = breaker
        self.facts = facts
    }
}

/// How much it matters when a component is down.
public enum Criticality: String, CaseIterable, Hashable, Sendable, Codable {
    case critical, important, optional
}

/// What a unit's state ought to be.
public enum Desired: String, CaseIterable, Hashable, Sendable, Codable {
    /// What an operator makes it: one that is stopped stays so.
    case follow
    /// Running, whoever stopped it.
    case running
}

/// What the supervisor may do for a component.
public enum Mode: String, CaseIterable, Hashable, Sendable, Codable {
    /// Repairs it.
    case auto
    /// Repairs it where an operator agrees, step by step.
    case approve
    /// Only records what it would do.
    case observe
}

/// When a component's repairs have to pause because they do not help.
public struct BreakerPolicy: Hashable, Sendable, Codable {
    /// Recoveries that failed or did not hold, within `window`, that open it.
    public var failures: Int
    public var window: Duration
    /// Failures of a lower severity are not counted.
    public var minSeverity: Severity
    /// How long it stays open before a trial.
    public var openFor: Duration
    /// Trials that must succeed before it closes.
    public var halfOpen: Int

    public init(
        failures: Int = 5, window: Duration = .seconds(60), minSeverity: Severity = .high,
        openFor: Duration = .seconds(60), halfOpen: Int = 1
    ) {
        self.failures = failures
        self.window = window
        self.minSeverity = minSeverity
        self.openFor = openFor
        self.halfOpen = halfOpen
    }
}
