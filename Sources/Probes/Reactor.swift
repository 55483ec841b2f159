import CProbes
import Glibc
import HeapModule
import ResilienceCore
import Synchronization

/// Something that waits for descriptors and for one deadline at a time.
protocol ReactorClient: AnyObject {
    /// A watched descriptor is ready. `source` is the number it was watched with.
    func ready(readable: Bool, writable: Bool, closed: Bool, source: Int)
    /// The deadline has come, `late` ago.
    func deadlinePassed(late: Duration)
    /// The reactor ends; nothing will be called any more.
    func cancelled()
}

/// Waits for many descriptors and deadlines on one thread of its own.
///
/// Jobs and clients run on that thread, one at a time, and must never block.
///
/// `@unchecked Sendable`: `inbox` is guarded by its mutex and the descriptors never change; everything else is touched
/// on the reactor's own thread only, which `submit` is the one way onto.
final class Reactor: @unchecked Sendable {
    typealias Job = @Sendable (Reactor) -> Void

    /// Names a client for as long as it is registered; later ones never get the same.
    struct Token: Hashable, Sendable {
        fileprivate var slot: UInt32
        fileprivate var generation: UInt32

        fileprivate func raw(source: Int) -> UInt64 {
            UInt64(self.slot) << 32 | UInt64(self.generation & 0xFF_FFFF) << 8 | UInt64(source & 0xFF)
        }
    }

    private struct Slot {
        var client: (any ReactorClient)?
        var generation: UInt32 = 0
        var deadline: MonotonicInstant?
    }

    private struct Deadline: Comparable {
        var at: MonotonicInstant
        var token: Token
        static func < (left: Self, right: Self) -> Bool { left.at < right.at }
        static func == (left: Self, right: Self) -> Bool { left.at == right.at }
    }

    private struct Inbox {
        var jobs: [Job] = []
        var isWaiting = false
        var isOpen = true
    }

    private let inbox = Mutex(Inbox())
    private let epoll: Int32
    private let bell: Int32

