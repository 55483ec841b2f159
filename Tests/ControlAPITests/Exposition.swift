import Testing

/// A strict reader of Prometheus' text format 0.0.4, written from its specification: what this accepts, Prometheus
/// accepts, and what is merely bad manners is refused as well.
///
/// - SeeAlso: https://prometheus.io/docs/instrumenting/exposition_formats/, https://prometheus.io/docs/practices/naming/
struct Exposition {
    struct Refused: Error, CustomStringConvertible {
        var line: Int
        var why: String
        var description: String { "line \(self.line): \(self.why)" }
    }

    struct Sample {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    private(set) var types: [String: String] = [:]
    private(set) var samples: [Sample] = []
    private var helped: Set<String> = []
    private var current = ""
    private var finished: Set<String> = []
    private var seen: Set<String> = []

    init(_ text: String) throws {
        guard text.isEmpty || text.hasSuffix("\n") else { throw Refused(line: 0, why: "the last line has no end") }
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().enumerated() {
            do throws(Why) { try self.take(line) } catch {
                throw Refused(line: number + 1, why: "\(error.text): \(line)")
            }
        }
        for (name, type) in self.types where type == "histogram" {
            do throws(Why) { try self.checkHistogram(name) } catch {
                throw Refused(line: 0, why: "\(name): \(error.text)")
            }
        }
    }

    /// The value of the one sample with this name and these labels (others may be there, too).
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        let found = self.samples.filter { sample in
            sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
        }
        return found.count == 1 ? found[0].value : nil
    }

    private struct Why: Error {
        var text: String
        init(_ text: String) { self.text = text }
    }

    private mutating func take(_ line: Substring) throws(Why) {
        if line.hasPrefix("# HELP ") || line.hasPrefix("# TYPE ") {
            let parts = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
            guard parts.count == 4, Self.isName(parts[2], colons: true) else { throw Why("no name or no text") }
            let name = String(parts[2])
            try self.begin(name)
            if line.hasPrefix("# HELP ") {
                guard self.helped.insert(name).inserted else { throw Why("a second HELP") }
                _ = try Self.unescaped(parts[3], quotes: false)
            } else {
                guard self.types[name] == nil else { throw Why("a second TYPE") }
                guard ["counter", "gauge", "histogram", "summary"].contains(parts[3]) else { throw Why("no type") }
                guard (parts[3] == "counter") == name.hasSuffix("_total") else { throw Why("_total is for counters") }
                guard !name.hasSuffix("_milliseconds"), !name.hasSuffix("_ms") else { throw Why("no base unit") }
                self.types[name] = String(parts[3])
            }
            return
        }
        guard !line.hasPrefix("#") else { throw Why("an unknown comment") }
        try self.takeSample(line)
    }

    /// All lines of a metric stand together.
    private mutating func begin(_ name: String) throws(Why) {
        guard name != self.current else { return }
        guard !self.finished.contains(name) else { throw Why("\(name) comes back") }
        if !self.current.isEmpty { self.finished.insert(self.current) }
        self.current = name
    }

    private mutating func takeSample(_ line: Substring) throws(Why) {
        let name = line.prefix { $0 != "{" && $0 != " " }
        guard Self.isName(name, colons: true) else { throw Why("not a name") }
        var rest = line[name.endIndex...]
        var labels: [String: String] = [:]
        if rest.hasPrefix("{") {
            rest = rest.dropFirst()
            while !rest.hasPrefix("}") {
                let label = rest.prefix { $0 != "=" }
                guard Self.isName(label, colons: false), !label.hasPrefix("__") else { throw Why("not a label") }
                rest = rest[label.endIndex...].dropFirst()
                guard rest.hasPrefix("\"") else { throw Why("a value without quotes") }
                rest = rest.dropFirst()
                var isEscaped = false
                let value = rest.prefix { character in
                    defer { isEscaped = character == "\\" && !isEscaped }
                    return character != "\"" || isEscaped
                }
                guard labels.updateValue(try Self.unescaped(value, quotes: true), forKey: String(label)) == nil else {
                    throw Why("a label twice")
                }
                rest = rest[value.endIndex...].dropFirst()
                if rest.hasPrefix(",") { rest = rest.dropFirst() } else if !rest.hasPrefix("}") { throw Why("no end") }
            }
            rest = rest.dropFirst()
        }
        guard rest.hasPrefix(" "), let value = Self.number(rest.dropFirst()) else { throw Why("no value") }
        let family = try self.family(of: String(name), labels)
        try self.begin(family)
        guard self.types[family] != nil, self.helped.contains(family) else { throw Why("no HELP and TYPE before it") }
        guard labels["quantile"] == nil || self.types[family] == "summary" else { throw Why("a quantile of nothing") }
        let key = "\(name)\(labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })"
        guard self.seen.insert(key).inserted else { throw Why("the same series twice") }
        self.samples.append(Sample(name: String(name), labels: labels, value: value))
    }

    private func family(of name: String, _ labels: [String: String]) throws(Why) -> String {
        for suffix in ["_bucket", "_sum", "_count"] where name.hasSuffix(suffix) {
            let base = String(name.dropLast(suffix.count))
            guard let type = self.types[base], type == "histogram" || type == "summary" else { continue }
            guard (suffix == "_bucket") == (labels["le"] != nil) else { throw Why("`le` is for buckets") }
            return base
        }
        return name
    }

    private func checkHistogram(_ name: String) throws(Why) {
        var series: [String: (buckets: [(bound: Double, count: Double)], count: Double?, hasSum: Bool)] = [:]
        for sample in self.samples {
            var labels = sample.labels
            let bound = labels.removeValue(forKey: "le").flatMap { Self.number(Substring($0)) }
            let key = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
            switch sample.name {
            case name + "_bucket":
                guard let bound else { throw Why("a bucket without bound") }
                series[key, default: ([], nil, false)].buckets.append((bound, sample.value))
            case name + "_count": series[key, default: ([], nil, false)].count = sample.value
            case name + "_sum": series[key, default: ([], nil, false)].hasSum = true
            default: break
            }
        }
        for (_, (buckets, count, hasSum)) in series {
            guard hasSum, let count, buckets.last?.bound == .infinity, buckets.last?.count == count else {
                throw Why("no sum, or the last bucket is not the count")
            }
            for (lower, upper) in zip(buckets, buckets.dropFirst()) {
                guard lower.bound < upper.bound, lower.count <= upper.count else { throw Why("buckets out of order") }
            }
        }
    }

    private static func isName(_ text: Substring, colons: Bool) -> Bool {
        !text.isEmpty && !(text.first?.isNumber ?? true)
            && text.unicodeScalars.allSatisfy { scalar in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", "_": true
                case ":": colons
                default: false
                }
            }
    }

    private static func number(_ text: Substring) -> Double? {
        switch text {
        case "NaN": .nan
        case "+Inf": .infinity
        case "-Inf": -.infinity
        default: text.allSatisfy { "0123456789+-.e".contains($0) } ? Double(text) : nil
        }
    }

    private static func unescaped(_ text: Substring, quotes: Bool) throws(Why) -> String {
        var result = ""
        var characters = text.makeIterator()
        while let character = characters.next() {
            guard character == "\\" else {
                result.append(character)
                continue
            }
            switch characters.next() {
            case "\\": result.append("\\")
            case "n": result.append("\n")
            case "\"" where quotes: result.append("\"")
            default: throw Why("an unknown escape")
            }
        }
        return result
    }
}
