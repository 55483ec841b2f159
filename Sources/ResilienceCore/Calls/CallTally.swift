/// What a closed breaker remembers of the calls that ended, as its rule needs it and no more.
struct CallTally: Hashable, Sendable {
    /// Why a breaker has to open.
    enum Verdict: Hashable, Sendable { case failures, slowCalls }

    private let rule: BreakerRule
    private let slow: SlowCalls?
    private var row = 0
    private var ring: [Ended] = []
    private var next = 0
    private var ringSum = Slot()
    private var slots: [Slot] = []
    private var severe: [MonotonicInstant] = []

    private struct Ended: Hashable, Sendable {
        var failed: Bool
        var slow: Bool
    }

    private struct Slot: Hashable, Sendable {
        var tenth: Int64 = -1
        var calls = 0
        var failures = 0
        var slow = 0

        mutating func add(_ ended: Ended, _ count: Int = 1) {
            self.calls += count
            self.failures += ended.failed ? count : 0
            self.slow += ended.slow ? count : 0
        }
    }

    init(rule: BreakerRule, slow: SlowCalls?) {
        self.rule = rule
        self.slow = slow
    }

    /// Failures in a row, for a rule that counts them.
    var failuresInRow: Int { self.row }

    /// Whether one more success, not a slow one, would leave everything as it is.
    var isDeafToSuccess: Bool {
        switch self.rule {
        case .consecutive: self.row == 0
        case .countWindow, .timeWindow: false
        case .severity: true
        }
    }

    /// Takes up what an earlier run had counted.
    mutating func restore(failuresInRow: Int) {
        guard case .consecutive(let failures) = self.rule else { return }
        self.row = min(max(0, failuresInRow), failures - 1)
    }

    /// Counts one call that ended.
    ///
    /// - Parameters:
    ///   - severity: of the failure; `nil` for a success.
    ///   - now: asked for only where the rule needs it, because reading a clock costs more than all the rest.
    mutating func count(_ severity: Severity?, slow: Bool, at now: () -> MonotonicInstant) -> Verdict? {
        let ended = Ended(failed: severity != nil, slow: slow)
        switch self.rule {
        case .consecutive(let failures):
            self.row = severity == nil ? 0 : self.row + 1
            return self.row >= failures ? .failures : nil
        case .countWindow(let calls, let minimum, let share):
            self.remember(ended, of: calls)
            return self.verdict(self.ringSum, minimum: minimum, share: share)
        case .timeWindow(let length, let minimum, let share):
            // In two steps: in one, `verdict` would hold the slots while they change, which copies them for each call.
            let sum = self.remember(ended, within: length, at: now())
            return self.verdict(sum, minimum: minimum, share: share)
        case .severity(let least, let failures, let within):
            guard let severity, severity >= least else { return nil }
            let now = now()
            self.severe.removeAll { now - $0 >= within }
            self.severe.append(now)
            return self.severe.count >= failures ? .failures : nil
        }
    }

    /// Forgets all, and keeps the memory for the next time.
    mutating func clear() {
        self.row = 0
        self.ring.removeAll(keepingCapacity: true)
        self.next = 0
        self.ringSum = Slot()
        self.slots.removeAll(keepingCapacity: true)
        self.severe.removeAll(keepingCapacity: true)
    }

    private func verdict(_ sum: Slot, minimum: Int, share: Double) -> Verdict? {
        guard sum.calls >= minimum else { return nil }
        if sum.failures > 0, Double(sum.failures) >= share * Double(sum.calls) { return .failures }
        if let slow, sum.slow > 0, Double(sum.slow) >= slow.share * Double(sum.calls) { return .slowCalls }
        return nil
    }

    private mutating func remember(_ ended: Ended, of calls: Int) {
        self.ringSum.add(ended)
        guard self.ring.count == calls else { return self.ring.append(ended) }
        self.ringSum.add(self.ring[self.next], -1)
        self.ring[self.next] = ended
        self.next = self.next + 1 == calls ? 0 : self.next + 1
    }

    private static let tenths = 10

    private mutating func remember(_ ended: Ended, within length: Duration, at now: MonotonicInstant) -> Slot {
        if self.slots.isEmpty { self.slots = Array(repeating: Slot(), count: Self.tenths) }
        let tenth = max(0, now.nanoseconds) / max(1, length.inNanoseconds / Int64(Self.tenths))
        let position = Int(tenth % Int64(Self.tenths))
        if self.slots[position].tenth != tenth { self.slots[position] = Slot(tenth: tenth) }
        self.slots[position].add(ended)
        var sum = Slot()
        for slot in self.slots where slot.tenth > tenth - Int64(Self.tenths) {
            sum.calls += slot.calls
            sum.failures += slot.failures
            sum.slow += slot.slow
        }
        return sum
    }
}
