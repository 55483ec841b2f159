import ResilienceCore

/// The engine in figures.
public struct EngineFigures: Hashable, Sendable {
    /// The state of each component's breaker, in the order of `componentStatuses`.
    public var breakers: [CircuitBreakerMachine.State] = []
    /// Disruptive actions that are allowed in any one window (`maxActions`), and how many are left of it now.
    public var budget = 0
    public var budgetLeft = 0

    public init() {}
}

extension RecoveryEngine {
    public func figures(at now: Moment) -> EngineFigures {
        var figures = EngineFigures()
        figures.breakers = self.machines.map(\.breaker.state)
        figures.budget = self.host.budget.count
        figures.budgetLeft = self.host.budget.left(at: now.monotonic)
        return figures
    }
}
