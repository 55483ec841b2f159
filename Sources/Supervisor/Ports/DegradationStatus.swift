import RecoveryEngine
import ResilienceCore

/// `degradation` of `healctl status --json`: stable.
public struct DegradationStatus: Hashable, Sendable, Codable {
    public struct Unit: Hashable, Sendable, Codable {
        public var unit: String
        /// The level that does without it.
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

    public var level: DegradationLevel
    /// RFC 3339; `nil` where it never was at another one.
    public var since: String?
    /// What led to it; `nil` at NORMAL.
    public var why: String?
    /// As published for services.
    public var features: [String: Bool]
    /// Components that ask for a level (DEGRADE).
    public var askedBy: [String]
    public var units: [Unit]
    /// Why `degradation.json` could not be written; `nil` where it could.
    public var problem: String?

    public init(
        level: DegradationLevel, since: String? = nil, why: String? = nil, features: [String: Bool] = [:],
        askedBy: [String] = [], units: [Unit] = [], problem: String? = nil
    ) {
        self.level = level
        self.since = since
        self.why = why
        self.features = features
        self.askedBy = askedBy
        self.units = units
        self.problem = problem
    }

    init(_ snapshot: DegradationSnapshot, problem: String?) {
        self.init(
            level: snapshot.level, since: snapshot.since?.rfc3339, why: snapshot.why, features: snapshot.features,
            askedBy: snapshot.askedBy,
            units: snapshot.units.map { Unit(unit: $0.unit, level: $0.level, state: $0.state) }, problem: problem)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.level, forKey: .level)
        try container.encode(self.since, forKey: .since)
        try container.encode(self.why, forKey: .why)
        try container.encode(self.features, forKey: .features)
        try container.encode(self.askedBy, forKey: .askedBy)
        try container.encode(self.units, forKey: .units)
        try container.encode(self.problem, forKey: .problem)
    }
}
