import Synchronization

/// A clock on which sleepers really wait until a test moves it on. A test waits for the sleepers to have lain down.
final class ManualClock: Clock, Sendable {
    typealias Instant = TestClock.Instant

    private struct Sleeper {
        let deadline: Instant
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = Instant(offset: .zero)
        var next = 0
        var sleepers: [Int: Sleeper] = [:]
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

        /// Those who waited for so many sleepers as there are now.
        mutating func satisfied() -> [CheckedContinuation<Void, Never>] {
            let count = self.sleepers.count
            defer { self.watchers.removeAll { $0.count == count } }
            return self.watchers.filter { $0.count == count }.map(\.continuation)
        }
    }

    private let state = Mutex(State())
    var now: Instant { self.state.withLock { $0.now } }
    var minimumResolution: Duration { .nanoseconds(1) }
    /// Until when the sleepers sleep, the first to wake first.
    var deadlines: [Instant] { self.state.withLock { $0.sleepers.values.map(\.deadline).sorted() } }
    var sleepers: Int { self.state.withLock { $0.sleepers.count } }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = self.state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let (result, watchers) = self.state.withLock {
                    state -> (Result<Void, any Error>?, [CheckedContinuation<Void, Never>]) in
                    if Task.isCancelled { return (.failure(CancellationError()), []) }
                    if deadline <= state.now { return (.success(()), []) }
                    state.sleepers[id] = Sleeper(deadline: deadline, continuation: continuation)
                    return (nil, state.satisfied())
                }
                for watcher in watchers { watcher.resume() }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let (sleeper, watchers) = self.state.withLock { state in
                (state.sleepers.removeValue(forKey: id), state.satisfied())
            }
            sleeper?.continuation.resume(throwing: CancellationError())
            for watcher in watchers { watcher.resume() }
        }
    }

    /// Moves on and wakes whose time has come.
    func advance(by duration: Duration) {
        let (due, watchers) = self.state.withLock { state in
            state.now.offset += duration
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return (due.sorted { $0.value.deadline < $1.value.deadline }.map(\.value), state.satisfied())
        }
        for sleeper in due { sleeper.continuation.resume() }
        for watcher in watchers { watcher.resume() }
    }

    /// Returns when exactly so many sleep.
    func sleeping(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isSo = self.state.withLock { state in
                if state.sleepers.count == count { return true }
                state.watchers.append((count, continuation))
                return false
            }
            if isSo { continuation.resume() }
        }
    }
}
