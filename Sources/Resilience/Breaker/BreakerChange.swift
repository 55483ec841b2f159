public import ResilienceCore
import Synchronization

/// One change of state of one breaker.
public struct BreakerChange: Hashable, Sendable {
    /// Its name.
    public let breaker: String
    /// From what, to what, why and when.
    public let transition: BreakerTransition
}

/// A breaker as an operator sees it.
public struct BreakerStatus: Hashable, Sendable {
    /// Its name.
    public let breaker: String
    /// What passes now.
    public let state: CallBreakerMachine.State
    /// How long until it lets trials pass; `nil` where it is not open by itself.
    public let triesAgainIn: Duration?
    /// How often in a row it opened without a recovery that held.
    public let level: Int
    /// Its last change; `nil` before the first.
    public let lastChange: BreakerTransition?
}

/// Hands changes to whoever listens. Each listener has a buffer of its own, of bounded size, which keeps the newest.
final class ChangeFeed: Sendable {
    private struct State {
        var next = 0
        var listeners: [Int: AsyncStream<BreakerChange>.Continuation] = [:]
    }

    private let state = Mutex(State())

    func stream(keepingNewest count: Int) -> AsyncStream<BreakerChange> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: BreakerChange.self, bufferingPolicy: .bufferingNewest(max(1, count)))
        let id = self.state.withLock { state in
            state.next += 1
            state.listeners[state.next] = continuation
            return state.next
        }
        continuation.onTermination = { [weak self] _ in self?.remove(id) }
        return stream
    }

    func publish(_ change: BreakerChange) {
        // Outside the lock: a listener that ends meanwhile takes it too.
        let listeners = self.state.withLock { Array($0.listeners.values) }
        for listener in listeners { listener.yield(change) }
    }

    var listenerCount: Int { self.state.withLock { $0.listeners.count } }

    private func remove(_ id: Int) { self.state.withLock { _ = $0.listeners.removeValue(forKey: id) } }

    deinit { self.state.withLock { for listener in $0.listeners.values { listener.finish() } } }
}
