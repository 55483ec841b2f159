import Glibc
import ResilienceCore
import Synchronization
import Testing

@testable import Resilience

@Suite struct DeadlineTests {
    private let clock = ManualClock()

    @Test func `the heap gives what is due in the order of the deadlines, and nothing that was taken out`() {
        var generator = SeededGenerator(seed: 7)
        func pick(_ count: Int) -> Int { Int(generator.unit() * Double(count)) }
        var heap = DeadlineHeap<Int>()
        var known: [(entry: Int, deadline: MonotonicInstant, ticket: DeadlineHeap<Int>.Ticket)] = []
        var stale: [DeadlineHeap<Int>.Ticket] = []
        for entry in 0..<20_000 {
            switch pick(10) {
            case ..<5:
                let deadline = MonotonicInstant(nanoseconds: Int64(pick(1_000)))
                known.append((entry, deadline, heap.insert(entry, at: deadline)))
            case ..<7 where !known.isEmpty:
                let gone = known.remove(at: pick(known.count))
                heap.remove(gone.ticket)
                stale.append(gone.ticket)
            case ..<8: if let ticket = stale.last { heap.remove(ticket) }
            default:
                let now = MonotonicInstant(nanoseconds: Int64(pick(1_000)))
                let first = known.map(\.deadline).min()
                let due = heap.popDue(at: now)
                #expect((due == nil) == (first.map { $0 > now } ?? true))
                guard let due, let index = known.firstIndex(where: { $0.entry == due }) else { continue }
                #expect(known[index].deadline == first)
                stale.append(known.remove(at: index).ticket)
            }
            #expect(heap.count == known.count)
            #expect(heap.firstDeadline == known.map(\.deadline).min())
        }
    }

    @Test func `the clocks of the standard library are read as they read themselves`() {
        func check<C: Clock>(_ clock: C) where C.Duration == Duration {
            let reading = ClockReading(clock)
            let (began, first) = (clock.now, reading.now)
            let (second, ended) = (reading.now, clock.now)
            #expect(second - first <= began.duration(to: ended))
            let gone = clock.now
            while gone.duration(to: clock.now) < .milliseconds(2) {}
            #expect(reading.now - second >= .milliseconds(2))
        }
        check(ContinuousClock())
        check(SuspendingClock())
        // After a suspend the two lie apart, and here they only may: each is compared with the kernel's own counter.
        func lies<C: Clock>(_ clock: C, _ id: clockid_t) -> Bool where C.Duration == Duration {
            var (before, after) = (timespec(), timespec())
            clock_gettime(id, &before)
            let reading = ClockReading(clock)
            let now = reading.now
            clock_gettime(id, &after)
            return now.nanoseconds >= 0
                && now - MonotonicInstant(nanoseconds: 0) <= .seconds(after.tv_sec - before.tv_sec + 1)
        }
        #expect(lies(ContinuousClock(), CLOCK_BOOTTIME) && lies(SuspendingClock(), CLOCK_MONOTONIC))
    }

    @Test func `calls that follow each other closely share a sleeper, which goes with the timeout`() async throws {
        var timeout: Timeout? = try Timeout(.seconds(30), clock: self.clock)
        for _ in 0..<1_000 { _ = try await timeout?.call { 1 } }
        #expect(await eventually { self.clock.sleepers == 1 })
        #expect(self.clock.deadlines.map(\.offset) == [.seconds(30)])
        timeout = nil
        #expect(await eventually { self.clock.sleepers == 0 })
    }

    @Test func `a sleeper that sleeps on finds nothing to do at its time, and goes`() async throws {
        let timeout = try Timeout(.seconds(30), clock: self.clock)
        for _ in 0..<2 { _ = try await timeout.call { 1 } }
        await self.clock.sleeping(1)
        self.clock.advance(by: .seconds(30))
        #expect(await eventually { self.clock.sleepers == 0 })
        #expect(try await timeout.call { 1 } == 1)
        #expect(await eventually { self.clock.sleepers == 0 })
    }

