public import ResilienceCore

/// Puts a pipeline together by naming its protections, the outermost first. Every part made here goes by the same
/// clock, classifier, metrics and level, so that a breaker's openings are counted and its errors mean the same as the
/// retry's.
///
///     let orders = try PipelineBuilder("orders-db", clock: ContinuousClock(), metrics: metrics)
///         .retry(.database).breaker(.fiveFailures).timeout(.seconds(5)).build()
public struct PipelineBuilder<C: Clock>: Sendable where C.Duration == Duration {
    private let component: String
    private let clock: C
    private let classifier: any ErrorClassifier
    private let metrics: CallMetrics?
    private let errors: ErrorAggregator<C>?
    private let level: (@Sendable () -> DegradationLevel)?
    private var parts: [@Sendable () throws(SettingsError) -> Pipeline<C>.Stage] = []

    /// - Parameters: as of `Pipeline` and `Retry`.
    public init(
        _ component: String, clock: C, classifier: any ErrorClassifier = StandardClassifier(),
        metrics: CallMetrics? = nil, errors: ErrorAggregator<C>? = nil,
        level: (@Sendable () -> DegradationLevel)? = nil
    ) {
        self.component = component
        self.clock = clock
        self.classifier = classifier
        self.metrics = metrics
        self.errors = errors
        self.level = level
    }

    /// Tries again what may succeed a little later.
    public func retry(
        _ settings: RetrySettings, budget: RetryBudget<C>? = nil, seed: UInt64 = .random(in: 0 ... .max),
        repair: (@Sendable (CallError) async -> Bool)? = nil
    ) -> Self {
        let (clock, classifier, level) = (self.clock, self.classifier, self.level)
        return self.adding { () throws(SettingsError) in
            .retry(
                Retry(
                    settings, clock: clock, classifier: classifier, budget: budget, seed: seed, level: level,
                    repair: repair))
        }
    }

    /// Stops calling what keeps failing; its name is that of the component.
    public func breaker(_ settings: BreakerSettings) -> Self {
        let (component, clock, classifier, metrics) = (self.component, self.clock, self.classifier, self.metrics)
        return self.adding { () throws(SettingsError) in
            .breaker(
                CircuitBreaker(
                    component, settings, clock: clock, severity: { classifier.severity(of: $0) },
                    onChange: { metrics?.changed($0) }))
        }
    }

    /// Gives each call so much time; see `Timeout`.
    public func timeout(
        _ limit: Duration, abandonedMax: Int = 100, starting start: CallStart = .elsewhere,
        late: LateCall = .abandoned
    ) -> Self {
        let clock = self.clock
        return self.adding { () throws(SettingsError) in
            .timeout(try Timeout(limit, clock: clock, abandonedMax: abandonedMax, starting: start, late: late))
        }
    }

    /// Lets so many calls run at once; see `Bulkhead`.
    public func bulkhead(concurrency: Int, queue: Int = 0) -> Self {
        let component = self.component
        return self.adding { () throws(SettingsError) in
            .bulkhead(try Bulkhead(component, concurrency: concurrency, queue: queue))
        }
    }

    /// Lets calls pass at a steady rate; see `RateLimiter`.
    public func rateLimiter(perSecond: Double, burst: Double = 1, waitMax: Duration = .zero) -> Self {
        let (component, clock) = (self.component, self.clock)
        return self.adding { () throws(SettingsError) in
            .rateLimiter(
                try RateLimiter(component, perSecond: perSecond, burst: burst, waitMax: waitMax, clock: clock))
        }
    }

    /// Makes a slow call again; see `Hedge`.
    public func hedge(after delay: Duration, copies: Int = 2) -> Self {
        let clock = self.clock
        return self.adding { () throws(SettingsError) in .hedge(try Hedge(after: delay, copies: copies, clock: clock)) }
    }

    /// The pipeline; each one built has a breaker, a bulkhead and a rate of its own.
    ///
    /// - Throws: `SettingsError` for what a part or the whole cannot be.
    public func build() throws(SettingsError) -> Pipeline<C> {
        var stages: [Pipeline<C>.Stage] = []
        for part in self.parts { stages.append(try part()) }
        return try Pipeline(
            self.component, clock: self.clock, stages: stages, classifier: self.classifier, metrics: self.metrics,
            errors: self.errors)
    }

    private func adding(_ part: @escaping @Sendable () throws(SettingsError) -> Pipeline<C>.Stage) -> Self {
        var copy = self
        copy.parts.append(part)
        return copy
    }
}
