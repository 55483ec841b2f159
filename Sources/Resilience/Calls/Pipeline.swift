public import ResilienceCore

/// Several protections put around every call of one component, in the order in which they are written: the first is the
/// outermost. Safe to share.
///
/// The usual order is retry, rate limiter, bulkhead, breaker, timeout: each try takes its turn by itself, and a breaker
/// sees every try and its timeouts. A `Fallback` goes around the whole.
public struct Pipeline<C: Clock>: Sendable where C.Duration == Duration {
    /// One protection.
    public enum Stage: Sendable {
        case retry(Retry<C>)
        case rateLimiter(RateLimiter<C>)
        case bulkhead(Bulkhead)
        case breaker(CircuitBreaker<C>)
        case timeout(Timeout<C>)
        /// A sync call, which could not be left behind, is made once.
        case hedge(Hedge<C>)

        var kind: String {
            switch self {
            case .retry: "retry"
            case .rateLimiter: "rateLimiter"
            case .bulkhead: "bulkhead"
            case .breaker: "breaker"
            case .timeout: "timeout"
            case .hedge: "hedge"
            }
        }
    }

    /// The name that errors and metrics carry.
    public var component: String { self.parts.component }

    /// Behind one reference, because it goes into the closures of every call.
    private final class Parts: Sendable {
        let component: String
        let stages: [Stage]
        let reading: ClockReading<C>
        let innermost: Timeout<C>
        let classifier: any ErrorClassifier
        let metrics: CallMetrics?
        let errors: ErrorAggregator<C>?
        let notice: (@Sendable (RetryNotice) -> Void)?

        init(
            _ component: String, _ stages: [Stage], _ reading: ClockReading<C>, innermost: Timeout<C>,
            _ classifier: any ErrorClassifier, _ metrics: CallMetrics?, _ errors: ErrorAggregator<C>?
        ) {
            self.component = component
            self.stages = stages
            self.reading = reading
            self.innermost = innermost
            self.classifier = classifier
            self.metrics = metrics
            self.errors = errors
            if let metrics { self.notice = { _ in metrics.retried(component) } } else { self.notice = nil }
        }
    }

    private let parts: Parts

    /// - Parameters:
    ///   - stages: the protections, the outermost first; each kind once, timeouts twice (around everything, around each
    ///     try).
    ///   - classifier: names the reason of an error that no retry has named.
    ///   - metrics: counts the calls, by `component`.
    ///   - errors: gets every error that leaves the pipeline.
    /// - Throws: `SettingsError` for no stages, or a kind too many.
    public init(
        _ component: String, clock: C, stages: [Stage], classifier: any ErrorClassifier = StandardClassifier(),
        metrics: CallMetrics? = nil, errors: ErrorAggregator<C>? = nil
    ) throws(SettingsError) {
        guard !stages.isEmpty else {
            throw SettingsError(
                what: "stages is empty.", why: "Nothing would protect the calls.",
                howToFix: "Name at least one, or make the calls without a pipeline.")
        }
        for (kind, count) in Dictionary(grouping: stages, by: \.kind).mapValues(\.count) {
            guard count <= (kind == "timeout" ? 2 : 1) else {
                throw SettingsError(
                    what: "stages names \(kind) \(count) times.", why: "The one would undo or multiply the other.",
                    howToFix: "Name it once; a timeout twice at most.")
            }
        }
        // Only the limits of single calls are used.
        let innermost = try Timeout(.seconds(1), clock: clock)
        self.parts = Parts(
            component, stages, ClockReading(clock), innermost: innermost, classifier, metrics, errors)
    }

    /// Makes the call behind every stage.
    ///
    /// - Parameter body: the call; told which try it is and how long it may take.
    /// - Throws: the error of the stage that kept the result away, with operation, component, try and elapsed time.
    public func call<Success: Sendable>(
        _ operation: String, _ body: @escaping @Sendable (CallContext) async throws -> Success
    ) async throws(CallError) -> Success {
        let began = self.parts.reading.now
        do throws(CallError) {
            let value = try await self.run(0, CallContext(operation: operation, component: self.component), body)
            self.parts.metrics?.succeeded(self.component, took: self.parts.reading.now - began)
            return value
        } catch {
            throw self.completed(error, operation, since: began)
        }
    }

