import ResilienceCore

/// What lies where a component's releases are.
public struct ReleaseObservation: Hashable, Sendable {
    /// The name of the directory that `current` points to.
    public var current: String?
    /// When `current` was last pointed elsewhere.
    public var changedAt: WallTime?
    /// Names of the directories, sorted.
    public var available: [String]
    /// Why that cannot be told, for a person.
    public var problem: String?

    public init(
        current: String? = nil, changedAt: WallTime? = nil, available: [String] = [], problem: String? = nil
    ) {
        self.current = current
        self.changedAt = changedAt
        self.available = available
        self.problem = problem
    }
}
