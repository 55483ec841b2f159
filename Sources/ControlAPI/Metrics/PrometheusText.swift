import ResilienceCore
import Supervisor

/// Writes Prometheus' text exposition format 0.0.4.
///
/// - SeeAlso: https://prometheus.io/docs/instrumenting/exposition_formats/
struct PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    enum Kind: String {
        case counter, gauge, histogram, summary
    }

    /// Names and values of labels, escaped once and used for many samples.
    struct Labels {
        static let none = Labels([])

        fileprivate let bytes: [UInt8]

        init(_ pairs: [(name: String, value: String)]) {
            var bytes: [UInt8] = []
            for (name, value) in pairs {
                if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
                bytes += name.utf8
                bytes += "=\"".utf8
                PrometheusText.escape(value, quotes: true, into: &bytes)
                bytes.append(UInt8(ascii: "\""))
            }
            self.bytes = bytes
        }
    }

    private(set) var bytes: [UInt8] = []
    private var name = ""

    init() { self.bytes.reserveCapacity(64 * 1024) }

    /// Begins a metric. All its samples follow, then the next begins.
    mutating func metric(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        self.bytes += "# HELP \(name) ".utf8
        Self.escape(help, quotes: false, into: &self.bytes)
        self.bytes += "\n# TYPE \(name) \(kind.rawValue)\n".utf8
    }

    mutating func sample(_ value: UInt64, _ labels: Labels = .none) { self.line("", labels, "", "\(value)") }

    mutating func sample(_ value: Int, _ labels: Labels = .none) { self.line("", labels, "", "\(value)") }

    mutating func sample(_ isSo: Bool, _ labels: Labels = .none) { self.line("", labels, "", isSo ? "1" : "0") }

    mutating func sample(_ value: Double, _ labels: Labels = .none) {
        self.line("", labels, "", Self.text(of: value))
    }

    mutating func histogram(_ steps: TimeSteps, _ labels: Labels = .none) {
        var sum: UInt64 = 0
        for (step, bound) in Self.bounds.enumerated() {
            sum += steps.counts[step]
            self.line("_bucket", labels, bound, "\(sum)")
        }
        self.summary(count: sum, total: steps.total, labels)
    }

    mutating func summary(count: UInt64, total: Duration, _ labels: Labels = .none) {
        self.line("_sum", labels, "", Self.text(of: total.inSeconds))
        self.line("_count", labels, "", "\(count)")
    }

    private static let bounds = TimeSteps.bounds.map { "le=\"\($0)\"" } + ["le=\"+Inf\""]

    private mutating func line(_ suffix: String, _ labels: Labels, _ more: String, _ value: String) {
        self.bytes += self.name.utf8
        self.bytes += suffix.utf8
        if !labels.bytes.isEmpty || !more.isEmpty {
            self.bytes.append(UInt8(ascii: "{"))
            self.bytes += labels.bytes
            if !labels.bytes.isEmpty, !more.isEmpty { self.bytes.append(UInt8(ascii: ",")) }
            self.bytes += more.utf8
            self.bytes.append(UInt8(ascii: "}"))
        }
        self.bytes.append(UInt8(ascii: " "))
        self.bytes += value.utf8
        self.bytes.append(UInt8(ascii: "\n"))
    }

    private static func text(of value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return "\(value)"
    }

    /// A backslash and a line feed are escaped everywhere, a quotation mark in values of labels.
    fileprivate static func escape(_ text: String, quotes: Bool, into bytes: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes += "\\\\".utf8
            case UInt8(ascii: "\n"): bytes += "\\n".utf8
            case UInt8(ascii: "\"") where quotes: bytes += "\\\"".utf8
            default: bytes.append(byte)
            }
        }
    }
}
