import ResilienceCore

/// What the host does without while it is not well: `degradation`.
public struct DegradationPolicy: Hashable, Sendable {
    /// A level that is not here does not exist: it is neither entered nor passed through. NORMAL always exists.
    public var levels: [DegradationLevel: LevelPolicy]
    /// How long nothing may ask for a level, or a deeper one, before it is left for the one above it.
    public var stepUpAfter: Duration
    /// Levels are told and no unit is touched.
    public var isObserved: Bool

    public init(
        levels: [DegradationLevel: LevelPolicy] = [:], stepUpAfter: Duration = .seconds(10), isObserved: Bool = false
    ) {
        self.levels = levels
        self.stepUpAfter = stepUpAfter
        self.isObserved = isObserved
    }

    /// The levels that exist, NORMAL first.
    public var order: [DegradationLevel] {
        DegradationLevel.allCases.filter { $0 == .normal || self.levels[$0] != nil }
    }

    /// The next deeper level; `nil` at the deepest.
    public func deeper(than level: DegradationLevel) -> DegradationLevel? { self.order.first { $0 > level } }

    /// The next level on the way back to NORMAL, which has none.
    public func shallower(than level: DegradationLevel) -> DegradationLevel? { self.order.last { $0 < level } }

    /// What holds at a level: a deeper one keeps what the levels above it say, unless it says otherwise.
    public func features(at level: DegradationLevel) -> [String: Bool] {
        self.order.filter { $0 <= level }.reduce(into: [:]) { features, level in
            features.merge(self.levels[level]?.features ?? [:]) { $1 }
        }
    }

    /// Units that are stopped or frozen at a level, in the order in which that is done.
    public func units(at level: DegradationLevel) -> [UnitToShed] {
        self.order.filter { $0 <= level }.flatMap { self.units(of: $0) }
    }

    /// Every unit that some level stops or freezes.
    public var allUnits: [UnitToShed] { self.order.flatMap { self.units(of: $0) } }

    /// Freezing is done at once, stopping may take its time.
    private func units(of level: DegradationLevel) -> [UnitToShed] {
        guard let policy = self.levels[level] else { return [] }
        return policy.freeze.map { UnitToShed(unit: $0, level: level, way: .freeze) }
            + policy.stop.map { UnitToShed(unit: $0, level: level, way: .stop) }
    }
}

/// What one level means.
public struct LevelPolicy: Hashable, Sendable {
    /// `nil`: only DEGRADE leads to it.
    public var enter: LevelCondition?
    public var stop: [String]
    public var freeze: [String]
    public var features: [String: Bool]

    public init(
        enter: LevelCondition? = nil, stop: [String] = [], freeze: [String] = [], features: [String: Bool] = [:]
    ) {
        self.enter = enter
        self.stop = stop
        self.freeze = freeze
        self.features = features
    }
}

/// What leads to a level: any part that is given.
public struct LevelCondition: Hashable, Sendable {
    /// Components that are down have at least this share of the weight of all.
    public var unhealthy: Double?
    public var errorRate: ErrorRateCondition?
    public var p95: ResponseTimeCondition?
    /// One of these is down.
    public var components: [String]
    /// How long it must hold without a break.
    public var duration: Duration

    public init(
        unhealthy: Double? = nil, errorRate: ErrorRateCondition? = nil, p95: ResponseTimeCondition? = nil,
        components: [String] = [], for duration: Duration = .zero
    ) {
        self.unhealthy = unhealthy
        self.errorRate = errorRate
        self.p95 = p95
        self.components = components
        self.duration = duration
    }

    /// Below this many results a rate or a percentile says nothing.
    public static let resultsLeast = 5
}

/// Too large a share of what some checks said lately was a failure.
public struct ErrorRateCondition: Hashable, Sendable {
    public var checks: [CheckReference]
    public var above: Double
    public var within: Duration

    public init(checks: [CheckReference] = [], above: Double = 0, within: Duration = .seconds(60)) {
        self.checks = checks
        self.above = above
        self.within = within
    }
}

/// One in twenty of the answers that some checks got lately took too long.
public struct ResponseTimeCondition: Hashable, Sendable {
    public var checks: [CheckReference]
    public var above: Duration
    public var within: Duration

    public init(checks: [CheckReference] = [], above: Duration = .zero, within: Duration = .seconds(60)) {
        self.checks = checks
        self.above = above
        self.within = within
    }
}

/// How a level does without a unit.
public enum ShedWay: String, CaseIterable, Hashable, Sendable, Codable {
    case stop, freeze
}

/// A unit that a level does without.
public struct UnitToShed: Hashable, Sendable {
    public var unit: String
    /// The one that names it.
    public var level: DegradationLevel
    public var way: ShedWay

    public init(unit: String, level: DegradationLevel, way: ShedWay) {
        self.unit = unit
        self.level = level
        self.way = way
    }
}

extension Criticality {
    /// How much a component counts in the share of those that are down.
    public var weight: Int {
        switch self {
        case .critical: 4
        case .important: 2
        case .optional: 1
        }
    }
}
