public import CoreMetrics
public import ResilienceCore
import Synchronization

/// What is known of the calls of one name.
public struct CallStatistics: Hashable, Sendable {
    /// Calls that ended, rejected ones included; retries of a call do not count.
    public fileprivate(set) var calls = 0
    /// Calls that gave a result.
    public fileprivate(set) var successes = 0
    /// Calls that gave none, by the code of their error.
    public fileprivate(set) var failures: [CallError.Code: Int] = [:]
    /// Calls that gave none, by the category of their error.
    public fileprivate(set) var categories: [FailureCategory: Int] = [:]
    /// Tries beyond the first.
    public fileprivate(set) var retries = 0
    /// How often a breaker of this name opened by itself.
    public fileprivate(set) var openings = 0
    /// The share of the last calls that succeeded; `nil` before the first.
    public fileprivate(set) var recentSuccessShare: Double?
    /// The time that half of the last calls did not exceed; `nil` before the first.
    public fileprivate(set) var p50: Duration?
    /// The time that 95 of a hundred of the last calls did not exceed.
    public fileprivate(set) var p95: Duration?
    /// The time that 99 of a hundred of the last calls did not exceed.
    public fileprivate(set) var p99: Duration?
}

/// Counts calls by name, for swift-metrics and to be read here. Bounded: in names, and in the calls that a name's
/// percentiles go by. Safe to share.
///
/// To swift-metrics go, each with the dimension `name`: the counters `resilience_calls_total` (`outcome`: `success` or
/// the error's code), `resilience_errors_total` (`category`), `resilience_retries_total` and
/// `resilience_breaker_openings_total`, the timer `resilience_call_duration`, and by `publish` the gauge
/// `resilience_call_duration_quantile_seconds` (`quantile`).
public final class CallMetrics: Sendable {
    /// The name that stands for all names beyond the bound.
    public static let otherName = "other"

    private struct Entry: Sendable {
        var statistics = CallStatistics()
        var window: RollingWindow
        var outcomes: [String: Counter] = [:]
        var categories: [FailureCategory: Counter] = [:]
        let retries: Counter
        let openings: Counter
        let timer: CoreMetrics.Timer
    }

    private struct State: Sendable {
        var entries: [String: Entry] = [:]
        var changes: [BreakerChange] = []
    }

    private let state = Mutex(State())
    private let factory: any MetricsFactory
    private let namesMax: Int
    private let window: Int

    /// - Parameters:
    ///   - factory: where the metrics go: `MetricsSystem.factory` for what the process has set up.
    ///   - namesMax: how many names are told apart; further ones count as `other`.
    ///   - window: how many of the last calls of a name its percentiles go by, and how many changes of breakers are kept.
    /// - Throws: `SettingsError` for counts outside 1 ... 100 000.
    public init(factory: any MetricsFactory, namesMax: Int = 200, window: Int = 1_000) throws(SettingsError) {
        try SettingsError.count(namesMax, "namesMax")
        try SettingsError.count(window, "window")
        self.factory = factory
        self.namesMax = namesMax
        self.window = window
    }

    // MARK: Recording

    /// A call of this name gave a result after `took`.
    public func succeeded(_ name: String, took: Duration) {
        self.update(name) { name, entry in
            entry.statistics.calls += 1
            entry.statistics.successes += 1
            self.ended(&entry, name, "success", took: took)
        }
    }

    /// A call of this name gave none.
    public func failed(_ name: String, _ error: CallError, took: Duration) {
        self.update(name) { name, entry in
            entry.statistics.calls += 1
            entry.statistics.failures[error.code, default: 0] += 1
            entry.statistics.categories[error.category, default: 0] += 1
            self.ended(&entry, name, error.code.rawValue, took: took)
            let category = error.category
            let counter =
                entry.categories[category]
                ?? self.counter("resilience_errors_total", name, [("category", category.rawValue)])
            entry.categories[category] = counter
            counter.increment()
        }
    }

    /// A call of this name is tried again.
    public func retried(_ name: String) {
        self.update(name) { _, entry in
            entry.statistics.retries += 1
            entry.retries.increment()
        }
    }

    /// A breaker has changed; to be given to breakers and registries as their `onChange`.
    public func changed(_ change: BreakerChange) {
        self.state.withLock { state in
            if state.changes.count >= self.window { state.changes.removeFirst() }
            state.changes.append(change)
        }
        guard change.transition.to == .open, change.transition.cause != .restored else { return }
        self.update(change.breaker) { _, entry in
            entry.statistics.openings += 1
            entry.openings.increment()
        }
    }

    // MARK: Reading

    /// The names that are told apart, sorted.
    public var names: [String] { self.state.withLock { $0.entries.keys.sorted() } }

    /// What is known of a name; `nil` where nothing is.
    public func statistics(of name: String) -> CallStatistics? {
        guard let entry = self.state.withLock({ $0.entries[name] }) else { return nil }
        var statistics = entry.statistics
        statistics.recentSuccessShare = entry.window.successShare
        // Sorted outside the lock.
        if let percentiles = entry.window.percentiles {
            statistics.p50 = percentiles.p50
            statistics.p95 = percentiles.p95
            statistics.p99 = percentiles.p99
        }
        return statistics
    }

    /// The last changes of breakers, oldest first.
    public var recentChanges: [BreakerChange] { self.state.withLock { $0.changes } }

    /// Sends the percentiles of every name; to be called from time to time, as often as they are to be new.
    public func publish() {
        for name in self.names {
            guard let statistics = self.statistics(of: name) else { continue }
            for (quantile, value) in [("0.5", statistics.p50), ("0.95", statistics.p95), ("0.99", statistics.p99)] {
                guard let value else { continue }
                Gauge(
                    label: "resilience_call_duration_quantile_seconds",
                    dimensions: [("name", name), ("quantile", quantile)], factory: self.factory
                ).record(value.inSeconds)
            }
        }
    }

    // MARK: -

    private func update(_ name: String, _ body: (String, inout Entry) -> Void) {
        self.state.withLock { state in
            let isKnown = state.entries[name] != nil || state.entries.count < self.namesMax
            let name = isKnown ? name : Self.otherName
            var entry = state.entries.removeValue(forKey: name) ?? self.makeEntry(name)
            body(name, &entry)
            state.entries[name] = entry
        }
    }

    private func ended(_ entry: inout Entry, _ name: String, _ outcome: String, took: Duration) {
        entry.window.add(took, succeeded: outcome == "success")
        entry.timer.recordNanoseconds(took.inNanoseconds)
        let counter =
            entry.outcomes[outcome] ?? self.counter("resilience_calls_total", name, [("outcome", outcome)])
        entry.outcomes[outcome] = counter
        counter.increment()
    }

    private func makeEntry(_ name: String) -> Entry {
        Entry(
            window: RollingWindow(capacity: self.window), retries: self.counter("resilience_retries_total", name),
            openings: self.counter("resilience_breaker_openings_total", name),
            timer: CoreMetrics.Timer(
                label: "resilience_call_duration", dimensions: [("name", name)], factory: self.factory))
    }

    private func counter(_ label: String, _ name: String, _ others: [(String, String)] = []) -> Counter {
        Counter(label: label, dimensions: [("name", name)] + others, factory: self.factory)
    }
}
