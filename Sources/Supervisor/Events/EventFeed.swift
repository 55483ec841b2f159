import DequeModule
import RecoveryEngine
import ResilienceCore
import Synchronization

/// What happens, as it is written down: the newest records in memory, and whoever follows them.
///
/// The decision loop puts in what it has committed and never waits: no follower has a queue of its own. Each has a
/// place in the one ring and takes from there when it can; the ring turns on without asking, and who falls out of it is
/// told so. With no followers a commit costs one lock and one element for each of its records.
public final class EventFeed: Sendable {
    /// So many records and messages are kept: days of a quiet host, and the whole of a bad quarter of an hour.
    public static let capacity = 1_024
    /// So many records of earlier runs are kept at the start, so that a restart of heald tears no gap.
    public static let earlierMost = 256

    enum Item: Sendable {
        case record(NumberedRecord)
        case alert(AlertMessage)
    }

    fileprivate struct State {
        var items: Deque<Item> = []
        /// The place of the first item, counted from the beginning of the process.
        var first = 0
        /// The number of the newest record, kept or not.
        var newest: Int64 = 0
        /// The newest record that is not kept (any more).
        var forgotten: Int64 = 0
        var followers: [Int: @Sendable () -> Void] = [:]
        var nextFollower = 0

        var end: Int { self.first + self.items.count }
    }

    private let state = Mutex(State())

    public init() {}

    // MARK: Putting in

    /// Takes over what earlier runs wrote down.
    public func begin(with records: [NumberedRecord]) {
        self.state.withLock { state in
            guard let first = records.first, let last = records.last, state.newest == 0 else { return }
            state.forgotten = first.number - 1
            state.newest = last.number
            for record in records { state.items.append(.record(record.lightened)) }
        }
    }

    /// Takes in what was committed, and wakes the followers.
    ///
    /// - Parameter last: the number of the batch's last record.
    public func publish(_ batch: AuditBatch, last: Int64) {
        guard !batch.records.isEmpty || !batch.alerts.isEmpty else { return }
        let followers = self.state.withLock { state in
            let first = last - Int64(batch.records.count) + 1
            if first <= state.newest {
                // The trail was damaged and began anew: its numbers say nothing of the old ones. One place is left out, so
                // that those who had taken everything notice as well.
                state.first = state.end + 1
                state.items.removeAll(keepingCapacity: true)
                state.forgotten = first - 1
            }
            // Messages stand before the last record of their batch. They have no number: who goes on after a number gets
            // those behind it, some perhaps twice, and misses none.
            for (offset, record) in batch.records.enumerated() {
                if offset == batch.records.count - 1 { batch.alerts.forEach { state.items.append(.alert($0)) } }
                let numbered = NumberedRecord(number: first + Int64(offset), record: record)
                state.items.append(.record(numbered.lightened))
            }
            if batch.records.isEmpty { batch.alerts.forEach { state.items.append(.alert($0)) } }
            state.newest = batch.records.isEmpty ? state.newest : last
            while state.items.count > Self.capacity {
                if case .record(let record)? = state.items.popFirst() { state.forgotten = record.number }
                state.first += 1
            }
            return state.followers.isEmpty ? [] : Array(state.followers.values)
        }
        for follower in followers { follower() }
    }

    // MARK: Following

    /// Where a follower begins.
    public enum Start: Hashable, Sendable {
        /// With what happens from now on.
        case now
        /// With the oldest that is kept.
        case oldest
        /// With what came after the record of this number.
        case after(Int64)
    }

    /// Records that a follower cannot have from here any more.
    public struct Gap: Hashable, Sendable {
        public enum Cause: String, Hashable, Sendable {
            /// They came before what is kept in memory.
            case tooOld
            /// The follower did not take them while they were kept.
            case tooSlow
            /// The trail it goes by is not there any more: it was damaged or removed, and a new one begun.
            case newTrail
        }
        public var cause: Cause
        /// The first and last that are missing; `nil` where that cannot be told.
        public var missing: ClosedRange<Int64>?
    }

    /// A place in the ring, for one reader.
    public struct Place: Sendable {
        fileprivate var next: Int
        /// The newest record that was taken or passed by: what to go on after.
        public fileprivate(set) var number: Int64
    }

    /// - Parameter onNews: called, from the loop's own thread, each time there is something new: it has to return at once.
    /// - Returns: where to begin, and what of that is missing; a number to `leave` with.
    public func follow(
        from start: Start, onNews: @escaping @Sendable () -> Void
    ) -> (follower: Int, place: Place, gap: Gap?) {
        self.state.withLock { state in
            let follower = state.nextFollower
            state.nextFollower += 1
            state.followers[follower] = onNews
            let (place, gap) = state.place(for: start)
            return (follower, place, gap)
        }
    }

    public func leave(_ follower: Int) {
        self.state.withLock { $0.followers[follower] = nil }
    }

    /// How many follow.
    public var followers: Int { self.state.withLock { $0.followers.count } }

    /// The next events, at most so many, and what was lost before them.
    public func take(_ place: inout Place, most: Int) -> (gap: Gap?, events: [FeedEvent]) {
        let current = place
        let (gap, items, next, forgotten) = self.state.withLock { state in
            let gap = state.gap(before: current)
            let begin = max(current.next, state.first)
            let end = min(state.end, begin + most)
            return (gap, Array(state.items[(begin - state.first)..<(end - state.first)]), end, state.forgotten)
        }
        place.next = next
        if gap != nil { place.number = forgotten }
        for case .record(let record) in items { place.number = record.number }
        // Put into words here, on the reader's time.
        return (gap, items.map(FeedEvent.init))
    }
}

extension EventFeed.State {
    fileprivate func place(for start: EventFeed.Start) -> (EventFeed.Place, EventFeed.Gap?) {
        switch start {
        case .now: return (EventFeed.Place(next: self.end, number: self.newest), nil)
        case .oldest: return (EventFeed.Place(next: self.first, number: self.forgotten), nil)
        case .after(let number):
            let oldest = EventFeed.Place(next: self.first, number: self.forgotten)
            if number > self.newest { return (oldest, EventFeed.Gap(cause: .newTrail, missing: nil)) }
            if number < self.forgotten {
                return (oldest, EventFeed.Gap(cause: .tooOld, missing: (number + 1)...self.forgotten))
            }
            let passed = self.items.lastIndex { item in
                if case .record(let record) = item { record.number <= number } else { false }
            }
            return (EventFeed.Place(next: self.first + (passed.map { $0 + 1 } ?? 0), number: number), nil)
        }
    }

    fileprivate func gap(before place: EventFeed.Place) -> EventFeed.Gap? {
        guard place.next < self.first else { return nil }
        guard place.number <= self.forgotten else { return EventFeed.Gap(cause: .newTrail, missing: nil) }
        // Where only messages were lost, no record is missing.
        guard place.number < self.forgotten else { return nil }
        return EventFeed.Gap(cause: .tooSlow, missing: (place.number + 1)...self.forgotten)
    }
}

extension NumberedRecord {
    /// Without what is large and has no place in a line.
    fileprivate var lightened: Self {
        var light = self
        switch self.record.body {
        case .evidence(let kind, _): light.record.body = .evidence(kind: kind, text: "")
        case .policyLoaded(let generation, _):
            light.record.body = .policyLoaded(generation: generation, components: [])
        default: break
        }
        return light
    }
}
