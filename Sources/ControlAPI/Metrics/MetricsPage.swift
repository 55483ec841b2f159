import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor

/// `GET /metrics`: the supervisor's figures in Prometheus' text format.
///
/// Labels are names of the policy and words of heald's own, of which there are few; no text from outside is a label.
struct MetricsPage {
    private static let states = ["running", "paused", "frozen", "disconnected", "unrecorded", "blind", "ended"]

    private let figures: SupervisorFigures
    private var text = PrometheusText()

    /// - Parameters:
    ///   - streams: clients of the event stream.
    ///   - registry: what the process measures of its own calls.
    static func bytes(_ figures: SupervisorFigures, streams: Int, registry: MetricsRegistry) -> [UInt8] {
        var page = Self(figures: figures)
        page.writeHost()
        page.writeComponents()
        page.writeChecks()
        page.writeIncidents()
        page.writeActions()
        page.writeDegradation()
        page.writeAlerts()
        page.writeLoop()
        page.one("heald_event_streams", .gauge, "Clients of the event stream.", streams)
        page.text.metric("heald_metrics_series_dropped_total", .counter, "Series that found no place in the registry.")
        page.text.sample(registry.dropped)
        registry.write(to: &page.text)
        return page.text.bytes
    }

    private init(figures: SupervisorFigures) { self.figures = figures }

    private mutating func one(_ name: String, _ kind: PrometheusText.Kind, _ help: String, _ value: Int) {
        self.text.metric(name, kind, help)
        self.text.sample(value)
    }

    private mutating func one(_ name: String, _ kind: PrometheusText.Kind, _ help: String, _ value: UInt64) {
        self.text.metric(name, kind, help)
        self.text.sample(value)
    }

    private mutating func one(_ name: String, _ help: String, _ value: Double) {
        self.text.metric(name, .gauge, help)
        self.text.sample(value)
    }

    private mutating func one(_ name: String, _ help: String, _ isSo: Bool) {
        self.text.metric(name, .gauge, help)
        self.text.sample(isSo)
    }

