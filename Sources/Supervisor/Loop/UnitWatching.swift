import Synchronization

/// Hands the wanted set of units to the observer: one call at a time, in order, and of sets that were overtaken before
/// they could be handed over only the newest.
final class UnitWatching: Sendable {
    private struct State {
        var wanted: Set<String>?
        var isBusy = false
    }

    private let observer: any UnitObserver
    private let state = Mutex(State())

    init(observer: any UnitObserver) {
        self.observer = observer
    }

    /// Returns at once.
    func watch(_ units: Set<String>) {
        let begins = self.state.withLock { state in
            state.wanted = units
            defer { state.isBusy = true }
            return !state.isBusy
        }
        if begins { Task { await self.handOver() } }
    }

    private func handOver() async {
        while let units = self.next() { await self.observer.watch(units) }
    }

    private func next() -> Set<String>? {
        self.state.withLock { state in
            guard let units = state.wanted else {
                state.isBusy = false
                return nil
            }
            state.wanted = nil
            return units
        }
    }
}
