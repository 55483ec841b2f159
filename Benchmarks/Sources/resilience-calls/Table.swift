/// Lines of `Docs/resilience.md`: figure, here, peer, ratio, bar, met or missed.
struct Table {
    private(set) var isMet = true

    mutating func add(
        _ figure: String, _ here: Cost, _ peerName: String, _ peer: Cost, bar: Double? = nil,
        allocationsMax: Double? = nil
    ) {
        // A round allocates its own few: less than one for a thousand calls is none for a call.
        let allocates = here.allocations < 0.001 ? "no allocation" : "\(Self.fixed(here.allocations, 2)) allocations"
        var bars: [String] = []
        var isMet = true
        if let bar {
            bars.append("≤ \(Self.fixed(bar, 0)) ns")
            isMet = here.nanoseconds <= bar
        }
        if let allocationsMax {
            bars.append("no allocation")
            isMet = isMet && here.allocations < allocationsMax + 0.001
        }
        self.line(
            figure, "\(Self.fixed(here.nanoseconds, 0)) ns, \(allocates)",
            "\(peerName): \(Self.fixed(peer.nanoseconds, 0)) ns", Self.fixed(here.nanoseconds / peer.nanoseconds, 2),
            bars, isMet)
    }

    mutating func add(_ figure: String, bytes: Int, bar: Int) {
        self.line(figure, "\(bytes) B", "–", "–", ["≤ \(bar) B"], bytes <= bar)
    }

    private mutating func line(
        _ figure: String, _ here: String, _ peer: String, _ ratio: String, _ bars: [String], _ isMet: Bool
    ) {
        self.isMet = self.isMet && isMet
        let verdict = bars.isEmpty ? "–" : isMet ? "met" : "missed"
        let bar = bars.isEmpty ? "–" : bars.joined(separator: ", ")
        print("| \(figure) | \(here) | \(peer) | \(ratio) | \(bar) | \(verdict) |")
    }

    private static func fixed(_ value: Double, _ places: Int) -> String {
        let scale = (0..<places).reduce(1.0) { scale, _ in scale * 10 }
        let rounded = Int((value * scale).rounded())
        guard places > 0 else { return "\(rounded)" }
        let digits = "\(rounded % Int(scale))"
        return "\(rounded / Int(scale)).\(String(repeating: "0", count: places - digits.count))\(digits)"
    }
}
