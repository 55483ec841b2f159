import CSystemd
import Glibc
import Synchronization

/// What the bus thread drives besides jobs and timers: one connection.
///
/// Every member is called on the bus thread only.
protocol BusThreadClient: AnyObject {
    /// Handles everything that has arrived and sends what can be sent, without blocking.
    func processBus()
    /// What to wait for before `processBus` is worth calling again.
    var busWait: BusWait { get }
}

struct BusWait: Hashable {
    /// -1 where there is no connection.
    var descriptor: Int32
    /// epoll(7) events.
    var events: UInt32
    /// Nanoseconds on `CLOCK_MONOTONIC`; `nil`: no deadline.
    var deadline: Int64?

    static let nothing = BusWait(descriptor: -1, events: 0, deadline: nil)
}

/// The one thread that owns the sd_bus, and the executor of the actor in front of it.
///
/// sd_bus is not thread-safe, and its write readiness and call timeouts must be honoured; a thread with a loop of its
/// own does both without a lock, and a message reaches its reader without another thread's wake-up between. One turn:
/// queued jobs, due timers, the bus until nothing is left, then epoll_wait(2) on the bus, an eventfd and the pidfds.
///
/// `@unchecked Sendable`: `inbox`, `wakePending` and `identity` are synchronised by themselves, the descriptors never
/// change; all other members are touched on the thread itself only, which `checkIsolated()` verifies at every entrance.
final class BusThread: SerialExecutor, @unchecked Sendable {
    private struct Inbox {
        var jobs: [UnownedJob] = []
        var isStopping = false
        var farewell: (@Sendable () -> Void)?
    }

    private struct Timer {
        var deadline: Int64
        var id: UInt64
        var fire: () -> Void
    }

    private let inbox = Mutex(Inbox())
    private let wakePending = Atomic<Bool>(false)
    /// `pthread_self()` of the thread; 0 until it runs.
    private let identity = Atomic<UInt>(0)
    private let epoll: Int32
    private let wakeDescriptor: Int32

    // On the thread only, from here on.
    private var client: (any BusThreadClient)?
    /// Latest deadline first, so that the next one is popped from the end.
    private var timers: [Timer] = []
    private var nextTimer: UInt64 = 0
    private var watched: [Int32: () -> Void] = [:]
    private var armed = BusWait.nothing

