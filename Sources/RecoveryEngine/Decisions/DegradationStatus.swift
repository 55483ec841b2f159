import Policy
import ResilienceCore

/// The host's degradation as an operator sees it.
public struct DegradationSnapshot: Hashable, Sendable {
    public var level: DegradationLevel
    /// `nil`: it never was at another one.
    public var since: WallTime?
    /// What led to it; `nil` at NORMAL.
    public var why: String?
    /// What is published.
    public var features: [String: Bool]
    /// Components that ask for a level (DEGRADE), in order.
    public var askedBy: [String]
    /// In the order of their names.
    public var units: [ShedUnitSnapshot]

    public init(
        level: DegradationLevel, since: WallTime? = nil, why: String? = nil, features: [String: Bool] = [:],
        askedBy: [String] = [], units: [ShedUnitSnapshot] = []
    ) {
        self.level = level
        self.since = since
        self.why = why
        self.features = features
        self.askedBy = askedBy
        self.units = units
    }
}

/// A unit that a level does without.
public struct ShedUnitSnapshot: Hashable, Sendable {
    public var unit: String
    public var level: DegradationLevel
    /// `stopping`, `stopped`, `freezing`, `frozen`, `down` (it did not run anyway), `left` (somebody else started it),
    /// `frozen_before` (somebody else had frozen it).
    public var state: String

    public init(unit: String, level: DegradationLevel, state: String) {
        self.unit = unit
        self.level = level
        self.state = state
    }
}

extension RecoveryEngine {
    /// `nil` where the policy declares no levels and nothing is left of earlier ones.
    public var degradation: DegradationSnapshot? {
        let own = self.host.degradation
        guard self.policy.degradation != nil || own.level > .normal || !own.units.isEmpty else { return nil }
        return DegradationSnapshot(
            level: own.level, since: own.why.isEmpty ? nil : own.since, why: own.level > .normal ? own.why : nil,
            features: self.policy.degradation?.features(at: own.level) ?? [:], askedBy: own.requests.keys.sorted(),
            units: own.units.sorted { $0.key < $1.key }.map { name, unit in
                ShedUnitSnapshot(unit: name, level: unit.level, state: unit.state)
            })
    }
}

extension ShedUnit {
    fileprivate var state: String {
        switch (self.hold, self.way) {
        case (.asked, .stop): "stopping"
        case (.asked, .freeze): "freezing"
        case (.held, .stop): "stopped"
        case (.held, .freeze): "frozen"
        case (.resting, .stop): "down"
        case (.resting, .freeze): "frozen_before"
        case (.left, _): "left"
        }
    }

    /// Why its component rests.
    var text: String {
        switch (self.hold, self.way) {
        case (.resting, .stop): "down before the degradation level \(self.level.rawValue), which does without it"
        case (.resting, .freeze): "frozen before the degradation level \(self.level.rawValue), which does without it"
        case (_, .stop): "stopped by the degradation level \(self.level.rawValue)"
        case (_, .freeze): "frozen by the degradation level \(self.level.rawValue)"
        }
    }
}
