import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Synchronization

@testable import Alerting

/// A clock that moves only when it is told to.
final class ManualClock: SupervisorClock {
    private struct Sleeper: Sendable {
        var id: Int
        var deadline: MonotonicInstant
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = MonotonicInstant(nanoseconds: 1_000_000_000_000)
        var nextID = 0
    }

    private let state = Mutex(State())
    private let sleepers = Recorder<Sleeper>()
    static let wallStart: Int64 = 1_795_000_000_000_000

    func now() -> Moment {
        let now = self.state.withLock { $0.now }
        return Moment(monotonic: now, wall: WallTime(microseconds: Self.wallStart + now.nanoseconds / 1_000))
    }

    func sleep(until deadline: MonotonicInstant) async throws {
        let id = self.state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                guard deadline > self.now().monotonic else { return continuation.resume() }
                self.sleepers.append(Sleeper(id: id, deadline: deadline, continuation: continuation))
            }
        } onCancel: {
            let gone = self.take { $0.id == id }
            for sleeper in gone { sleeper.continuation.resume(throwing: CancellationError()) }
        }
    }

    private func take(_ isWanted: (Sleeper) -> Bool) -> [Sleeper] {
        var taken: [Sleeper] = []
        self.sleepers.change { sleepers in
            taken = sleepers.filter(isWanted)
            sleepers.removeAll(where: isWanted)
        }
        return taken
    }

    func advance(by duration: Duration) {
        let now = self.state.withLock { state in
            state.now = state.now + duration
            return state.now
        }
        for sleeper in self.take({ $0.deadline <= now }) { sleeper.continuation.resume() }
    }

    /// Waits until somebody sleeps, then moves to the earliest deadline.
    ///
    /// - Returns: how far the clock moved.
    @discardableResult
    func advanceToNextDeadline() async throws -> Duration {
        var next: MonotonicInstant?
        while next == nil {
            try await self.sleepers.wait { !$0.isEmpty }
            // Whoever slept may have been woken or cancelled just now.
            next = self.sleepers.all.map(\.deadline).min()
        }
        guard let deadline = next else { throw TimedOut() }
        let distance = max(.zero, deadline - self.now().monotonic)
        self.advance(by: distance)
        return distance
    }
}

/// An outbox that survives the delivery that works on it, as the one on the disk survives the process.
final class MemoryOutbox: Outbox {
    struct Failure: Error {}

    private struct State {
        var entries: [OutboxEntry] = []
        var nextID: Int64 = 1
        var isBroken = false
        var errors: [String] = []
    }

    private let state = Mutex(State())
    /// The number of entries that are left, after each that went.
    let finishes = Recorder<Int64>()

    var entries: [OutboxEntry] { self.state.withLock { $0.entries } }
    var errors: [String] { self.state.withLock { $0.errors } }

    @discardableResult
    func add(_ message: AlertMessage) -> Int64 {
        self.state.withLock { state in
            defer { state.nextID += 1 }
            state.entries.append(OutboxEntry(id: state.nextID, message: message, delivered: [], attempts: 0))
            return state.nextID
        }
    }

    func setBroken(_ isBroken: Bool) { self.state.withLock { $0.isBroken = isBroken } }

    private func change<Value: Sendable>(_ body: (inout State) -> Value) throws -> Value {
        try self.state.withLock { state in
            if state.isBroken { throw Failure() }
            return body(&state)
        }
    }

    func pending(limit: Int) throws -> [OutboxEntry] { try self.change { Array($0.entries.prefix(limit)) } }

    func delivered(_ id: Int64, channel: String) throws {
        try self.change { state in
            guard let index = state.entries.firstIndex(where: { $0.id == id }) else { return }
            state.entries[index].delivered.insert(channel)
        }
    }

    func failed(_ id: Int64, channel: String, error: String) throws {
        try self.change { state in
            state.errors.append(error)
            guard let index = state.entries.firstIndex(where: { $0.id == id }) else { return }
            state.entries[index].attempts += 1
        }
    }

    func finished(_ id: Int64) throws {
        try self.change { state in state.entries.removeAll { $0.id == id } }
        self.finishes.append(id)
    }
}

struct JournalLine: Hashable, Sendable {
    var message: String
    var priority: Int
    var fields: [String: String]
}

final class MemoryJournal: JournalSink {
    let lines = Recorder<JournalLine>()

    func write(_ message: String, priority: Int, fields: [String: String]) {
        self.lines.append(JournalLine(message: message, priority: priority, fields: fields))
    }
}

func alert(
    _ text: String, _ event: AlertEvent = .healingFailed, component: String? = "api", incident: Int64? = 1,
    severity: Severity = .high, channels: [String] = [], resolves: AlertEvent? = nil
) -> AlertMessage {
    AlertMessage(
        event: event, component: component, incident: incident, severity: severity, channels: channels, text: text,
        at: WallTime(microseconds: 1_795_215_845_000_123), resolves: resolves)
}
