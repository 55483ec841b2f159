import ControlAPI
import Resilience

/// What the process measures of its own calls, and where `GET /metrics` finds it.
public struct Metering: Sendable {
    public let registry = MetricsRegistry()
    /// Counts calls that go through the Resilience library: webhooks, the journal.
    public let calls: CallMetrics

    /// - Throws: where the library does not take the bounds.
    public init() throws {
        self.calls = try CallMetrics(factory: self.registry, namesMax: 20, window: 500)
    }
}
