import Policy
import RecoveryEngine
import ResilienceCore

/// No step is taken for a component while a window of the policy is open for it.
struct WindowsAreKept: Checker {
    static let invariant = "maintenance windows are kept"

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        guard case .considered(.record(let record)) = fact, case .actionIntended(let id, _, _, _, _, _) = record.body,
            let component = record.component.flatMap({ knowledge.components[$0] })
        else { return nil }
        if case .takeBack = knowledge.deciding[id]?.drill { return nil }
        for window in knowledge.policy.maintenance where window.concerns(component) {
            guard let end = window.end(at: record.at, offset: { _ in 0 }) else { continue }
            return "action \(id) on \(component.name) \(seconds(end - record.at)) before the end of \(window.name)"
        }
        return nil
    }
}
