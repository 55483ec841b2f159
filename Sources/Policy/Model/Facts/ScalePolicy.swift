/// A component's `scale`: instances of a template unit, or limits that can be raised while it runs.
public struct ScalePolicy: Hashable, Sendable, Codable {
    public enum Kind: Hashable, Sendable, Codable {
        /// Instances `name@1.service` to `name@<max>.service`; at least `min` of them run.
        case instances(template: String, min: Int, max: Int, step: Int)
        /// Limits of the component's own unit.
        case properties([UnitProperty])
    }

    public var kind: Kind
    /// How long after a change before the next one.
    public var cooldown: Duration
    /// When it is scaled although nothing has failed; `nil`: never.
    public var on: LoadTrigger?

    public init(kind: Kind, cooldown: Duration = .seconds(60), on: LoadTrigger? = nil) {
        self.kind = kind
        self.cooldown = cooldown
        self.on = on
    }

    /// Instance `number` of a template `name@.service`.
    public static func instance(_ number: Int, of template: String) -> String {
        guard let at = template.firstIndex(of: "@") else { return template }
        let behind = template.index(after: at)
        return template[..<behind] + String(number) + template[behind...]
    }
}

/// `scale.on`: what a check measures decides how much of a component there is.
public struct LoadTrigger: Hashable, Sendable, Codable {
    public var check: String
    /// More of it is wanted above this: seconds where the check measures time, else a share of its limits.
    public var above: Double
    /// Less of it will do below this.
    public var below: Double
    /// How long the measure has to stay there.
    public var lasting: Duration

    public init(check: String, above: Double, below: Double, lasting: Duration) {
        self.check = check
        self.above = above
        self.below = below
        self.lasting = lasting
    }
}

/// What a check measures besides its verdict.
public enum LoadMeasure: Hashable, Sendable {
    /// How long the other side took to answer.
    case time
    /// The fullest of its limits.
    case share
}

extension CheckKind {
    /// What `scale.on` goes by; `nil` where the check measures nothing that more instances would change.
    public var loadMeasure: LoadMeasure? {
        switch self {
        case .http, .tcp, .unix, .exec: .time
        case .resources: .share
        case .unit, .file, .disk, .certificate, .journal, .heartbeat, .composite: nil
        }
    }
}

/// A resource limit that systemd changes on a running unit.
///
/// - SeeAlso: systemd.resource-control(5).
public struct UnitProperty: Hashable, Sendable, Codable {
    public enum Name: String, CaseIterable, Hashable, Sendable, Codable {
        case cpuQuota = "CPUQuota"
        case cpuWeight = "CPUWeight"
        case ioWeight = "IOWeight"
        case memoryHigh = "MemoryHigh"
        case memoryMax = "MemoryMax"
        case tasksMax = "TasksMax"
    }

    public var name: Name
    /// As systemd takes it on its bus: microseconds of processor time a second for `CPUQuota`, bytes for memory, else a
    /// number.
    public var value: UInt64

    public init(_ name: Name, _ value: UInt64) {
        self.name = name
        self.value = value
    }
}
