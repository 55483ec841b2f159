import ResilienceCore

/// What is to happen when, the first deadline first; what is not to happen any more is taken out at once, so that there
/// are never more entries than calls under way. A value; each change takes steps that grow with the logarithm of the
/// entries, and for deadlines that come in their order a few.
struct DeadlineHeap<Entry> {
    /// Names one entry for ever; no later entry has the same.
    struct Ticket: Hashable, Sendable {
        fileprivate let slot: Int
        fileprivate let serial: UInt64
    }

    private struct Node {
        let deadline: MonotonicInstant
        let slot: Int
    }

    private struct Slot {
        var serial: UInt64
        var place: Int
        var entry: Entry?
    }

    /// Each node's deadline is no later than those of the two below it.
    private var nodes: [Node] = []
    private var slots: [Slot] = []
    private var free: [Int] = []
    private var serial: UInt64 = 0

    var count: Int { self.nodes.count }
    var firstDeadline: MonotonicInstant? { self.nodes.first?.deadline }

    mutating func insert(_ entry: Entry, at deadline: MonotonicInstant) -> Ticket {
        self.serial += 1
        let made = Slot(serial: self.serial, place: self.nodes.count, entry: entry)
        let slot = self.free.popLast() ?? self.slots.count
        if slot == self.slots.count { self.slots.append(made) } else { self.slots[slot] = made }
        self.nodes.append(Node(deadline: deadline, slot: slot))
        self.rise(from: self.nodes.count - 1)
        return Ticket(slot: slot, serial: self.serial)
    }

    /// Nothing for an entry that has gone already.
    mutating func remove(_ ticket: Ticket) {
        guard self.slots[ticket.slot].serial == ticket.serial, self.slots[ticket.slot].entry != nil else { return }
        self.takeOut(self.slots[ticket.slot].place)
    }

    /// Takes out the first entry if its deadline is not after `now`.
    mutating func popDue(at now: MonotonicInstant) -> Entry? {
        guard let first = self.nodes.first, first.deadline <= now else { return nil }
        let entry = self.slots[first.slot].entry
        self.takeOut(0)
        return entry
    }

    private mutating func takeOut(_ place: Int) {
        let slot = self.nodes[place].slot
        self.slots[slot].entry = nil
        self.free.append(slot)
        let last = self.nodes.removeLast()
        guard place < self.nodes.count else { return }
        self.nodes[place] = last
        self.slots[last.slot].place = place
        self.rise(from: place)
        self.sink(from: place)
    }

    private mutating func rise(from place: Int) {
        var place = place
        while place > 0 {
            let above = (place - 1) / 2
            guard self.nodes[place].deadline < self.nodes[above].deadline else { return }
            self.swap(place, above)
            place = above
        }
    }

    private mutating func sink(from place: Int) {
        var place = place
        while true {
            var least = place
            for below in (2 * place + 1)...(2 * place + 2) where below < self.nodes.count {
                if self.nodes[below].deadline < self.nodes[least].deadline { least = below }
            }
            guard least != place else { return }
            self.swap(place, least)
            place = least
        }
    }

    private mutating func swap(_ left: Int, _ right: Int) {
        self.nodes.swapAt(left, right)
        self.slots[self.nodes[left].slot].place = left
        self.slots[self.nodes[right].slot].place = right
    }
}
