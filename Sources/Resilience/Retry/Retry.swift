public import ResilienceCore
import Synchronization

/// A failed try that is going to be followed by another.
public struct RetryNotice: Sendable {
    /// Which call, and which try has failed.
    public let context: CallContext
    /// What came of it.
    public let error: CallError
    /// How long until the next.
    public let wait: Duration
}

/// Tries again what may succeed a little later. Safe to share.
public final class Retry<C: Clock>: Sendable where C.Duration == Duration {
    private let fullSettings: RetrySettings
    let reading: ClockReading<C>
    private let generator: Mutex<SeededGenerator>
    private let classifier: any ErrorClassifier
    private let budget: RetryBudget<C>?
    private let onRetry: (@Sendable (RetryNotice) -> Void)?
    private let timeout: Timeout<C>?
    private let repair: (@Sendable (CallError) async -> Bool)?
    private let level: (@Sendable () -> DegradationLevel)?

    /// - Parameters:
    ///   - classifier: which errors are worth another try, and whether the other side asked to wait. An error that it
    ///     does not know is not worth one; cancellation never is.
    ///   - budget: how much of the load may be retries; `nil`: no bound beside `attempts`.
    ///   - seed: of the jitter; instances that must not retry in step need different ones.
    ///   - onRetry: told before each wait, on the caller's task; must not block.
    ///   - level: how degraded the service is, asked for each call: the more, the fewer tries are made
    ///     (`RetrySettings.inStep(with:)`). `nil`: as many as the settings say.
    ///   - repair: repairs what made a try fail (connects anew, fetches another token) and says whether it did: then
    ///     another try follows at once, whatever the classifier says. Callers that fail together all ask for it. It has
    ///     the time that a try has. Sync calls pass it over.
    public init(
        _ settings: RetrySettings, clock: C, classifier: any ErrorClassifier = StandardClassifier(),
        budget: RetryBudget<C>? = nil, seed: UInt64 = .random(in: 0 ... .max),
        onRetry: (@Sendable (RetryNotice) -> Void)? = nil, level: (@Sendable () -> DegradationLevel)? = nil,
        repair: (@Sendable (CallError) async -> Bool)? = nil
    ) {
        self.fullSettings = settings
        self.level = level
        self.repair = repair
        self.reading = ClockReading(clock)
        self.generator = Mutex(SeededGenerator(seed: seed))
        self.classifier = classifier
        self.budget = budget
        self.onRetry = onRetry
        // Both were checked to be positive where the settings were made.
        self.timeout = (settings.attemptTimeout ?? settings.deadline).flatMap { try? Timeout($0, clock: clock) }
    }

    /// Makes the call, and again after a wait while that makes sense.
    ///
    /// - Parameters:
    ///   - operation: the name that errors and notices carry.
    ///   - body: the call; told which try it is and how long it may take. It runs in a task of its own where a try or
    ///     everything has a time limit, and is cancelled when that is up.
    /// - Throws: `notWorthRetrying`, `attemptsSpent`, `deadlinePassed` or `retryBudgetSpent` with the last error below,
    ///   or `cancelled`: at once when the caller is cancelled between tries, and during a try as soon as it returns, or
    ///   at once where it has a time limit.
    public func call<Success: Sendable>(
        _ operation: String = "", _ body: @escaping @Sendable (CallContext) async throws -> Success
    ) async throws(CallError) -> Success {
        try await self.run(CallContext(operation: operation)) { context, timeout in
            guard let timeout else { return try await body(context) }
            return try await timeout.call(context, within: context.limit) { try await body(context) }
        }
    }

    /// - Parameter attempt: makes one try, under the timeout if there is one, within `context.limit`. Not escaping: only
    ///   a try with a time limit needs what can be left behind.
    nonisolated(nonsending) func run<Success: Sendable>(
        _ context: CallContext, onRetry: (@Sendable (RetryNotice) -> Void)? = nil,
        _ attempt: nonisolated(nonsending) (CallContext, Timeout<C>?) async throws -> Success
    ) async throws(CallError) -> Success {
        let began = self.reading.now
        var run = RetryRun(self.settings, context)
        self.earn()
        while true {
            let failure: CallError
            do {
                return try await attempt(run.context, run.context.limit == nil ? nil : self.timeout)
            } catch {
                failure = self.named(CallError(wrapping: error, in: run.context))
            }
            let isRepaired = await self.repaired(run, failure, since: began)
            switch self.next(&run, after: failure, since: began, isRepaired: isRepaired) {
            case .end(let error): throw error
            case .tryAgain(let wait):
                self.notify(RetryNotice(context: run.context, error: failure, wait: wait), onRetry)
                do { try await self.reading.clock.sleep(for: wait) } catch { throw run.ended(.cancelled, failure) }
            }
            run.begin(elapsed: self.reading.now - began)
        }
    }

    /// With the reason, so that whoever is told of it need not classify it again.
    func named(_ error: CallError) -> CallError {
        error.told(of: error.context, reason: self.classifier.meaning(of: error)?.reason)
    }

    nonisolated(nonsending) private func repaired(_ run: RetryRun, _ failure: CallError, since began: MonotonicInstant)
        async -> Bool
    {
        guard let repair, run.mayBeRepaired(failure), !Task.isCancelled else { return false }
        guard let timeout, let limit = run.limit(elapsed: self.reading.now - began) else {
            return await repair(failure)
        }
        return (try? await timeout.call(run.context, within: limit) { await repair(failure) }) ?? false
    }

    func next(
        _ run: inout RetryRun, after failure: CallError, since began: MonotonicInstant, isRepaired: Bool = false
    ) -> RetryRun.Next {
        self.generator.withLock { generator in
            run.after(
                failure, elapsed: self.reading.now - began, isCancelled: Task.isCancelled, isRepaired: isRepaired,
                classifier: self.classifier, using: &generator, isAffordable: { self.budget?.spend() ?? true })
        }
    }

    /// What holds for a call that begins now.
    var settings: RetrySettings { self.level.map { self.fullSettings.inStep(with: $0()) } ?? self.fullSettings }

    func notify(_ notice: RetryNotice, _ other: (@Sendable (RetryNotice) -> Void)?) {
        self.onRetry?(notice)
        other?(notice)
    }

    func earn() { self.budget?.earn() }
}
