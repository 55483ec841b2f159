import ResilienceCore

/// One way to see whether a component is well.
public struct Check: Hashable, Sendable {
    public var name: String
    public var kind: CheckKind
    public var interval: Duration
    public var timeout: Duration
    /// Consecutive failures that make it down.
    public var fall: Int
    /// Consecutive passes that make it up.
    public var rise: Int
    /// A second way down: so many failures among the last so many results.
    public var window: FailureWindow?
    /// The interval while in doubt.
    public var fastInterval: Duration
    /// Share of the interval by which each wait may differ, both ways.
    public var jitter: Double
    public var severity: Severity
    public var enabled: Bool

    /// `timeout` and `fastInterval` follow from `interval` where they are not given.
    public init(
        name: String, kind: CheckKind, interval: Duration = .seconds(10), timeout: Duration? = nil, fall: Int? = nil,
        rise: Int? = nil, window: FailureWindow? = nil, fastInterval: Duration? = nil, jitter: Double = 0.1,
        severity: Severity = .high, enabled: Bool = true
    ) {
        self.name = name
        self.kind = kind
        self.interval = interval
        self.timeout = timeout ?? min(.seconds(3), interval.scaled(by: 0.8))
        self.fall = fall ?? (kind.hasPace ? 3 : 1)
        self.rise = rise ?? (kind.hasPace ? 2 : 1)
        self.window = window
        self.fastInterval = fastInterval ?? min(interval, max(.milliseconds(250), interval / 5))
        self.jitter = jitter
        self.severity = severity
        self.enabled = enabled
    }
}

extension Check {
    /// The same check where a component runs as this unit.
    ///
    /// - Parameter old: what it has run as; a check that looks at some other unit stays as it is.
    public func of(unit: String?, insteadOf old: String? = "") -> Check {
        guard let unit, let watched = self.kind.watchedUnit, watched == old else { return self }
        var check = self
        check.kind.watchedUnit = unit
        return check
    }
}

/// `failures` bad results among the last `of`.
public struct FailureWindow: Hashable, Sendable, Codable {
    public var failures: Int
    public var of: Int
    public init(failures: Int, of: Int) {
        self.failures = failures
        self.of = of
    }
}

/// What a check does, with the keys of its type.
public enum CheckKind: Hashable, Sendable {
    case unit(UnitCheck)
    case http(HTTPCheck)
    case tcp(TCPCheck)
    case exec(ExecCheck)
    case unix(UnixCheck)
    case file(FileCheck)
    case disk(DiskCheck)
    case resources(ResourcesCheck)
    case certificate(CertificateCheck)
    case journal(JournalCheck)
    case heartbeat(HeartbeatCheck)
    case composite(CompositeCheck)

    /// The `type` in policies.
    public var type: String {
        switch self {
        case .unit: "unit"
        case .http: "http"
        case .tcp: "tcp"
        case .exec: "exec"
        case .unix: "unix"
        case .file: "file"
        case .disk: "disk"
        case .resources: "resources"
        case .certificate: "certificate"
        case .journal: "journal"
        case .heartbeat: "heartbeat"
        case .composite: "composite"
        }
    }

    /// Looks at the component's unit, so that the component must have one.
    public var needsUnit: Bool {
        switch self {
        case .unit, .resources: true
        case .journal(let journal): journal.unit.isEmpty
        case .http, .tcp, .exec, .unix, .file, .disk, .certificate, .heartbeat, .composite: false
        }
    }

    /// The unit whose processes or lines a probe looks at; empty while it is not known which the component's is.
    fileprivate var watchedUnit: String? {
        get {
            switch self {
            case .resources(let resources): resources.unit
            case .journal(let journal): journal.unit
            case .unit, .http, .tcp, .exec, .unix, .file, .disk, .certificate, .heartbeat, .composite: nil
            }
        }
        set {
            switch (self, newValue) {
            case (.resources(var resources), let unit?):
                resources.unit = unit
                self = .resources(resources)
            case (.journal(var journal), let unit?):
                journal.unit = unit
                self = .journal(journal)
            default: break
            }
        }
    }

    /// It asks something that may lie beyond this machine, or may itself need what does.
    public var asksOthers: Bool {
        switch self {
        case .http, .tcp, .exec: true
        case .certificate(let certificate): if case .server = certificate.source { true } else { false }
        case .unit, .unix, .file, .disk, .resources, .journal, .heartbeat, .composite: false
        }
    }

    /// Driven by systemd's signals instead of by a probe.
    public var isUnit: Bool {
        if case .unit = self { true } else { false }
    }

    /// Looks at intervals of its own; the others follow at once what they are told.
    public var hasPace: Bool {
        switch self {
        case .unit, .composite: false
        case .http, .tcp, .exec, .unix, .file, .disk, .resources, .certificate, .journal, .heartbeat: true
        }
    }

    /// Found out by asking. The others are told: of units by systemd, of heartbeats by the program itself, of composites
    /// by their members.
    public var isProbed: Bool {
        switch self {
        case .unit, .heartbeat, .composite: false
        case .http, .tcp, .exec, .unix, .file, .disk, .resources, .certificate, .journal: true
        }
    }
}

/// The unit is in one of these states.
public struct UnitCheck: Hashable, Sendable {
    /// systemd's `ActiveState` values that pass.
    public var states: [String]
    public init(states: [String] = ["active", "reloading"]) { self.states = states }
}

/// A TCP connection is accepted, and answers where `expect` is given.
public struct TCPCheck: Hashable, Sendable {
    public var host: String
    public var port: Int
    /// Sent after connecting.
    public var send: String?
    /// Text that the first 4 KiB received must contain.
    public var expect: String?

    public init(host: String, port: Int, send: String? = nil, expect: String? = nil) {
        self.host = host
        self.port = port
        self.send = send
        self.expect = expect
    }
}

/// A program's exit status is the verdict.
public struct ExecCheck: Hashable, Sendable {
    public enum Convention: String, CaseIterable, Hashable, Sendable, Codable {
        /// The monitoring-plugins convention: 0 up, 1 degraded, 2 down, 3 unknown.
        case plugin
        /// 0 up, else down.
        case exit
    }

    /// argv; never a shell. The first is an absolute path.
    public var command: [String]
    public var convention: Convention
    public var user: String?
    /// The whole environment besides a fixed PATH and LANG=C.UTF-8; nothing of the supervisor's own is passed on.
    public var environment: [String: String]
    public var workingDirectory: String

    public init(
        command: [String], convention: Convention = .plugin, user: String? = nil, environment: [String: String] = [:],
        workingDirectory: String = "/"
    ) {
        self.command = command
        self.convention = convention
        self.user = user
        self.environment = environment
        self.workingDirectory = workingDirectory
    }
}
