import Synchronization

/// Hands the wanted set of units to the observer: one call at a time, in order, and of sets that were overtaken before
/// they could be handed over only the newest.
final class UnitWatching: Sendable {
    private struct Wanted {
        var units: Set<String>
        var requirers: Set<String>
    }

    private struct State {
        var wanted: Wanted?
        var isBusy = false
    }

    private let observer: any UnitObserver
    private let state = Mutex(State())

    init(observer: any UnitObserver) {
        self.observer = observer
    }

    /// Returns at once.
    func watch(_ units: Set<String>, requirementsOf requirers: Set<String>) {
        let begins = self.state.withLock { state in
            state.wanted = Wanted(units: units, requirers: requirers)
            defer { state.isBusy = true }
            return !state.isBusy
        }
        if begins { Task { await self.handOver() } }
    }

    private func handOver() async {
        while let wanted = self.next() {
            await self.observer.watch(wanted.units, requirementsOf: wanted.requirers)
        }
    }

    private func next() -> Wanted? {
        self.state.withLock { state in
            guard let wanted = state.wanted else {
                state.isBusy = false
                return nil
            }
            state.wanted = nil
            return wanted
        }
    }
}
