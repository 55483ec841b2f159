import Policy
import ResilienceCore

/// A step, or a change of scale by load, that waits for an operator (`mode: approve`), or has leave to begin and has not
/// begun.
public struct SavedApproval: Hashable, Sendable, Codable {
    /// The number that the action will have.
    public var id: Int64
    /// 0: none, the load asks for it.
    public var incident: Int64
    public var step: Int
    public var attempt: Int
    public var strategy: Strategy
    /// What exactly would be done, where the strategy does not say it.
    public var order: ActionOrder?
    /// Leave that nobody gave or used until then is refused.
    public var until: WallTime
    /// The operator who gave leave; `nil`: nobody yet.
    public var approvedBy: String?

    public init(
        id: Int64, incident: Int64, step: Int, attempt: Int, strategy: Strategy, order: ActionOrder?, until: WallTime,
        approvedBy: String?
    ) {
        self.id = id
        self.incident = incident
        self.step = step
        self.attempt = attempt
        self.strategy = strategy
        self.order = order
        self.until = until
        self.approvedBy = approvedBy
    }
}

/// What became of a step that waited for an operator.
public enum ApprovalDecision: String, CaseIterable, Hashable, Sendable, Codable {
    case approved, denied
    /// Nobody answered in time, or what was approved could not begin in time.
    case expired
    /// It is no longer wanted: the component is well, or another step has its turn.
    case withdrawn
}
