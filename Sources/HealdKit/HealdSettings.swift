import Logging
import Policy

/// What heald was told on its command line; `nil` where a flag was not given.
public struct HealdFlags: Hashable, Sendable {
    public var policies: String?
    public var stateDirectory: String?
    public var runtimeDirectory: String?
    public var bus: String?
    public var http: String?
    public var logLevel: String?

    public init(
        policies: String? = nil, stateDirectory: String? = nil, runtimeDirectory: String? = nil, bus: String? = nil,
        http: String? = nil, logLevel: String? = nil
    ) {
        self.policies = policies
        self.stateDirectory = stateDirectory
        self.runtimeDirectory = runtimeDirectory
        self.bus = bus
        self.http = http
        self.logLevel = logLevel
    }
}

/// A setting that cannot be used.
public struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `--log-level` or `HEALD_LOG_LEVEL`: where it was given.
    public var source: String
    public var why: String
    public var description: String { "\(self.source): \(self.why)" }

    public init(source: String, why: String) {
        self.source = source
        self.why = why
    }
}

/// What heald runs with: a flag beats the environment, which beats the default.
public struct HealdSettings: Hashable, Sendable {
    public var policies = "/etc/heald/policies"
    public var stateDirectory = "/var/lib/heald"
    public var runtimeDirectory = "/run/heald"
    /// `system`, `user` or a D-Bus address.
    public var bus = "system"
    /// `HOST:PORT`; `nil` for no listener.
    public var http: String?
    public var logLevel = Logger.Level.info
    /// By the environment alone.
    public var overrides = PolicyOverrides()

    /// - Throws: `SettingsError`.
    public init(flags: HealdFlags, environment: [String: String]) throws(SettingsError) {
        func given(_ flag: String?, _ name: String) throws(SettingsError) -> (value: String, source: String)? {
            let variable = "HEALD_" + name.uppercased().replacing("-", with: "_")
            let found = flag.map { ($0, "--\(name)") } ?? environment[variable].map { ($0, variable) }
            guard let (value, source) = found else { return nil }
            guard !value.isEmpty else {
                throw SettingsError(source: source, why: "is empty; give a value or leave it out")
            }
            return (value, source)
        }
        self.policies = try given(flags.policies, "policies")?.value ?? self.policies
        self.stateDirectory =
            try given(flags.stateDirectory, "state-dir")?.value
            ?? Self.firstPath(environment["STATE_DIRECTORY"]) ?? self.stateDirectory
        self.runtimeDirectory =
            try given(flags.runtimeDirectory, "runtime-dir")?.value
            ?? Self.firstPath(environment["RUNTIME_DIRECTORY"]) ?? self.runtimeDirectory
        self.bus = try given(flags.bus, "bus")?.value ?? self.bus
        self.http = try given(flags.http, "http")?.value
        if let (value, source) = try given(flags.logLevel, "log-level") {
            guard let level = Logger.Level(rawValue: value.lowercased()) else {
                let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
                throw SettingsError(source: source, why: "got \"\(value)\"; expected one of \(known)")
            }
            self.logLevel = level
        }
        do {
            self.overrides = try PolicyOverrides(environment: environment)
        } catch {
            throw SettingsError(source: error.variable, why: error.why)
        }
    }

    /// systemd gives several directories separated by colons, systemd.exec(5); the first is the unit's own.
    private static func firstPath(_ text: String?) -> String? {
        text?.split(separator: ":").first.map(String.init)
    }
}
