/// What is over at a time.
protocol Expiring: AnyObject, Sendable {
    /// Its time is up. Called at most once, and not after it was removed.
    func expire()
}

/// Deadlines in order. Most of them are taken back before they come, the oldest first, so that both ends cost little:
/// one that is taken back leaves a gap, and gaps are closed when they are the greater part.
struct DeadlineQueue<Instant: InstantProtocol>: Sendable {
    /// Where one lies.
    struct Ticket: Sendable {
        fileprivate let deadline: Instant
        fileprivate let number: UInt64
    }

    private struct Entry: Sendable {
        let ticket: Ticket
        /// `nil`: a gap.
        var expiring: (any Expiring)?
    }

    /// From `head` on; there is no gap at `head`.
    private var entries: [Entry] = []
    private var head = 0
    private var gaps = 0
    private var number: UInt64 = 0

    /// The next deadline.
    var first: Instant? { self.head < self.entries.count ? self.entries[self.head].ticket.deadline : nil }

    mutating func add(_ expiring: any Expiring, at deadline: Instant) -> Ticket {
        self.number += 1
        let ticket = Ticket(deadline: deadline, number: self.number)
        self.entries.insert(Entry(ticket: ticket, expiring: expiring), at: self.position(of: ticket))
        return ticket
    }

    mutating func remove(_ ticket: Ticket) {
        let position = self.position(of: ticket)
        guard position < self.entries.count, self.entries[position].ticket.number == ticket.number,
            self.entries[position].expiring != nil
        else { return }
        self.entries[position].expiring = nil
        self.gaps += 1
        self.close()
    }

    /// Takes out those whose time has come, in order.
    mutating func popDue(at now: Instant) -> [any Expiring] {
        var due: [any Expiring] = []
        while let first, first <= now {
            if let expiring = self.entries[self.head].expiring { due.append(expiring) }
            self.entries[self.head].expiring = nil
            self.gaps += 1
            self.close()
        }
        return due
    }

    /// The first position at or after `head` whose entry does not lie before this one.
    private func position(of ticket: Ticket) -> Int {
        var (low, high) = (self.head, self.entries.count)
        while low < high {
            let middle = low + (high - low) / 2
            let other = self.entries[middle].ticket
            if other.deadline < ticket.deadline || other.deadline == ticket.deadline && other.number < ticket.number {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private mutating func close() {
        while self.head < self.entries.count, self.entries[self.head].expiring == nil {
            self.head += 1
            self.gaps -= 1
        }
        if self.head == self.entries.count {
            self.entries.removeAll(keepingCapacity: self.entries.capacity <= 1_024)
            self.head = 0
        } else if self.head + self.gaps > 32, (self.head + self.gaps) * 2 > self.entries.count {
            self.entries.removeAll { $0.expiring == nil }
            (self.head, self.gaps) = (0, 0)
        }
    }
}
