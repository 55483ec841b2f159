import Synchronization

struct TimedOut: Error {}

/// Runs `operation`; throws `TimedOut` where it is not through within `limit`.
func within<Value: Sendable>(
    _ limit: Duration = .seconds(20), _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw TimedOut()
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() else { throw TimedOut() }
        return value
    }
}

/// A list that grows, and can be waited on.
final class Recorder<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var waiters: [(id: Int, isMet: @Sendable ([Element]) -> Bool, continuation: CheckedContinuation<Void, Never>)] =
            []
        var nextID = 0
    }

    private let state = Mutex(State())

    var all: [Element] { self.state.withLock { $0.elements } }

    func append(_ element: Element) { self.change { $0.append(element) } }

    func change(_ body: (inout [Element]) -> Void) {
        let met = self.state.withLock { state in
            body(&state.elements)
            let met = state.waiters.filter { $0.isMet(state.elements) }
            state.waiters.removeAll { waiter in met.contains { $0.id == waiter.id } }
            return met.map(\.continuation)
        }
        for continuation in met { continuation.resume() }
    }

    /// Waits until the list is as wanted.
    func wait(_ limit: Duration = .seconds(20), until isMet: @escaping @Sendable ([Element]) -> Bool) async throws {
        try await within(limit) {
            let id = self.state.withLock { state in
                state.nextID += 1
                return state.nextID
            }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isThere = self.state.withLock { state in
                        if isMet(state.elements) || Task.isCancelled { return true }
                        state.waiters.append((id, isMet, continuation))
                        return false
                    }
                    if isThere { continuation.resume() }
                }
            } onCancel: {
                let waiter = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
                    guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
                    return state.waiters.remove(at: index).continuation
                }
                waiter?.resume()
            }
        }
    }
}
