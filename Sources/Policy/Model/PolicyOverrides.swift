import ResilienceCore

/// What an operator says in heald's environment, for one host and without touching a policy: it takes the place of what
/// `defaults` and the language itself say. A component or step that says it in so many words keeps its own.
public struct PolicyOverrides: Hashable, Sendable {
    /// `false`: every component is only observed, whatever it says itself.
    public var isEnabled: Bool
    /// `breaker.failures`; 1 to 100.
    public var breakerFailures: Int?
    /// `attempts` of RESTART; 1 to 1,000.
    public var maxAttempts: Int?
    /// `timeout` of an action; 100 ms to 1 h.
    public var recoveryTimeout: Duration?

    public init(
        isEnabled: Bool = true, breakerFailures: Int? = nil, maxAttempts: Int? = nil, recoveryTimeout: Duration? = nil
    ) {
        self.isEnabled = isEnabled
        self.breakerFailures = breakerFailures
        self.maxAttempts = maxAttempts
        self.recoveryTimeout = recoveryTimeout
    }

    /// Reads the variables `HEALD_ENABLED`, `HEALD_BREAKER_FAILURES`, `HEALD_MAX_ATTEMPTS` and `HEALD_RECOVERY_TIMEOUT`.
    ///
    /// - Throws: `PolicyOverrideError` for a value that makes no sense. A switch that was misspelled must not be taken
    ///   for one that was not set.
    public init(environment: [String: String]) throws(PolicyOverrideError) {
        self.init()
        if let text = environment[Name.enabled.rawValue] {
            switch text.lowercased() {
            case "true", "1", "yes", "on": self.isEnabled = true
            case "false", "0", "no", "off": self.isEnabled = false
            default: throw Self.refused(.enabled, text, expected: "true or false")
            }
        }
        self.breakerFailures = try Self.number(.breakerFailures, 1...100, environment)
        self.maxAttempts = try Self.number(.maxAttempts, 1...1_000, environment)
        if let text = environment[Name.recoveryTimeout.rawValue] {
            guard let duration = Duration(policyText: text),
                duration >= .milliseconds(100), duration <= .seconds(3_600)
            else {
                throw Self.refused(.recoveryTimeout, text, expected: "a duration from 100ms to 1h, such as \"30s\"")
            }
            self.recoveryTimeout = duration
        }
    }

    private enum Name: String {
        case enabled = "HEALD_ENABLED"
        case breakerFailures = "HEALD_BREAKER_FAILURES"
        case maxAttempts = "HEALD_MAX_ATTEMPTS"
        case recoveryTimeout = "HEALD_RECOVERY_TIMEOUT"
    }

    private static func number(
        _ name: Name, _ range: ClosedRange<Int>, _ environment: [String: String]
    ) throws(PolicyOverrideError) -> Int? {
        guard let text = environment[name.rawValue] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw Self.refused(
                name, text, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func refused(_ name: Name, _ text: String, expected: String) -> PolicyOverrideError {
        PolicyOverrideError(variable: name.rawValue, why: "got \(quoted(text)); expected \(expected)")
    }

    /// What differs from the policy, by variable, as it would be written.
    public var inForce: [String: String] {
        var inForce: [String: String] = [:]
        if !self.isEnabled { inForce[Name.enabled.rawValue] = "false" }
        inForce[Name.breakerFailures.rawValue] = self.breakerFailures.map(String.init)
        inForce[Name.maxAttempts.rawValue] = self.maxAttempts.map(String.init)
        inForce[Name.recoveryTimeout.rawValue] = self.recoveryTimeout?.policyText
        return inForce
    }
}

/// A variable of the environment that cannot be used.
public struct PolicyOverrideError: Error, Hashable, Sendable {
    public var variable: String
    public var why: String
}

extension Defaults {
    /// Puts what the environment says in the place of the defaults of files and language.
    mutating func apply(_ overrides: PolicyOverrides) {
        if let failures = overrides.breakerFailures { self.component.breaker.failures = failures }
        if let timeout = overrides.recoveryTimeout { self.step.timeout = timeout }
        self.restartAttempts = overrides.maxAttempts.map { .limited($0) }
    }
}

extension PolicySnapshot {
    /// The same, watched and not touched, where the environment says so.
    func disabled(by overrides: PolicyOverrides) -> PolicySnapshot {
        guard !overrides.isEnabled else { return self }
        var policy = self
        for index in policy.components.indices { policy.components[index].mode = .observe }
        policy.degradation?.isObserved = true
        return policy
    }
}
