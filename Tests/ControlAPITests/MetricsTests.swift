import CoreMetrics
import Foundation
import Policy
import RecoveryEngine
import Resilience
import ResilienceCore
import Supervisor
import Testing

@testable import ControlAPI

@Suite struct MetricsTests {
    private static func figures(components: Int) -> SupervisorFigures {
        var figures = SupervisorFigures(
            version: "1.2.3", startedAt: WallTime(microseconds: 1_500_000), state: "running")
        for number in 0..<components {
            let name = "component-\(number)"
            figures.components.append(
                ComponentSnapshot(
                    name: name, verdict: number % 3 == 0 ? .down : number % 3 == 1 ? .up : .unknown, state: "healthy",
                    detail: nil, since: WallTime(microseconds: 0), unit: nil,
                    checks: [
                        CheckSnapshot(
                            name: "port", type: "tcp", verdict: .up, message: nil, lastAt: nil,
                            latency: .milliseconds(3))
                    ], openIncident: number == 0 ? 7 : nil))
        }
        figures.engine.breakers = (0..<components).map { $0 == 1 ? .halfOpen(successes: 0) : .closed }
        return figures
    }

    private static func page(_ figures: SupervisorFigures, _ registry: MetricsRegistry = MetricsRegistry()) throws
        -> Exposition
    {
        try Exposition(
            String(decoding: MetricsPage.bytes(figures, streams: 2, registry: registry), as: UTF8.self))
    }

