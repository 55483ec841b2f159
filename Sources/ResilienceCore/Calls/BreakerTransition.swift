/// The states of a breaker of calls without their data; the raw values are the names in records.
public enum BreakerStateKind: String, CaseIterable, Hashable, Sendable, Codable {
    case closed
    case open
    case halfOpen = "half-open"
    case forcedOpen = "forced-open"
    case forcedClosed = "forced-closed"
}

/// One change of a breaker's state.
public struct BreakerTransition: Hashable, Sendable, Codable {
    /// What brought a change about; the raw values are the names in records.
    public enum Cause: String, CaseIterable, Hashable, Sendable, Codable {
        case failures
        case slowCalls = "slow-calls"
        case timeToTry = "time-to-try"
        case trialFailed = "trial-failed"
        case trialHung = "trial-hung"
        case trialsPassed = "trials-passed"
        case forced, reset, restored
    }

    /// The state before.
    public let from: BreakerStateKind
    /// The state after.
    public let to: BreakerStateKind
    /// What brought it about.
    public let cause: Cause
    /// When, on the clock of the breaker; its zero is arbitrary.
    public let at: MonotonicInstant
}

/// What has to be kept of a breaker to go on after a restart. Values that cannot be are brought into range when they are
/// restored.
public struct BreakerSnapshot: Hashable, Sendable, Codable {
    /// The state it was in.
    public var state: BreakerStateKind
    /// How much of its open time was left.
    public var openLeft: Duration
    /// How often in a row it had opened.
    public var level: Int
    /// Failures in a row, where its rule counts them.
    public var failuresInRow: Int
}
