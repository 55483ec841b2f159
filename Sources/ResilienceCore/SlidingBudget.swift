/// At most so many in any window of a length: the speed limit of automation.
public struct SlidingBudget: Hashable, Sendable, Codable {
    public var count: Int
    public var per: Duration
    /// When the budget was drawn on, oldest first; never more than `count` that still matter.
    public private(set) var spent: [MonotonicInstant] = []

    public init(count: Int, per: Duration) {
        self.count = count
        self.per = per
    }

    /// Takes up what an earlier run had spent.
    public mutating func restore(_ spent: [MonotonicInstant]) { self.spent = spent.sorted() }

    /// `nil` where one more is allowed now, else when it will be.
    public mutating func nextAllowed(at now: MonotonicInstant) -> MonotonicInstant? {
        self.spent.removeAll { now - $0 >= self.per }
        guard self.spent.count >= self.count else { return nil }
        guard self.count > 0 else { return MonotonicInstant(nanoseconds: .max) }
        return self.spent[self.spent.count - self.count] + self.per
    }

    /// How many more are allowed now.
    public func left(at now: MonotonicInstant) -> Int {
        max(0, self.count - self.spent.count { now - $0 < self.per })
    }

    public mutating func spend(at now: MonotonicInstant) { self.spent.append(now) }

    /// What was drawn then came to nothing and is there again; without effect where nothing was.
    public mutating func refund(_ instant: MonotonicInstant) {
        guard let position = self.spent.lastIndex(of: instant) else { return }
        self.spent.remove(at: position)
    }
}
