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
    /// The same check of a component that runs as this unit.
    func of(unit: String?) -> Check {
        guard let unit, case .resources(var resources) = self.kind else { return self }
        resources.unit = unit
        var check = self
        check.kind = .resources(resources)
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
        case .heartbeat: "heartbeat"
        case .composite: "composite"
        }
    }

    /// Looks at the component's unit, so that the component must have one.
    public var needsUnit: Bool {
        switch self {
        case .unit, .resources: true
        case .http, .tcp, .exec, .unix, .file, .disk, .heartbeat, .composite: false
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
        case .http, .tcp, .exec, .unix, .file, .disk, .resources, .heartbeat: true
        }
    }

    /// Found out by asking. The others are told: of units by systemd, of heartbeats by the program itself, of composites
    /// by their members.
    public var isProbed: Bool {
        switch self {
        case .unit, .heartbeat, .composite: false
        case .http, .tcp, .exec, .unix, .file, .disk, .resources: true
        }
    }
}

/// The unit is in one of these states.
public struct UnitCheck: Hashable, Sendable {
    /// systemd's `ActiveState` values that pass.
    public var states: [String]
    public init(states: [String] = ["active", "reloading"]) { self.states = states }
}

/// An HTTP/1.1 request whose response meets expectations. Redirects are never followed.
public struct HTTPCheck: Hashable, Sendable {
    public var host: String
    public var port: Int
    /// Path and query as sent on the request line, beginning with "/".
    public var target: String
    public var method: String
    public var headers: [HTTPHeader]
    public var expect: HTTPExpectation
    /// Connect here instead of to `host` and `port`.
    public var unixSocket: String?

    public init(
        host: String, port: Int = 80, target: String = "/", method: String = "GET", headers: [HTTPHeader] = [],
        expect: HTTPExpectation = HTTPExpectation(), unixSocket: String? = nil
    ) {
        self.host = host
        self.port = port
        self.target = target
        self.method = method
        self.headers = headers
        self.expect = expect
        self.unixSocket = unixSocket
    }
}

public struct HTTPHeader: Hashable, Sendable {
    public var name: String
    public var value: String
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

public struct HTTPExpectation: Hashable, Sendable {
    /// Accepted status codes, as inclusive ranges.
    public var status: [ClosedRange<Int>]
    /// Text that the first 64 KiB of the body must contain.
    public var contains: String?
    /// A slower response is `degraded`.
    public var latency: Duration?

    public init(status: [ClosedRange<Int>] = [200...299], contains: String? = nil, latency: Duration? = nil) {
        self.status = status
        self.contains = contains
        self.latency = latency
    }
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
