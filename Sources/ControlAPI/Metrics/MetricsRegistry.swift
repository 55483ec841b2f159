import CoreMetrics
import ResilienceCore
import Synchronization

/// Where swift-metrics puts what the process measures of itself, to be read by Prometheus. Bounded: series beyond the
/// bound are counted, not kept.
public final class MetricsRegistry: MetricsFactory, Sendable {
    struct Key: Hashable, Comparable {
        var name: String
        var labels: [String]

        var pairs: PrometheusText.Labels {
            PrometheusText.Labels(
                stride(from: 0, to: self.labels.count - 1, by: 2).map { (self.labels[$0], self.labels[$0 + 1]) })
        }

        static func < (left: Self, right: Self) -> Bool {
            left.name == right.name
                ? left.labels.lexicographicallyPrecedes(right.labels) : left.name < right.name
        }
    }

    enum Shape: Hashable {
        case counter, gauge, summary

        var kind: PrometheusText.Kind {
            switch self {
            case .counter: .counter
            case .gauge: .gauge
            case .summary: .summary
            }
        }
    }

    private struct State: Sendable {
        var series: [Key: Series] = [:]
        /// Of each name the first that came decides: a metric has one type.
        var shapes: [String: Shape] = [:]
        var dropped: UInt64 = 0
    }

    private let seriesMost: Int
    private let state = Mutex(State())

    public init(seriesMost: Int = 1_000) { self.seriesMost = seriesMost }

    /// How many series found no place.
    var dropped: UInt64 { self.state.withLock { $0.dropped } }

    func write(to text: inout PrometheusText) {
        let (all, shapes) = self.state.withLock { ($0.series, $0.shapes) }
        // Percentiles of a distribution come as gauges of their own; in Prometheus they are part of its summary.
        let quantiles = all.filter { shapes[Self.summaryName(of: $0.key)] == .summary }
        var name = ""
        for (key, series) in all.sorted(by: { $0.key < $1.key }) where quantiles[key] == nil {
            guard let shape = shapes[key.name] else { continue }
            if key.name != name {
                name = key.name
                text.metric(
                    name, shape.kind, "Measured by heald of its own calls; see the documentation of Resilience.")
                for (key, series) in quantiles.sorted(by: { $0.key < $1.key })
                where Self.summaryName(of: key) == name {
                    text.sample(series.value.sum, key.pairs)
                }
            }
            let value = series.value
            switch shape {
            case .counter, .gauge: text.sample(value.sum, key.pairs)
            case .summary: text.summary(count: value.count, total: .seconds(value.sum), key.pairs)
            }
        }
    }

    /// Whose quantile this is: `…_seconds` for `…_quantile_seconds`; empty for what is none.
    private static func summaryName(of key: Key) -> String {
        let suffix = "_quantile_seconds"
        guard key.name.hasSuffix(suffix), key.labels.contains("quantile") else { return "" }
        return key.name.dropLast(suffix.count) + "_seconds"
    }

    // MARK: MetricsFactory

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        self.series(label, dimensions, .counter)
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        self.series(label, dimensions, .counter)
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        self.series(label, dimensions, .gauge)
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        self.series(label, dimensions, aggregate ? .summary : .gauge)
    }

    /// Durations are in seconds; the name says so.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        self.series(label.hasSuffix("_seconds") ? label : label + "_seconds", dimensions, .summary)
    }

    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    private func series(_ label: String, _ dimensions: [(String, String)], _ shape: Shape) -> Series {
        let name = Self.name(label, colons: true)
        let labels = dimensions.sorted { $0.0 < $1.0 }.flatMap { [Self.name($0.0, colons: false), $0.1] }
        let key = Key(name: name, labels: labels)
        return self.state.withLock { state in
            let known = state.series[key]
            if let known, state.shapes[name] == shape { return known }
            guard known == nil, state.shapes[name, default: shape] == shape, state.series.count < self.seriesMost else {
                state.dropped += 1
                return Series(adds: shape != .gauge)
            }
            let series = Series(adds: shape != .gauge)
            state.series[key] = series
            state.shapes[name] = shape
            return series
        }
    }

    /// What may not stand in a name becomes `_`.
    private static func name(_ text: String, colons: Bool) -> String {
        let name = String(
            text.unicodeScalars.map { scalar -> Character in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", "_": Character(scalar)
                case ":" where colons: ":"
                default: "_"
                }
            })
        return name.first.map(\.isNumber) ?? true ? "_" + name : name
    }
}

/// The value of one series.
final class Series: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler, TimerHandler, Sendable {
    struct Value: Sendable {
        var sum = 0.0
        var count: UInt64 = 0
    }

    private let adds: Bool
    private let state = Mutex(Value())

    init(adds: Bool) { self.adds = adds }

    var value: Value { self.state.withLock { $0 } }

    private func take(_ value: Double) {
        self.state.withLock { state in
            state.sum = self.adds ? state.sum + value : value
            state.count += 1
        }
    }

    func increment(by amount: Int64) { if amount > 0 { self.take(Double(amount)) } }
    /// Of a counter, which never falls, or of a meter.
    func increment(by amount: Double) {
        if !self.adds || amount > 0 { self.state.withLock { $0.sum += amount } }
    }
    func reset() { self.state.withLock { $0 = Value() } }
    func set(_ value: Int64) { self.take(Double(value)) }
    func set(_ value: Double) { self.take(value) }
    func decrement(by amount: Double) { self.state.withLock { $0.sum -= amount } }
    func record(_ value: Int64) { self.take(Double(value)) }
    func record(_ value: Double) { self.take(value) }
    func recordNanoseconds(_ duration: Int64) { self.take(Double(duration) / 1e9) }
}