    @Test func `each of many calls ends at its own time, whatever their order`() async throws {
        let timeout = try Timeout(.seconds(1), clock: self.clock, abandonedMax: 100)
        let gate = Gate()
        let ended = Ended()
        let limits = [5, 3, 9, 1, 7]
        var tasks: [Task<Void, Never>] = []
        for limit in limits {
            tasks.append(
                Task {
                    do throws(CallError) {
                        try await timeout.call(CallContext(operation: "read"), within: .seconds(limit)) {
                            await gate.pass()
                        }
                    } catch {
                        #expect(error.code == .timedOut && error.context.elapsed == .seconds(limit))
                        ended.list.withLock { $0.append(limit) }
                    }
                })
            await gate.arrivals(tasks.count)
        }
        for (count, second) in limits.sorted().enumerated() {
            await self.clock.sleeping(1)
            #expect(await eventually { self.clock.deadlines.map(\.offset) == [.seconds(second)] })
            self.clock.advance(by: .seconds(count == 0 ? 1 : 2))
            #expect(await eventually { ended.list.withLock { $0 } == limits.sorted().prefix(count + 1).map { $0 } })
        }
        gate.open()
        for task in tasks { await task.value }
        #expect(await eventually { self.clock.sleepers == 0 && timeout.abandoned == 0 })
    }

    @Test func `a call that hangs when it is cancelled holds up no other call's deadline`() async throws {
        let timeout = try Timeout(.seconds(1), clock: self.clock)
        let gate = Gate()
        let hangs = Semaphore()
        let first = Task {
            try await timeout.call {
                await withTaskCancellationHandler {
                    await gate.pass()
                } onCancel: {
                    hangs.wait()
                }
            }
        }
        await gate.arrivals(1)
        await self.clock.sleeping(1)
        let second = Task {
            try await timeout.call(CallContext(operation: ""), within: .seconds(2)) { await gate.pass() }
        }
        await gate.arrivals(2)
        self.clock.advance(by: .seconds(1))
        await #expect(throws: CallError.self) { try await first.value }
        await self.clock.sleeping(1)
        self.clock.advance(by: .seconds(1))
        await #expect(throws: CallError.self) { try await second.value }
        hangs.signal()
        gate.open()
    }

    @Test(arguments: [CallStart.here, .elsewhere])
    func `wherever a call begins, its caller goes on in time and what it had called is cancelled`(
        _ start: CallStart
    ) async throws {
        let timeout = try Timeout(.seconds(1), clock: self.clock, starting: start)
        let gate = Gate()
        let wasCancelled = Count()
        #expect(try await timeout.call { 7 } == 7)
        let task = Task {
            try await timeout.call {
                await withTaskCancellationHandler {
                    await gate.pass()
                } onCancel: {
                    wasCancelled.add()
                }
            }
        }
        await gate.arrivals(1)
        await self.clock.sleeping(1)
        self.clock.advance(by: .seconds(1))
        await #expect(throws: CallError.self) { try await task.value }
        #expect(timeout.abandoned == 1)
        #expect(await eventually { wasCancelled.value == 1 })
        gate.open()
        #expect(await eventually { timeout.abandoned == 0 })
        let cancelled = Task { try await timeout.call { [clock] in try await clock.sleep(for: .seconds(9)) } }
        await self.clock.sleeping(2)
        cancelled.cancel()
        await #expect(throws: CallError.self) { try await cancelled.value }
        #expect(await eventually { self.clock.sleepers <= 1 && timeout.abandoned == 0 })
    }
}

/// In the order in which calls ended.
private final class Ended: Sendable {
    let list = Mutex<[Int]>([])
}

/// Holds up a thread until a test says otherwise, or for ten seconds.
private final class Semaphore: Sendable {
    private let ends: (reading: Int32, writing: Int32) = {
        var ends: [Int32] = [-1, -1]
        pipe(&ends)
        return (ends[0], ends[1])
    }()

    func wait() {
        var readable = pollfd(fd: self.ends.reading, events: Int16(POLLIN), revents: 0)
        poll(&readable, 1, 10_000)
    }

    func signal() { _ = write(self.ends.writing, "!", 1) }

    deinit {
        close(self.ends.reading)
        close(self.ends.writing)
    }
}
