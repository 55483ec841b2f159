import Policy
import ResilienceCore

/// What the host must not forget of its degradation.
public struct SavedDegradation: Hashable, Sendable, Codable {
    public var level: DegradationLevel
    public var since: WallTime
    /// What led to it, for people.
    public var why: String
    /// What DEGRADE asks for, by component.
    public var requests: [String: DegradationRequest]
    /// Units that a level was to do without, by name.
    public var units: [String: ShedUnit]
    /// What people were told of and have not been told to be over; `nil`: nothing.
    public var told: ToldLevel?

    public init(
        level: DegradationLevel, since: WallTime, why: String, requests: [String: DegradationRequest] = [:],
        units: [String: ShedUnit] = [:], told: ToldLevel? = nil
    ) {
        self.level = level
        self.since = since
        self.why = why
        self.requests = requests
        self.units = units
        self.told = told
    }
}

/// A component asks for a level while its incident is open.
public struct DegradationRequest: Hashable, Sendable, Codable {
    public var level: DegradationLevel
    public var incident: Int64

    public init(level: DegradationLevel, incident: Int64) {
        self.level = level
        self.incident = incident
    }
}

/// A unit that heald has stopped or frozen for a level, or leaves alone in spite of it.
public struct ShedUnit: Hashable, Sendable, Codable {
    public enum Hold: String, Hashable, Sendable, Codable {
        /// It is asked for, and on record: from now on it has to be given back.
        case asked
        /// It is stopped or frozen.
        case held
        /// It did not run anyway, or was frozen by somebody else; nothing is done to it, and its component rests.
        case resting
        /// Somebody else took it into their hands: it is theirs until the level is left.
        case left
    }

    public var level: DegradationLevel
    public var way: ShedWay
    public var hold: Hold
    /// The invocation that was stopped or frozen.
    public var invocationID: String?
    /// How often it was tried in vain, to give it back in the end.
    public var failures: Int

    public init(
        level: DegradationLevel, way: ShedWay, hold: Hold, invocationID: String? = nil, failures: Int = 0
    ) {
        self.level = level
        self.way = way
        self.hold = hold
        self.invocationID = invocationID
        self.failures = failures
    }

    /// Something of it has to be given back, or its component's rest has to end.
    var isOurs: Bool { self.hold != .left }
}
