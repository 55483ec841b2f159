import Resilience
import Synchronization

/// Closed until a test opens it; deaf to cancellation, as a call that ignores it is.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var arrived = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    /// Waits until the gate is open.
    func pass() async {
        await withCheckedContinuation { continuation in
            let (isOpen, watchers) = self.state.withLock { state in
                state.arrived += 1
                let arrived = state.arrived
                let watchers = state.watchers.filter { $0.count <= arrived }.map(\.continuation)
                state.watchers.removeAll { $0.count <= arrived }
                if !state.isOpen { state.waiting.append(continuation) }
                return (state.isOpen, watchers)
            }
            for watcher in watchers { watcher.resume() }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = self.state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.resume() }
    }

    /// Returns when so many have come to the gate.
    func arrivals(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isSo = self.state.withLock { state in
                if state.arrived >= count { return true }
                state.watchers.append((count, continuation))
                return false
            }
            if isSo { continuation.resume() }
        }
    }
}

/// Lets other tasks run until something holds, for what no one can be told of; gives up after many turns.
func eventually(_ holds: () -> Bool) async -> Bool {
    for _ in 0..<100_000 {
        if holds() { return true }
        await Task.yield()
    }
    return holds()
}

/// A number that tasks share.
final class Count: Sendable {
    private let number = Mutex(0)
    var value: Int { self.number.withLock { $0 } }
    @discardableResult func add(_ change: Int = 1) -> Int {
        self.number.withLock {
            $0 += change
            return $0
        }
    }
}

/// The service that a test calls is down.
struct Down: Error {}

/// An answer with a status.
struct Answered: HTTPStatusError {
    var httpStatus: Int
    var retryAfter: Duration?
}
