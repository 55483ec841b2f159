import DequeModule
import Glibc
import RecoveryEngine
import ResilienceCore

/// What waits for the loop.
enum Message: Sendable {
    case event(Event)
    /// Runs on the loop's thread, between events.
    case work(@Sendable (DecisionLoop) -> Void)
}

/// The loop's inbox and the place where its thread waits.
///
/// Adapters put things in from any thread and never wait. The order is kept. Everything in it is bounded by what was
/// asked for (probes, actions, operators' requests), except what systemd tells of units: where more than `capacity`
/// wait, only the newest observation of each unit is kept from then on, so that no unit's present state is lost.
///
/// A mutex and a condition variable of the C library instead of a continuation: waking a thread that waits on one costs
/// a futex call, and its timed wait is exact and free of timers.
final class Mailbox: @unchecked Sendable {
    // Every stored property below is only touched with `mutex` held; the two pointers never change after `init`.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private let capacity: Int
    private var queue = Deque<Message>()
    /// The newest observations that found the queue full.
    private var overflow: [String: UnitObservation] = [:]
    private var isWaiting = false
    private var isClosed = false

    init(capacity: Int = 65_536) {
        self.capacity = capacity
        self.mutex = .allocate(capacity: 1)
        self.condition = .allocate(capacity: 1)
        pthread_mutex_init(self.mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(self.condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(self.condition)
        pthread_mutex_destroy(self.mutex)
        self.condition.deallocate()
        self.mutex.deallocate()
    }

    /// - Returns: `false` where the loop has ended and will not look any more.
    @discardableResult
    func put(_ message: Message) -> Bool {
        self.locked {
            guard !self.isClosed else { return false }
            // Once one observation had to step aside, later ones must not overtake it.
            if case .event(.unitObserved(let unit, let observation)) = message,
                self.queue.count >= self.capacity || !self.overflow.isEmpty
            {
                self.overflow[unit] = observation
            } else {
                self.queue.append(message)
            }
            if self.isWaiting { pthread_cond_signal(self.condition) }
            return true
        }
    }

    /// The oldest messages, at most so many.
    func take(most: Int) -> [Message] {
        self.locked {
            if self.queue.count <= most {
                var taken = Array(self.queue)
                self.queue.removeAll(keepingCapacity: self.queue.count <= 1_024)
                for (unit, observation) in self.overflow.sorted(by: { $0.key < $1.key }) {
                    taken.append(.event(.unitObserved(unit: unit, observation)))
                }
                self.overflow.removeAll()
                return taken
            }
            let taken = Array(self.queue.prefix(most))
            self.queue.removeFirst(most)
            return taken
        }
    }

    /// Nothing more is taken in.
    ///
    /// - Returns: what still waited.
    func close() -> [Message] {
        self.locked {
            self.isClosed = true
            let left = Array(self.queue)
            self.queue.removeAll()
            return left
        }
    }

    var isEmpty: Bool {
        self.locked { self.queue.isEmpty && self.overflow.isEmpty }
    }

    /// Returns when something waits, at the latest at `deadline` (`CLOCK_MONOTONIC`).
    func wait(until deadline: MonotonicInstant) {
        var time = timespec()
        let nanoseconds = max(0, deadline.nanoseconds)
        time.tv_sec = Int(nanoseconds / 1_000_000_000)
        time.tv_nsec = Int(nanoseconds % 1_000_000_000)
        self.locked {
            self.isWaiting = true
            while self.queue.isEmpty {
                guard pthread_cond_timedwait(self.condition, self.mutex, &time) == 0 else { break }
            }
            self.isWaiting = false
        }
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        return body()
    }
}