    private var slots: [Slot] = []
    private var free: [UInt32] = []
    private var deadlines = Heap<Deadline>()
    /// `stop` has not been called.
    private(set) var isRunning = true
    private var taken: [Job] = []
    /// Where clients receive into; what is in it is theirs until they return.
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)

    private static let bellToken = UInt64.max
    private static let eventsMax = 256

    /// - Throws: `ProberError` where descriptors or threads have run out.
    init(name: String) throws(ProberError) {
        let epoll = cprobes_epoll_create()
        guard epoll >= 0 else { throw ProberError(what: "an epoll instance", errno: -epoll) }
        let bell = cprobes_bell_create()
        guard bell >= 0 else {
            close(epoll)
            throw ProberError(what: "an eventfd", errno: -bell)
        }
        self.epoll = epoll
        self.bell = bell
        let watched = cprobes_watch_input(epoll, bell, Self.bellToken)
        let error = watched < 0 ? -watched : spawnThread(named: name) { self.run() }
        guard error == 0 else { throw ProberError(what: "the prober's thread", errno: error) }
    }

    deinit {
        close(self.epoll)
        close(self.bell)
        self.buffer.deallocate()
    }

    /// Runs a job on the reactor's thread, soon. Never blocks.
    ///
    /// - Returns: `false` where the reactor has been stopped; the job will not run.
    @discardableResult
    func submit(_ job: @escaping Job) -> Bool {
        let (accepted, ring) = self.inbox.withLock { inbox -> (Bool, Bool) in
            guard inbox.isOpen else { return (false, false) }
            inbox.jobs.append(job)
            let ring = inbox.isWaiting
            inbox.isWaiting = false
            return (true, ring)
        }
        if ring {
            var one: UInt64 = 1
            _ = write(self.bell, &one, MemoryLayout<UInt64>.size)
        }
        return accepted
    }

    /// Ends the thread after cancelling every client. Returns at once.
    func stop() {
        self.submit { $0.isRunning = false }
    }

    // MARK: On the reactor's thread

    func register(_ client: any ReactorClient) -> Token {
        if let slot = self.free.popLast() {
            self.slots[Int(slot)].client = client
            return Token(slot: slot, generation: self.slots[Int(slot)].generation)
        }
        self.slots.append(Slot(client: client))
        return Token(slot: UInt32(self.slots.count - 1), generation: 0)
    }

    /// Forgets the client and its deadline. Its descriptors are its own to close.
    func unregister(_ token: Token) {
        guard self.client(token) != nil else { return }
        let index = Int(token.slot)
        self.slots[index].client = nil
        self.slots[index].deadline = nil
        self.slots[index].generation = (self.slots[index].generation &+ 1) & 0xFF_FFFF
        self.free.append(token.slot)
        self.dropStaleDeadlines()
    }

    func client(_ token: Token) -> (any ReactorClient)? {
        let slot = self.slots[Int(token.slot)]
        return slot.generation == token.generation ? slot.client : nil
    }

    /// Sets the client's deadline; an earlier one no longer counts.
    func setDeadline(_ instant: MonotonicInstant, for token: Token) {
        guard self.client(token) != nil else { return }
        self.slots[Int(token.slot)].deadline = instant
        self.deadlines.insert(Deadline(at: instant, token: token))
    }

    /// Tells the client when the socket becomes readable, writable or closed (edge-triggered). errno, or 0.
    func watchSocket(_ fd: Int32, for token: Token) -> Int32 {
        -cprobes_watch_socket(self.epoll, fd, token.raw(source: 0))
    }

    /// Tells the client as long as the descriptor is readable. errno, or 0.
    func watchInput(_ fd: Int32, for token: Token, source: Int) -> Int32 {
        -cprobes_watch_input(self.epoll, fd, token.raw(source: source))
    }

    func unwatch(_ fd: Int32) { cprobes_unwatch(self.epoll, fd) }

    // MARK: The loop

    private func run() {
        let events = UnsafeMutablePointer<cprobes_event>.allocate(capacity: Self.eventsMax)
        defer { events.deallocate() }
        while self.isRunning {
            let mayWait = self.takeJobs()
            for job in self.taken { job(self) }
            self.taken.removeAll(keepingCapacity: true)
            guard self.isRunning else { break }
            let count = cprobes_wait(self.epoll, events, Int32(Self.eventsMax), mayWait ? self.patience() : 0)
            if mayWait { self.inbox.withLock { $0.isWaiting = false } }
            let collectedAt = ProbeClock.now()
            for index in 0..<max(0, Int(count)) { self.dispatch(events[index]) }
            // Answers before deadlines: what was here when a deadline passed is not too late, even if this thread is.
            // So only deadlines count that passed before the events were collected, and only if all of them were.
            if count < Self.eventsMax { self.fireDeadlines(before: collectedAt) }
        }
        self.end()
    }

    /// - Returns: whether nothing was there to do, so that the thread may wait.
    private func takeJobs() -> Bool {
        self.inbox.withLock { inbox in
            swap(&inbox.jobs, &self.taken)
            inbox.isWaiting = self.taken.isEmpty
            return inbox.isWaiting
        }
    }

    private func dispatch(_ event: cprobes_event) {
        guard event.token != Self.bellToken else {
            var count: UInt64 = 0
            _ = read(self.bell, &count, MemoryLayout<UInt64>.size)
            return
        }
        let index = Int(event.token >> 32)
        // A descriptor may have been closed by an earlier event of the same batch.
        guard self.slots[index].generation == UInt32(event.token >> 8 & 0xFF_FFFF) else { return }
        self.slots[index].client?.ready(
            readable: event.readable, writable: event.writable, closed: event.closed, source: Int(event.token & 0xFF))
    }

    private func isCurrent(_ deadline: Deadline) -> Bool {
        let slot = self.slots[Int(deadline.token.slot)]
        return slot.generation == deadline.token.generation && slot.deadline == deadline.at
    }

    /// How long to wait for events, in nanoseconds; -1: until one comes.
    private func patience() -> Int64 {
        while let next = self.deadlines.min {
            if self.isCurrent(next) { return max(0, (next.at - ProbeClock.now()).inNanoseconds) }
            self.deadlines.removeMin()
        }
        return -1
    }

    private func fireDeadlines(before instant: MonotonicInstant) {
        while let next = self.deadlines.min, next.at <= instant {
            self.deadlines.removeMin()
            guard self.isCurrent(next) else { continue }
            self.slots[Int(next.token.slot)].deadline = nil
            self.slots[Int(next.token.slot)].client?.deadlinePassed(late: instant - next.at)
        }
    }

    /// Answers come long before most deadlines; without this the heap would hold a timeout's worth of them.
    private func dropStaleDeadlines() {
        let active = self.slots.count - self.free.count
        guard self.deadlines.count > 4 * active + 256 else { return }
        self.deadlines = Heap(self.deadlines.unordered.filter { self.isCurrent($0) })
    }

    private func end() {
        self.cancelClients()
        // Jobs that came meanwhile still run, so that whoever waits for an answer gets one.
        while true {
            let isEmpty = self.inbox.withLock { inbox in
                swap(&inbox.jobs, &self.taken)
                if self.taken.isEmpty { inbox.isOpen = false }
                return self.taken.isEmpty
            }
            if isEmpty { return }
            for job in self.taken { job(self) }
            self.taken.removeAll()
            self.cancelClients()
        }
    }

    private func cancelClients() {
        for index in self.slots.indices {
            guard let client = self.slots[index].client else { continue }
            let generation = self.slots[index].generation
            client.cancelled()
            // Whoever has not unregistered is forgotten: a program that cannot be ended, for one.
            self.unregister(Token(slot: UInt32(index), generation: generation))
        }
    }
}

/// Why a prober could not be made.
public struct ProberError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the machine refused.
    public var what: String
    /// The machine's answer, an errno.
    public var errno: Int32

    init(what: String, errno: Int32) {
        self.what = what
        self.errno = errno
    }

    /// What failed, why, and how to mend it.
    public var description: String {
        """
        Could not make \(self.what): \(errorText(self.errno)). \
        Raise LimitNOFILE= or TasksMax= of the supervisor's unit, or free memory.
        """
    }
}

/// The text of an errno.
func errorText(_ error: Int32) -> String { String(cString: strerror(error)) }
