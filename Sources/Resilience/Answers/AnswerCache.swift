public import ResilienceCore
import Synchronization

/// The last good answers, to stand in while what gives them is down. Bounded: when it is full the tenth that was stored
/// first makes room. Safe to share.
public final class AnswerCache<Key: Hashable & Sendable, Value: Sendable, C: Clock>: Sendable
where C.Duration == Duration {
    private struct Entry: Sendable {
        let value: Value
        let storedAt: MonotonicInstant
    }

    private let entries = Mutex<[Key: Entry]>([:])
    private let reading: ClockReading<C>
    private let capacity: Int

    /// - Parameter capacity: how many answers are kept; 1 ... 100 000.
    /// - Throws: `SettingsError` for a capacity outside.
    public init(capacity: Int, clock: C) throws(SettingsError) {
        try SettingsError.count(capacity, "capacity")
        self.reading = ClockReading(clock)
        self.capacity = capacity
    }

    /// How many answers are kept.
    public var count: Int { self.entries.withLock { $0.count } }

    /// Keeps an answer, in place of an older one.
    public func store(_ value: Value, for key: Key) {
        let entry = Entry(value: value, storedAt: self.reading.now)
        self.entries.withLock { entries in
            if entries[key] == nil, entries.count >= self.capacity { self.makeRoom(in: &entries) }
            entries[key] = entry
        }
    }

    /// An answer and how old it is; `nil` where none is kept, or only one older than `ageMax`.
    public func answer(for key: Key, notOlderThan ageMax: Duration) -> (value: Value, age: Duration)? {
        guard let entry = self.entries.withLock({ $0[key] }) else { return nil }
        let age = self.reading.now - entry.storedAt
        return age <= ageMax ? (entry.value, age) : nil
    }

    private func makeRoom(in entries: inout [Key: Entry]) {
        let oldest = entries.sorted { $0.value.storedAt < $1.value.storedAt }.prefix(max(1, self.capacity / 10))
        for (key, _) in oldest { entries[key] = nil }
    }
}
