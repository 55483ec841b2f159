/// Counts by a few words each. Bounded: beyond, new ones count together.
public struct LabelledCount: Sendable {
    /// Far above what a thousand components fail by.
    static let labelsMost = 20_000
    /// Stands for every word of what came beyond the bound.
    public static let other = "other"

    public private(set) var counts: [[String]: UInt64] = [:]

    mutating func add(_ labels: String..., by count: UInt64 = 1) {
        let isKnown = self.counts[labels] != nil || self.counts.count < Self.labelsMost
        self.counts[isKnown ? labels : labels.map { _ in Self.other }, default: 0] += count
    }

    /// Forgets those whose first word is not among these.
    mutating func keep(_ names: Set<String>) {
        self.counts = self.counts.filter { names.contains($0.key[0]) || $0.key[0].isEmpty || $0.key[0] == Self.other }
    }
}
