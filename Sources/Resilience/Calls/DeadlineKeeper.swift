import Synchronization

/// One timer for many deadlines: to begin and to end a sleep for each call would cost more than the call.
///
/// The timer sleeps until the deadline that was the next when it lay down, though that may have been taken back since,
/// and ends where none is left then. It ends with the keeper, too.
final class DeadlineKeeper<C: Clock>: Sendable where C.Duration == Duration {
    typealias Ticket = DeadlineQueue<C.Instant>.Ticket

    private struct State {
        var queue = DeadlineQueue<C.Instant>()
        var timer: (number: UInt64, until: C.Instant, task: Task<Void, Never>)?
        var timers: UInt64 = 0
    }

    private let state = Mutex(State())
    private let clock: C

    init(clock: C) { self.clock = clock }

    deinit { self.state.withLock { $0.timer?.task.cancel() } }

    func add(_ expiring: any Expiring, at deadline: C.Instant) -> Ticket {
        let (ticket, replaced) = self.state.withLock { state in
            let ticket = state.queue.add(expiring, at: deadline)
            guard state.timer.map({ deadline < $0.until }) ?? true else { return (ticket, nil as Task<Void, Never>?) }
            let replaced = state.timer?.task
            state.timers += 1
            state.timer = (state.timers, deadline, self.makeTimer(state.timers, deadline))
            return (ticket, replaced)
        }
        replaced?.cancel()
        return ticket
    }

    func remove(_ ticket: Ticket) { self.state.withLock { $0.queue.remove(ticket) } }

    /// Detached: it serves callers to come, and must not keep what the first of them has in its task locals.
    private func makeTimer(_ number: UInt64, _ deadline: C.Instant) -> Task<Void, Never> {
        Task.detached(priority: .high) { [weak self, clock] in
            var next: C.Instant? = deadline
            while let deadline = next {
                do {
                    try await clock.sleep(until: deadline, tolerance: nil)
                } catch {
                    // Cancelled; or a clock that gave up, and whoever comes next begins anew.
                    self?.end(number)
                    return
                }
                next = self?.wake(number)
            }
        }
    }

    /// - Returns: until when to sleep on; `nil` where there is nothing to sleep for.
    private func wake(_ number: UInt64) -> C.Instant? {
        let now = self.clock.now
        let (due, next) = self.state.withLock { state -> ([any Expiring], C.Instant?) in
            guard let timer = state.timer, timer.number == number else { return ([], nil) }
            let due = state.queue.popDue(at: now)
            state.timer = state.queue.first.map { (number, $0, timer.task) }
            return (due, state.timer?.until)
        }
        for expiring in due { expiring.expire() }
        return next
    }

    private func end(_ number: UInt64) {
        self.state.withLock { state in if state.timer?.number == number { state.timer = nil } }
    }
}
