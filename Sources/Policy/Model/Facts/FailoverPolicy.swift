/// A component's `failover`: who takes over, and how clients find it.
public struct FailoverPolicy: Hashable, Sendable, Codable {
    /// Units that can take over, in order. Of them and the component's own unit, one is active at a time.
    public var standbys: [String]
    public var failback: Failback
    public var endpoint: Endpoint?

    public init(standbys: [String], failback: Failback = .manual, endpoint: Endpoint? = nil) {
        self.standbys = standbys
        self.failback = failback
        self.endpoint = endpoint
    }
}

/// When the component's own unit takes its place again.
public enum Failback: Hashable, Sendable, Codable {
    /// When a person says so.
    case manual
    /// When the standby has been up for so long.
    case after(Duration)
}

/// What clients look at to find the active unit.
public struct Endpoint: Hashable, Sendable, Codable {
    public var kind: Kind
    /// Reloaded after the change: the proxy that reads it.
    public var reload: String?

    public enum Kind: Hashable, Sendable, Codable {
        /// A symlink, with the target that it has for each unit.
        case symlink(path: String, targets: [String: String])
        /// A file, with the file that is copied to it for each unit.
        case file(path: String, templates: [String: String])
    }

    public init(kind: Kind, reload: String? = nil) {
        self.kind = kind
        self.reload = reload
    }

    /// What is moved.
    public var path: String {
        switch self.kind {
        case .symlink(let path, _), .file(let path, _): path
        }
    }

    /// The units that it has something for.
    public var units: Set<String> {
        switch self.kind {
        case .symlink(_, let targets): Set(targets.keys)
        case .file(_, let templates): Set(templates.keys)
        }
    }
}