    private mutating func counts(_ name: String, _ help: String, _ labels: [String], _ counts: LabelledCount) {
        self.text.metric(name, .counter, help)
        for (words, count) in counts.counts.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            self.text.sample(count, PrometheusText.Labels(zip(labels, words).map { ($0, $1) }))
        }
    }

    private static func seconds(_ time: WallTime) -> Double { Double(time.microseconds) / 1e6 }

    // MARK: - The parts

    private mutating func writeHost() {
        self.text.metric("heald_build_info", .gauge, "The version of heald; always 1.")
        self.text.sample(1, PrometheusText.Labels([("version", self.figures.version)]))
        self.one(
            "heald_start_time_seconds", "When heald started, since 1970.", Self.seconds(self.figures.startedAt))
        self.text.metric("heald_state", .gauge, "1 for the state that heald is in.")
        for state in Self.states {
            self.text.sample(self.figures.state == state, PrometheusText.Labels([("state", state)]))
        }
        self.one(
            "heald_policy_generation", .gauge, "How often a policy came into force since the start.",
            self.figures.policyGeneration)
        self.one(
            "heald_policy_loaded_timestamp_seconds", "When the policy in force was loaded, since 1970.",
            Self.seconds(self.figures.policyLoadedAt))
        self.one(
            "heald_policy_last_reload_failed", "1 where the policy on disk was refused and an older one is in force.",
            self.figures.isPolicyRefused)
        self.text.metric("heald_policy_reloads_total", .counter, "Policies loaded and refused, the first included.")
        self.text.sample(self.figures.tally.policiesLoaded, PrometheusText.Labels([("outcome", "loaded")]))
        self.text.sample(self.figures.tally.policiesRefused, PrometheusText.Labels([("outcome", "refused")]))
        self.one(
            "heald_audit_writable", "1 while the audit trail can be written; repairs wait while it cannot.",
            self.figures.isRecording)
        self.one(
            "heald_audit_records_waiting", .gauge, "Records that could not be written yet.",
            self.figures.recordsWaiting)
        self.one(
            "heald_audit_records_total", .counter, "Records of the audit trail since the start.",
            self.figures.tally.records)
    }

    private mutating func writeComponents() {
        let components = self.figures.components
        let labels = components.map { PrometheusText.Labels([("component", $0.name)]) }
        self.text.metric(
            "heald_component_up", .gauge, "1 while the component is up. What is unknown is neither up nor down.")
        for (component, labels) in zip(components, labels) { self.text.sample(component.verdict == .up, labels) }
        self.text.metric("heald_component_down", .gauge, "1 while the component is down.")
        for (component, labels) in zip(components, labels) { self.text.sample(component.verdict == .down, labels) }
        self.text.metric("heald_component_state", .gauge, "1 for the state that the component is in.")
        for component in components {
            self.text.sample(1, PrometheusText.Labels([("component", component.name), ("state", component.state)]))
        }
        self.text.metric("heald_component_incident_open", .gauge, "1 while an incident of the component is open.")
        for (component, labels) in zip(components, labels) { self.text.sample(component.openIncident != nil, labels) }
        let breakers = self.figures.engine.breakers
        guard breakers.count == components.count else { return }
        self.text.metric(
            "heald_breaker_state", .gauge, "The component's circuit breaker: 0 closed, 1 half-open, 2 open.")
        for (breaker, labels) in zip(breakers, labels) {
            switch breaker {
            case .closed: self.text.sample(0, labels)
            case .halfOpen: self.text.sample(1, labels)
            case .open: self.text.sample(2, labels)
            }
        }
        self.text.metric("heald_breaker_openings_total", .counter, "How often the component's breaker opened.")
        for (component, labels) in zip(components, labels) {
            self.text.sample(self.figures.tally.breakerOpenings.counts[[component.name]] ?? 0, labels)
        }
    }

    private mutating func writeChecks() {
        self.text.metric(
            "heald_check_up", .gauge, "1 while the check passes. What is unknown is neither up nor down.")
        self.eachCheck { $0.sample($2.verdict == .up, $1) }
        self.text.metric("heald_check_down", .gauge, "1 while the check fails.")
        self.eachCheck { $0.sample($2.verdict == .down, $1) }
        let tallies = self.figures.tally.checks.sorted {
            ($0.key.component, $0.key.check) < ($1.key.component, $1.key.check)
        }
        self.text.metric("heald_check_results_total", .counter, "Runs of a check by what they came to.")
        for (name, tally) in tallies {
            for (position, verdict) in Verdict.allCases.enumerated() {
                self.text.sample(
                    tally.verdicts[position],
                    PrometheusText.Labels([
                        ("component", name.component), ("check", name.check), ("verdict", verdict.rawValue),
                    ]))
            }
        }
        self.text.metric("heald_check_duration_seconds", .histogram, "How long runs of a check took.")
        for (name, tally) in tallies {
            self.text.histogram(
                tally.times, PrometheusText.Labels([("component", name.component), ("check", name.check)]))
        }
    }

    private mutating func eachCheck(_ write: (inout PrometheusText, PrometheusText.Labels, CheckSnapshot) -> Void) {
        for component in self.figures.components {
            for check in component.checks {
                write(
                    &self.text,
                    PrometheusText.Labels([
                        ("component", component.name), ("check", check.name), ("type", check.type),
                    ]), check)
            }
        }
    }

    private mutating func writeIncidents() {
        let tally = self.figures.tally
        self.counts(
            "heald_incidents_opened_total", "Incidents that began, by what failed.",
            ["component", "category", "reason"],
            tally.opened)
        self.counts(
            "heald_incidents_resolved_total", "Incidents that ended, by who made it well.", ["component", "by"],
            tally.resolved)
        self.counts(
            "heald_incidents_exhausted_total", "Incidents that every step of the ladder was tried on in vain.",
            ["component"], tally.exhausted)
        self.counts(
            "heald_drills_total", "Drills that ended, by outcome.", ["component", "outcome"], tally.drills)
        self.text.metric(
            "heald_incident_duration_seconds", .summary,
            "From the failure until it was up again, of incidents that ended and were no drill.")
        for (component, recoveries) in tally.recoveries.sorted(by: { $0.key < $1.key }) {
            self.text.summary(
                count: recoveries.count, total: recoveries.total, PrometheusText.Labels([("component", component)]))
        }
    }

    private mutating func writeActions() {
        let tally = self.figures.tally
        self.counts(
            "heald_actions_total", "Repairs that ended, by outcome.", ["component", "action", "outcome"], tally.actions)
        self.counts(
            "heald_action_retries_total", "Repairs that were a second or later attempt.", ["component", "action"],
            tally.retries)
        self.counts(
            "heald_actions_skipped_total", "Steps of a ladder that were not taken.", ["component", "action"],
            tally.skipped)
        self.counts(
            "heald_repairs_verified_total", "Repairs by whether they helped.", ["component", "helped"], tally.verified)
        self.text.metric("heald_action_duration_seconds", .histogram, "How long repairs took, without their proof.")
        for (action, times) in tally.actionTimes.sorted(by: { $0.key < $1.key }) {
            self.text.histogram(times, PrometheusText.Labels([("action", action)]))
        }
        self.one("heald_actions_in_flight", .gauge, "Repairs under way.", self.figures.actionsInFlight)
        self.one("heald_checks_in_flight", .gauge, "Checks that run.", self.figures.checksInFlight)
        self.one(
            "heald_action_budget", .gauge, "Disruptive repairs of the host that one window allows (maxActions).",
            self.figures.engine.budget)
        self.one(
            "heald_action_budget_left", .gauge, "How many of them are left.", self.figures.engine.budgetLeft)
    }

    private mutating func writeDegradation() {
        guard let degradation = self.figures.degradation else { return }
        self.one(
            "heald_degradation_level", .gauge, "0 NORMAL, 1 DEGRADED, 2 MINIMAL, 3 EMERGENCY.",
            DegradationLevel.allCases.firstIndex(of: degradation.level) ?? 0)
        self.text.metric("heald_degradation_feature_enabled", .gauge, "1 while the feature is published as available.")
        for (feature, isOn) in degradation.features.sorted(by: { $0.key < $1.key }) {
            self.text.sample(isOn, PrometheusText.Labels([("feature", feature)]))
        }
        self.one(
            "heald_degradation_units", .gauge, "Units that the level does without.", degradation.units.count)
    }

    private mutating func writeAlerts() {
        self.counts(
            "heald_alerts_total", "Messages to people.", ["event", "severity"], self.figures.tally.alerts)
        guard let alerts = self.figures.alerts else { return }
        self.one(
            "heald_alerts_waiting", .gauge, "Messages that a channel has not taken yet.", alerts.waiting)
        self.text.metric("heald_alert_deliveries_total", .counter, "What deliveries to a channel came to.")
        for channel in Set(alerts.delivered.keys).union(alerts.failed.keys).sorted() {
            for (outcome, counts) in [
                ("delivered", alerts.delivered), ("failed", alerts.failed), ("given_up", alerts.givenUp),
            ] {
                self.text.sample(
                    counts[channel] ?? 0, PrometheusText.Labels([("channel", channel), ("outcome", outcome)]))
            }
        }
    }

    private mutating func writeLoop() {
        let tally = self.figures.tally
        self.text.metric(
            "heald_loop_lag_seconds", .histogram, "How much later than wanted turns of the decision loop began.")
        self.text.histogram(tally.lag)
        self.text.metric(
            "heald_loop_turn_seconds", .histogram, "How long turns of the decision loop took, commits included.")
        self.text.histogram(tally.turns)
        self.one("heald_loop_stalls_total", .counter, "How often heald itself was held up.", tally.stalls)
        self.text.metric("heald_loop_stalled_seconds_total", .counter, "For how long heald itself was held up.")
        self.text.sample(tally.stalled.inSeconds)
    }
}
