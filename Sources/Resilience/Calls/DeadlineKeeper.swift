import ResilienceCore
import Synchronization

/// What has a deadline.
protocol Expiring: AnyObject, Sendable {
    /// The time is up; told once at most, on the keeper's task.
    func expire(at now: MonotonicInstant)
}

/// Watches the deadlines of many calls with one sleeping task, because a task and a timer for each call cost more than
/// most calls.
///
/// The sleeper goes with the last call. Only where calls follow each other closely it sleeps on, until the deadline that
/// it had: it is one at most, finds nothing to do then, and goes; and it goes with the keeper's owner in any case.
final class DeadlineKeeper: Sendable {
    typealias Ticket = DeadlineHeap<any Expiring>.Ticket

    private struct Sleeper {
        let id: UInt64
        let wakesAt: MonotonicInstant
        let task: Task<Void, Never>
        /// Started again so soon that it will be needed again soon.
        let staysOn: Bool
    }

    private struct State {
        var heap = DeadlineHeap<any Expiring>()
        var sleeper: Sleeper?
        var lastID: UInt64 = 0
        var lastStart: MonotonicInstant?
    }

    private let state = Mutex(State())
    /// A reading of its clock.
    let now: @Sendable () -> MonotonicInstant
    private let sleepUntil: @Sendable (MonotonicInstant) async throws -> Void

    /// Knows its clock by what it does only, so that none of this need be made for each kind of clock.
    init<C>(_ reading: ClockReading<C>) {
        self.now = { reading.now }
        self.sleepUntil = { try await reading.sleep(until: $0) }
    }

    /// - Parameter now: a reading of the keeper's clock.
    func add(_ entry: any Expiring, at deadline: MonotonicInstant, now: MonotonicInstant) -> Ticket {
        let (ticket, replaced) = self.state.withLock { state in
            let ticket = state.heap.insert(entry, at: deadline)
            if let sleeper = state.sleeper, sleeper.wakesAt <= deadline { return (ticket, nil as Task<Void, Never>?) }
            let replaced = state.sleeper?.task
            self.startSleeper(until: deadline, now: now, in: &state)
            return (ticket, replaced)
        }
        // Outside of the lock, since cancelling runs what the clock does about it.
        replaced?.cancel()
        return ticket
    }

    /// The entry needs no watching any more.
    func remove(_ ticket: Ticket) {
        let idle = self.state.withLock { state -> Task<Void, Never>? in
            state.heap.remove(ticket)
            guard state.heap.count == 0, let sleeper = state.sleeper, !sleeper.staysOn else { return nil }
            state.sleeper = nil
            return sleeper.task
        }
        idle?.cancel()
    }

    /// The owner goes.
    func stop() {
        let sleeper = self.state.withLock { state in
            defer { state.sleeper = nil }
            return state.sleeper?.task
        }
        sleeper?.cancel()
    }

    /// Starts of sleepers that are no further apart than this follow each other closely.
    private static var closely: Duration { .milliseconds(10) }

    private func startSleeper(until wakesAt: MonotonicInstant, now: MonotonicInstant, in state: inout State) {
        state.lastID += 1
        let id = state.lastID
        let staysOn = state.lastStart.map { now - $0 <= Self.closely } ?? false
        state.lastStart = now
        // Detached: it serves calls of any priority, and must keep no caller's task locals.
        let task = Task.detached { await self.sleep(as: id, until: wakesAt) }
        state.sleeper = Sleeper(id: id, wakesAt: wakesAt, task: task, staysOn: staysOn)
    }

    private func sleep(as id: UInt64, until wakesAt: MonotonicInstant) async {
        var wakesAt: MonotonicInstant? = wakesAt
        while let until = wakesAt {
            // Cancelled where it is not needed any more, or another has taken its place.
            do { try await self.sleepUntil(until) } catch { return }
            let now = self.now()
            let due: [any Expiring]
            (due, wakesAt) = self.state.withLock { self.wake(id, at: now, in: &$0) }
            for entry in due { entry.expire(at: now) }
        }
    }

    private func wake(
        _ id: UInt64, at now: MonotonicInstant, in state: inout State
    ) -> (due: [any Expiring], next: MonotonicInstant?) {
        guard let sleeper = state.sleeper, sleeper.id == id else { return ([], nil) }
        var due: [any Expiring] = []
        while let entry = state.heap.popDue(at: now) { due.append(entry) }
        let next = state.heap.firstDeadline
        // Whether calls still follow each other closely shows when it has gone with one and is started for the next.
        state.sleeper = next.map { Sleeper(id: id, wakesAt: $0, task: sleeper.task, staysOn: false) }
        return (due, next)
    }
}