    /// Starts the thread; it runs until `stop()`.
    ///
    /// - Throws: `SystemdError` where the kernel grants no descriptors or no thread.
    init() throws(SystemdError) {
        self.epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard self.epoll >= 0 else { throw .system("Could not make an epoll instance.", errno: errno) }
        self.wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        guard self.wakeDescriptor >= 0 else {
            let code = errno
            close(self.epoll)
            throw .system("Could not make an eventfd.", errno: code)
        }
        self.control(EPOLL_CTL_ADD, self.wakeDescriptor, events: EPOLLIN.rawValue)
        var thread = pthread_t()
        let retained = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let me = Unmanaged<BusThread>.fromOpaque(context).takeRetainedValue()
                me.identity.store(UInt(pthread_self()), ordering: .releasing)
                heald_set_thread_name("heald-bus")
                me.loop()
                return nil
            }, retained.toOpaque())
        guard code == 0 else {
            retained.release()
            throw .system("Could not start the bus thread.", errno: code)
        }
        pthread_detach(thread)
    }

    deinit {
        close(self.epoll)
        close(self.wakeDescriptor)
    }

    // MARK: Executor

    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        self.inbox.withLock { $0.jobs.append(unowned) }
        if !self.isCurrent { self.wake() }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    func checkIsolated() { precondition(self.isCurrent, "not on the bus thread") }

    private var isCurrent: Bool { self.identity.load(ordering: .acquiring) == UInt(pthread_self()) }

    /// Jobs wait for the thread's next turn.
    var hasJobs: Bool { self.inbox.withLock { !$0.jobs.isEmpty } }

    private func wake() {
        if !self.wakePending.exchange(true, ordering: .acquiringAndReleasing) {
            var one: UInt64 = 1
            _ = write(self.wakeDescriptor, &one, 8)
        }
    }

    /// Ends the thread once its queue is empty, after running `farewell` on it. Later jobs are never run.
    func stop(_ farewell: @escaping @Sendable () -> Void) {
        self.inbox.withLock {
            $0.isStopping = true
            $0.farewell = farewell
        }
        self.wake()
    }

    // MARK: On the thread

    func drive(_ client: any BusThreadClient) {
        self.checkIsolated()
        self.client = client
    }

    /// Calls `fire` on the thread at `deadline` (nanoseconds, `CLOCK_MONOTONIC`) or up to a millisecond later.
    @discardableResult
    func schedule(at deadline: Int64, _ fire: @escaping () -> Void) -> UInt64 {
        self.checkIsolated()
        self.nextTimer += 1
        let position = self.timers.firstIndex { $0.deadline < deadline } ?? self.timers.endIndex
        self.timers.insert(Timer(deadline: deadline, id: self.nextTimer, fire: fire), at: position)
        return self.nextTimer
    }

    @discardableResult
    func schedule(after delay: Duration, _ fire: @escaping () -> Void) -> UInt64 {
        self.schedule(at: Self.now() + delay.inNanosecondsClamped, fire)
    }

    func cancel(timer id: UInt64) {
        self.timers.removeAll { $0.id == id }
    }

    /// Calls `ready` whenever `descriptor` is readable, until `forget`.
    func watch(_ descriptor: Int32, ready: @escaping () -> Void) {
        self.checkIsolated()
        self.watched[descriptor] = ready
        self.control(EPOLL_CTL_ADD, descriptor, events: EPOLLIN.rawValue)
    }

    /// To be called before the descriptor is closed.
    func forget(_ descriptor: Int32) {
        self.watched[descriptor] = nil
        self.control(EPOLL_CTL_DEL, descriptor, events: 0)
    }

    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private func loop() {
        var jobs: [UnownedJob] = []
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        while true {
            self.wakePending.store(false, ordering: .sequentiallyConsistent)
            self.inbox.withLock { swap(&$0.jobs, &jobs) }
            for job in jobs { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
            jobs.removeAll(keepingCapacity: true)
            self.fireTimers()
            self.client?.processBus()
            let (isIdle, isStopping) = self.inbox.withLock { ($0.jobs.isEmpty, $0.isStopping) }
            if isIdle && isStopping { break }
            let timeout = self.rearm(isIdle: isIdle)
            let count = epoll_wait(self.epoll, &events, Int32(events.count), timeout)
            guard count > 0 else { continue }
            for event in events.prefix(Int(count)) { self.handle(event.data.fd) }
        }
        self.inbox.withLock { $0.farewell }?()
        // Breaks the cycle thread → client → thread.
        self.client = nil
        self.timers.removeAll()
        self.watched.removeAll()
    }

    private func handle(_ descriptor: Int32) {
        if descriptor == self.wakeDescriptor {
            var value: UInt64 = 0
            _ = read(descriptor, &value, 8)
        } else if let ready = self.watched[descriptor] {
            ready()
        }
        // The bus itself is looked at in every turn.
    }

    private func fireTimers() {
        guard let next = self.timers.last else { return }
        let now = Self.now()
        guard next.deadline <= now else { return }
        while let timer = self.timers.last, timer.deadline <= now {
            self.timers.removeLast()
            timer.fire()
        }
    }

    /// Makes epoll wait for what the bus wants.
    ///
    /// - Returns: how long to wait, in milliseconds; rounded up, so that a deadline has passed on waking.
    private func rearm(isIdle: Bool) -> Int32 {
        let wanted = self.client?.busWait ?? .nothing
        if wanted.descriptor != self.armed.descriptor {
            // A closed descriptor has left the epoll set by itself; removing it again is harmless.
            if self.armed.descriptor >= 0 { self.control(EPOLL_CTL_DEL, self.armed.descriptor, events: 0) }
            if wanted.descriptor >= 0 { self.control(EPOLL_CTL_ADD, wanted.descriptor, events: wanted.events) }
        } else if wanted.descriptor >= 0, wanted.events != self.armed.events {
            self.control(EPOLL_CTL_MOD, wanted.descriptor, events: wanted.events)
        }
        self.armed = wanted
        guard isIdle else { return 0 }
        let deadlines = [wanted.deadline, self.timers.last?.deadline].compactMap { $0 }
        guard let deadline = deadlines.min() else { return -1 }
        let now = Self.now()
        guard deadline > now else { return 0 }
        return Int32(clamping: min((deadline - now + 999_999) / 1_000_000, 60_000))
    }

    /// The bus connection closed its descriptor: the same number may come back as another file.
    func busClosed() {
        if self.armed.descriptor >= 0 { self.control(EPOLL_CTL_DEL, self.armed.descriptor, events: 0) }
        self.armed = .nothing
    }

    private func control(_ operation: Int32, _ descriptor: Int32, events: UInt32) {
        var event = epoll_event()
        event.events = events
        event.data.fd = descriptor
        _ = epoll_ctl(self.epoll, operation, descriptor, &event)
    }
}

extension Duration {
    /// Nanoseconds, at most about 30 years, so that adding them to a clock cannot overflow.
    var inNanosecondsClamped: Int64 {
        let (seconds, attoseconds) = self.components
        guard seconds < 1_000_000_000 else { return 1_000_000_000_000_000_000 }
        guard seconds >= 0 else { return 0 }
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
