/// The last so many calls: how long each took and whether it succeeded.
struct RollingWindow: Sendable {
    private var took: [Duration] = []
    private var succeeded: [Bool] = []
    private var next = 0
    private let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    mutating func add(_ duration: Duration, succeeded: Bool) {
        guard self.took.count == self.capacity else {
            self.took.append(duration)
            self.succeeded.append(succeeded)
            return
        }
        self.took[self.next] = duration
        self.succeeded[self.next] = succeeded
        self.next = (self.next + 1) % self.capacity
    }

    /// The share of the calls that succeeded; `nil` where there were none.
    var successShare: Double? {
        self.succeeded.isEmpty ? nil : Double(self.succeeded.count { $0 }) / Double(self.succeeded.count)
    }

    /// The times that 50, 95 and 99 of a hundred calls did not exceed, by the nearest rank; `nil` where there were none.
    var percentiles: (p50: Duration, p95: Duration, p99: Duration)? {
        guard !self.took.isEmpty else { return nil }
        let sorted = self.took.sorted()
        func rank(_ percent: Int) -> Duration { sorted[(percent * sorted.count + 99) / 100 - 1] }
        return (rank(50), rank(95), rank(99))
    }
}