    /// One function for each kind of stage below, so that a call needs no more memory on its way than its own stages do.
    nonisolated(nonsending) private func run<Success: Sendable>(
        _ index: Int, _ context: CallContext, _ body: @escaping @Sendable (CallContext) async throws -> Success
    ) async throws(CallError) -> Success {
        guard index < self.parts.stages.count else { return try await self.runInnermost(context, body) }
        switch self.parts.stages[index] {
        case .retry(let retry): return try await self.run(retry, index + 1, context, body)
        case .rateLimiter(let limiter):
            return try await limiter.call(context.operation) { try await self.run(index + 1, context, body) }
        case .bulkhead(let bulkhead):
            return try await bulkhead.call(context.operation) { try await self.run(index + 1, context, body) }
        case .breaker(let breaker):
            return try await breaker.call(context.operation) { try await self.run(index + 1, context, body) }
        case .timeout(let timeout): return try await self.run(timeout, index + 1, context, body)
        case .hedge(let hedge):
            return try await hedge.call(context) { _ in try await self.run(index + 1, context, body) }
        }
    }

    nonisolated(nonsending) private func run<Success: Sendable>(
        _ retry: Retry<C>, _ next: Int, _ context: CallContext,
        _ body: @escaping @Sendable (CallContext) async throws -> Success
    ) async throws(CallError) -> Success {
        try await retry.run(context, onRetry: self.parts.notice) { context, timeout in
            guard let timeout else { return try await self.run(next, context, body) }
            return try await self.run(timeout, within: context.limit, next, context, body)
        }
    }

    nonisolated(nonsending) private func run<Success: Sendable>(
        _ timeout: Timeout<C>, within limit: Duration? = nil, _ next: Int, _ context: CallContext,
        _ body: @escaping @Sendable (CallContext) async throws -> Success
    ) async throws(CallError) -> Success {
        // Most timeouts are the last stage.
        if next == self.parts.stages.count, context.limit == nil {
            return try await timeout.call(context, within: limit) { try await body(context) }
        }
        return try await timeout.call(context, within: limit) { try await self.run(next, context, body) }
    }

    /// A try whose time is up is cancelled from outside by its retry. What lies between must come back at once then, so
    /// that the breaker counts it and the bulkhead has its place again, also where the call ignores cancellation.
    nonisolated(nonsending) private func runInnermost<Success: Sendable>(
        _ context: CallContext, _ body: @escaping @Sendable (CallContext) async throws -> Success
    ) async throws(CallError) -> Success {
        if let limit = context.limit {
            return try await self.parts.innermost.call(context, within: limit) { try await body(context) }
        }
        do { return try await body(context) } catch { throw CallError(wrapping: error, in: context) }
    }

    private func completed(_ error: CallError, _ operation: String, since began: MonotonicInstant) -> CallError {
        var context = error.context
        context.operation = operation
        context.component = self.component
        context.elapsed = self.parts.reading.now - began
        let error = error.told(of: context, reason: self.parts.classifier.meaning(of: error)?.reason)
        self.parts.metrics?.failed(self.component, error, took: error.context.elapsed)
        self.parts.errors?.record(error)
        return error
    }
}

extension Pipeline where C: BlockingClock {
    /// Makes the sync call behind every stage; waits between tries hold up the thread.
    ///
    /// - Parameter body: the call; told which try it is and how long it may take, which it has to hand to its own socket
    ///   or query.
    /// - Throws: as the async form.
    @_disfavoredOverload
    public func call<Success>(
        _ operation: String, _ body: (CallContext) throws -> Success
    ) throws(CallError) -> Success {
        let began = self.parts.reading.now
        do throws(CallError) {
            let value = try self.run(0, CallContext(operation: operation, component: self.component), body)
            self.parts.metrics?.succeeded(self.component, took: self.parts.reading.now - began)
            return value
        } catch {
            throw self.completed(error, operation, since: began)
        }
    }

    private func run<Success>(
        _ index: Int, _ context: CallContext, _ body: (CallContext) throws -> Success
    ) throws(CallError) -> Success {
        guard index < self.parts.stages.count else {
            do { return try body(context) } catch { throw CallError(wrapping: error, in: context) }
        }
        func next(_ context: CallContext) throws -> Success { try self.run(index + 1, context, body) }
        switch self.parts.stages[index] {
        case .retry(let retry): return try retry.call(context, onRetry: self.parts.notice, next)
        case .rateLimiter(let limiter): return try limiter.call(context.operation) { try next(context) }
        case .bulkhead(let bulkhead): return try bulkhead.call(context.operation) { try next(context) }
        case .breaker(let breaker): return try breaker.call(context.operation) { try next(context) }
        case .timeout(let timeout): return try timeout.call(context, next)
        case .hedge:
            do { return try next(context) } catch { throw CallError(wrapping: error, in: context) }
        }
    }
}
