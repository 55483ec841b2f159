import Policy
import RecoveryEngine
import ResilienceCore

/// Nothing is done about a component while something it needs is surely down: that is repaired first.
struct DependentsWait: Checker {
    static let invariant = "dependents wait for their dependency"

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        guard case .considered(.act(let request)) = fact, knowledge.isDisruptive(request) else { return nil }
        for needed in knowledge.suspects(of: request.component).sorted() {
            guard knowledge.incidents[needed] != nil, knowledge.isSurelyDown(needed) else { continue }
            return "action \(request.id) on \(request.component) while \(needed), which it needs, is down"
        }
        return nil
    }
}

/// A root cause that is named is one: the component needs it, it fails itself, and nothing it needs explains it.
struct RootCauseIsTrue: Checker {
    static let invariant = "the root cause is true"

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        guard case .considered(.record(let record)) = fact, let name = record.component else { return nil }
        let root: String
        switch record.body {
        case .incidentSuppressed(rootCause: let named?): root = named
        case .incidentOpened(let opening):
            guard let named = opening.rootCause else { return nil }
            root = named
        default: return nil
        }
        guard knowledge.dependencies(of: name).contains(root) else {
            return "\(name) is said to suffer from \(root), which it does not need"
        }
        let isDown =
            knowledge.incidents[root] != nil || knowledge.stopped.contains(root)
            || (knowledge.checks[root] ?? [:]).values.contains(where: \.isFailing)
            // Something planned is being done to it.
            || knowledge.deciding.merging(knowledge.inFlight) { new, _ in new }.values.contains { $0.component == root }
            || knowledge.units[knowledge.activeUnit(of: root) ?? ""]?.observation.activeState != .active
        guard isDown else { return "\(name) is said to suffer from \(root), which is well" }
        if let deeper = knowledge.incidents[root]?.rootCause, knowledge.suspects(of: root).contains(deeper),
            knowledge.incidents[deeper] != nil,
            knowledge.isSurelyDown(deeper)
        {
            return "\(name) is said to suffer from \(root), which itself suffers from \(deeper)"
        }
        return nil
    }
}