    @Test func `names, values and texts are escaped as the format wants them`() throws {
        var text = PrometheusText()
        text.metric("a", .gauge, "one \\ two\nthree \"four\"")
        text.sample(Double.infinity, PrometheusText.Labels([("x", "q\"b\\s\nn"), ("y", "é")]))
        text.sample(-Double.infinity)
        text.metric("b", .gauge, "h")
        text.sample(Double.nan)
        text.metric("c", .gauge, "h")
        text.sample(1e300)
        text.sample(UInt64.max, PrometheusText.Labels([("x", "")]))
        #expect(
            String(decoding: text.bytes, as: UTF8.self) == """
                # HELP a one \\\\ two\\nthree "four"
                # TYPE a gauge
                a{x="q\\"b\\\\s\\nn",y="é"} +Inf
                a -Inf
                # HELP b h
                # TYPE b gauge
                b NaN
                # HELP c h
                # TYPE c gauge
                c 1e+300
                c{x=""} 18446744073709551615

                """)
        let read = try Exposition(String(decoding: text.bytes, as: UTF8.self))
        #expect(read.samples.first?.labels == ["x": "q\"b\\s\nn", "y": "é"])
    }

    @Test(arguments: [
        "a 1\n", "# TYPE a gauge\na 1\n", "# HELP a b\n# TYPE a gauge\na 1", "# HELP a b\n# TYPE a counter\na 1\n",
        "# HELP a b\n# TYPE a gauge\na 1\na 1\n", "# HELP a b\n# TYPE a gauge\na{x=\"\\q\"} 1\n",
        "# HELP a b\n# TYPE a gauge\na{x=\"y} 1\n", "# HELP a b\n# TYPE a gauge\na one\n",
        "# HELP a b\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 2\n",
        "# HELP a b\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
        "# HELP a b\n# TYPE a gauge\na 1\n# HELP c b\n# TYPE c gauge\nc 1\na{x=\"y\"} 1\n",
    ])
    func `the tests' own reader refuses what is not in the format`(text: String) {
        #expect(throws: Exposition.Refused.self) { try Exposition(text) }
    }

    @Test func `the page says what the figures are, in the format`() throws {
        var figures = Self.figures(components: 3)
        figures.isPolicyRefused = true
        figures.engine.budget = 10
        figures.engine.budgetLeft = 4
        figures.degradation = DegradationSnapshot(level: .minimal, features: ["search": false, "pay": true])
        var alerts = AlertFigures()
        alerts.waiting = 3
        alerts.delivered["ops"] = 5
        figures.alerts = alerts
        let page = try Self.page(figures)
        #expect(page.value("heald_build_info", ["version": "1.2.3"]) == 1)
        #expect(page.value("heald_start_time_seconds") == 1.5)
        #expect(page.value("heald_state", ["state": "running"]) == 1)
        #expect(page.value("heald_state", ["state": "frozen"]) == 0)
        #expect(page.value("heald_policy_last_reload_failed") == 1)
        // What is unknown is neither up nor down.
        let verdicts = (0..<3).map { number in
            ["up", "down"].map { page.value("heald_component_\($0)", ["component": "component-\(number)"]) }
        }
        #expect(verdicts == [[0, 1], [1, 0], [0, 0]])
        #expect(page.value("heald_component_incident_open", ["component": "component-0"]) == 1)
        #expect(page.value("heald_breaker_state", ["component": "component-1"]) == 1)
        #expect(page.value("heald_breaker_openings_total", ["component": "component-1"]) == 0)
        #expect(page.value("heald_action_budget_left") == 4)
        #expect(page.value("heald_degradation_level") == 2)
        #expect(page.value("heald_degradation_feature_enabled", ["feature": "search"]) == 0)
        #expect(page.value("heald_alerts_waiting") == 3)
        #expect(page.value("heald_alert_deliveries_total", ["channel": "ops", "outcome": "delivered"]) == 5)
        #expect(page.value("heald_event_streams") == 2)
        let none = try Self.page(Self.figures(components: 0))
        #expect(none.types["heald_degradation_level"] == nil)
    }

    @Test func `S1: what the library measures of calls is on the page for Prometheus, percentiles too`() throws {
        let registry = MetricsRegistry()
        let calls = try CallMetrics(factory: registry)
        for milliseconds in 1...100 { calls.succeeded("webhook", took: .milliseconds(milliseconds)) }
        calls.retried("webhook")
        calls.publish()
        let page = try Self.page(Self.figures(components: 1), registry)
        #expect(page.value("resilience_calls_total", ["name": "webhook", "outcome": "success"]) == 100)
        #expect(page.value("resilience_retries_total", ["name": "webhook"]) == 1)
        #expect(page.value("resilience_call_duration_seconds_count", ["name": "webhook"]) == 100)
        #expect(page.value("resilience_call_duration_seconds", ["quantile": "0.95"]) == 0.095)
        #expect(page.types["resilience_call_duration_quantile_seconds"] == nil)
    }

    @Test func `the registry is bounded, and gives a name one type`() throws {
        let registry = MetricsRegistry(seriesMost: 3)
        let first = Counter(label: "a_total", dimensions: [("x", "1")], factory: registry)
        first.increment(by: 2)
        Counter(label: "a_total", dimensions: [("x", "1")], factory: registry).increment()
        Gauge(label: "a_total", dimensions: [("x", "2")], factory: registry).record(9)
        Counter(label: "no name!_total", dimensions: [("1 x", "é")], factory: registry).increment()
        let meter = Meter(label: "level", factory: registry)
        meter.set(4)
        meter.decrement(by: 1)
        Counter(label: "late_total", factory: registry).increment()
        let page = try Self.page(Self.figures(components: 0), registry)
        #expect(page.value("a_total", ["x": "1"]) == 3)
        #expect(page.value("no_name__total", ["_1_x": "é"]) == 1)
        #expect(page.value("level") == 3)
        #expect(page.value("late_total") == nil)
        #expect(page.value("heald_metrics_series_dropped_total") == 2)
    }

    @Test func `a thousand components are written in no time`() throws {
        let figures = Self.figures(components: 1_000)
        let registry = MetricsRegistry()
        let clock = ContinuousClock()
        let took = clock.measure { _ = MetricsPage.bytes(figures, streams: 0, registry: registry) }
        // Not optimised, on a busy machine: a bound against something quadratic, not a measurement.
        #expect(took < .seconds(2), "\(took)")
        let page = try Self.page(figures)
        #expect(page.samples.count > 8_000)
    }

    @Test func `whoever may read may scrape, on the socket and over HTTP`() async throws {
        let control = RecordingControl()
        let port = try HTTPListenerTests.freePort()
        try await TestServer.with(control, { $0.http = try HTTPListener("127.0.0.1:\(port)") }) { server in
            let local = try await server.request("GET", "/metrics")
            #expect(local.status == 200)
            _ = try Exposition(local.text)
            let remote = try await HTTPListenerTests.ask(port, "GET", "/metrics", host: "127.0.0.1:\(port)")
            #expect(remote.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(remote.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
            #expect(try await server.request("POST", "/metrics").status == 405)
            // Within a second it is the same page: the loop was asked once.
            #expect(await control.statusQuestions == 1)
        }
    }

    @Test func `a loop that hangs fails the scrape`() async throws {
        let adjust: (inout ControlServerConfiguration) -> Void = { $0.limits.status = .milliseconds(200) }
        try await TestServer.with(RecordingControl(isHung: true), adjust) { server in
            let answer = try await server.request("GET", "/metrics")
            #expect(answer.status == 504)
        }
    }
}
