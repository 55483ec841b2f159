public import ResilienceCore

/// Why nothing new is known of degradation.
public enum DegradationProblem: Hashable, Sendable {
    /// There is no file: the supervisor has never run, or has been stopped.
    case missing
    /// The file has not been written for too long: the supervisor is gone, or stuck.
    case stale
    /// The file cannot be read; an errno(3), EINVAL for what is no regular file.
    case unreadable(errno: Int32)
    /// The file is not what a supervisor writes.
    case malformed
}

/// What is known of degradation.
public struct DegradationState: Hashable, Sendable {
    /// How degraded the system is; NORMAL where nothing is known.
    public let level: DegradationLevel
    /// Whether the supervisor has said so, not too long ago. Otherwise everything goes by its default.
    public let isKnown: Bool
    /// What keeps newer news away; the last good ones hold meanwhile, until they are stale.
    public let problem: DegradationProblem?
    /// What the supervisor has said of features; empty where nothing is known.
    public let features: [String: Bool]
    let defaults: [String: Bool]

    /// Whether a feature is to be offered: what the supervisor says of it, else its default, else that it is.
    public func isOn(_ feature: String) -> Bool { self.features[feature] ?? self.defaults[feature] ?? true }
}
