import ResilienceCore

/// What is still to come, by time; things due at the same time come in the order in which they were put in.
struct EventQueue<Item> {
    private struct Entry {
        var at: MonotonicInstant
        var sequence: UInt64
        var item: Item
    }

    /// The next one last, so that taking it moves nothing.
    private var entries: [Entry] = []
    private var sequence: UInt64 = 0

    var isEmpty: Bool { self.entries.isEmpty }

    mutating func add(_ item: Item, at: MonotonicInstant) {
        self.sequence += 1
        var low = 0
        var high = self.entries.count
        while low < high {
            let middle = (low + high) / 2
            if self.entries[middle].at > at { low = middle + 1 } else { high = middle }
        }
        // Equal times: the later one in lies further from the end. `low` is the first entry not later than `at`.
        self.entries.insert(Entry(at: at, sequence: self.sequence, item: item), at: low)
    }

    mutating func next() -> (at: MonotonicInstant, item: Item)? {
        guard let entry = self.entries.popLast() else { return nil }
        return (entry.at, entry.item)
    }
}
