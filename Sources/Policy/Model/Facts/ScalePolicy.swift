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

    public init(kind: Kind, cooldown: Duration = .seconds(60)) {
        self.kind = kind
        self.cooldown = cooldown
    }

    /// Instance `number` of a template `name@.service`.
    public static func instance(_ number: Int, of template: String) -> String {
        guard let at = template.firstIndex(of: "@") else { return template }
        let behind = template.index(after: at)
        return template[..<behind] + String(number) + template[behind...]
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
