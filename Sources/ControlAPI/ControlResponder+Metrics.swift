import Hummingbird
import Resilience
import Supervisor

/// GET /metrics, for Prometheus.
extension ControlResponder {
    func metrics() async throws -> ControlAnswer {
        let body = try await self.bounded(self.limits.status) { [metricsReader] in try await metricsReader.reading() }
        var answer = ControlAnswer(body: body)
        answer.contentType = PrometheusText.contentType
        return answer
    }

    /// Written once for all who ask within a second: the loop is asked so often, however many scrape it.
    static func metricsReader(
        _ control: any SupervisorControl, _ metrics: ControlMetrics, age: Duration
    ) -> Recent<[UInt8]> {
        Recent(maximumAge: age) {
            let figures = await control.figures()
            metrics.calls?.publish()
            return MetricsPage.bytes(figures, streams: control.events.followers, registry: metrics.registry)
        }
    }
}

/// What the process measures of its own calls.
public struct ControlMetrics: Sendable {
    public var registry: MetricsRegistry
    /// Its percentiles are published into the registry before it is read.
    public var calls: CallMetrics?

    public init(registry: MetricsRegistry = MetricsRegistry(), calls: CallMetrics? = nil) {
        self.registry = registry
        self.calls = calls
    }
}
