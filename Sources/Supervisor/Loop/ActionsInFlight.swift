import RecoveryEngine
import ResilienceCore

/// Actions that were started and have not ended, each with the time by which it must have.
///
/// A runner promises to come back within an action's timeout. One that does not must not hold its component for ever.
struct ActionsInFlight {
    /// Beyond this, actions are refused: the engine's own limits lie far below.
    static let most = 256
    /// A timed-out action may be killed and tried once more within itself, and the bus takes its time.
    static let margin = Duration.seconds(10)

    private struct Entry {
        var request: ActionRequest
        var deadline: MonotonicInstant
    }

    private var entries: [Int64: Entry] = [:]

    var count: Int { self.entries.count }

    mutating func began(_ request: ActionRequest, at now: MonotonicInstant) {
        let deadline = now + request.timeout.scaled(by: 2) + Self.margin
        self.entries[request.id] = Entry(request: request, deadline: deadline)
    }

    /// - Returns: `false` where it was not in flight (any more): the outcome counts only once.
    mutating func ended(_ id: Int64) -> Bool {
        self.entries.removeValue(forKey: id) != nil
    }

    /// Actions whose runner did not come back in time, in the order of their numbers; they are in flight no longer.
    mutating func overdue(at now: MonotonicInstant) -> [ActionRequest] {
        guard self.entries.contains(where: { $0.value.deadline <= now }) else { return [] }
        let overdue = self.entries.values.filter { $0.deadline <= now }.map(\.request).sorted { $0.id < $1.id }
        for request in overdue { self.entries[request.id] = nil }
        return overdue
    }

    var nextDeadline: MonotonicInstant? { self.entries.values.map(\.deadline).min() }
}
