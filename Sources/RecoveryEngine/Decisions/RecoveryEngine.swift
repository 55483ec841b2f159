import Policy
import ResilienceCore

/// The decisions. A value: the same events at the same moments give the same effects, byte for byte.
public struct RecoveryEngine: Sendable {
    /// - Parameter seed: of the jitter in check intervals and backoffs.
    public init(seed: UInt64) {}

    /// When `Event.deadline` is wanted next, if nothing else happens before.
    public var nextDeadline: MonotonicInstant? { nil }

    /// Takes in one event.
    ///
    /// - Returns: effects in order; see `Effect`.
    public mutating func handle(_ event: Event, at now: Moment) -> [Effect] { [] }

    /// Every component of the loaded policy, in name order.
    public func componentStatuses(at now: Moment) -> [ComponentSnapshot] { [] }

    /// `running`, `paused`, `frozen`, `unrecorded` or `blind`, and why where it is not `running`.
    public var hostState: (state: String, reason: String?) { ("running", nil) }
}
