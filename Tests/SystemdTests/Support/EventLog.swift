import RecoveryEngine
import Synchronization

struct WaitedTooLong: Error, CustomStringConvertible {
    var description: String
}

/// Events in order of arrival, to be awaited.
final class EventLog: Sendable {
    private struct Waiter {
        var isMet: @Sendable ([Event]) -> Bool
        var continuation: CheckedContinuation<Bool, Never>
    }
    private struct State {
        var events: [Event] = []
        var waiters: [Int: Waiter] = [:]
        var next = 0
    }
    private let state = Mutex(State())

    func append(_ event: Event) {
        let met = self.state.withLock { state in
            state.events.append(event)
            let met = state.waiters.filter { $0.value.isMet(state.events) }
            for key in met.keys { state.waiters[key] = nil }
            return met.values.map(\.continuation)
        }
        for continuation in met { continuation.resume(returning: true) }
    }

    var all: [Event] { self.state.withLock { $0.events } }
    var count: Int { self.all.count }

    func observations(of unit: String, from: Int = 0) -> [UnitObservation] {
        self.all.dropFirst(from).compactMap { event in
            if case .unitObserved(unit, let observation) = event { observation } else { nil }
        }
    }

    /// The first observation of a unit, counted from an event on, that fits.
    func observation(
        of unit: String, from: Int = 0, within limit: Duration = .seconds(10),
        _ fits: @escaping @Sendable (UnitObservation) -> Bool
    ) async throws -> UnitObservation {
        try await self.wait(within: limit) { events in
            events.dropFirst(from).contains { event in
                if case .unitObserved(unit, let observation) = event { fits(observation) } else { false }
            }
        }
        guard let first = self.observations(of: unit, from: from).first(where: fits) else {
            throw WaitedTooLong(description: "no fitting observation")
        }
        return first
    }

    func wait(within limit: Duration = .seconds(10), _ isMet: @escaping @Sendable ([Event]) -> Bool) async throws {
        let key = self.state.withLock { state in
            state.next += 1
            return state.next
        }
        let timer = Task {
            try await Task.sleep(for: limit)
            self.state.withLock { $0.waiters.removeValue(forKey: key) }?.continuation.resume(returning: false)
        }
        // What was met when it was looked at counts, whatever has come since.
        let wasMet = await withCheckedContinuation { continuation in
            let isMetAlready = self.state.withLock { state in
                if isMet(state.events) { return true }
                state.waiters[key] = Waiter(isMet: isMet, continuation: continuation)
                return false
            }
            if isMetAlready { continuation.resume(returning: true) }
        }
        timer.cancel()
        guard wasMet else {
            throw WaitedTooLong(
                description:
                    "not within \(limit); seen:\n\(self.all.suffix(12).map(Self.brief).joined(separator: "\n"))")
        }
    }

    private static func brief(_ event: Event) -> String {
        guard case .unitObserved(let unit, let seen) = event else { return "\(event)" }
        return "\(unit) \(seen.loadState) \(seen.activeState) \(seen.subState) \(seen.result) pid \(seen.mainPID)"
            + " \(seen.invocationID ?? "-") job \(seen.job.map { "\($0.id) \($0.type) ours: \($0.isOurs)" } ?? "-")"
            + " stopped \(seen.stoppedByOther) started \(seen.startedByOther)"
    }
}
