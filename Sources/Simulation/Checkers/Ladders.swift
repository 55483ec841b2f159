import Policy
import RecoveryEngine
import ResilienceCore

/// Steps are taken in their order, no oftener than they say, with their waits, and only where they treat the failure.
struct LadderIsFollowed: Checker {
    static let invariant = "the ladder is followed"

    private struct Position {
        var recovery: [Step]
        var step = 0
        var attempt = 0
        var lastAt: MonotonicInstant?
        var incident: Int64?
    }

    private var positions: [String: Position] = [:]
    /// When each component's ladder, used up, may begin again.
    private var rearmAt: [String: WallTime] = [:]

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .wallMoved(let duration): self.rearmAt = self.rearmAt.mapValues { $0 + duration }
        case .supervisorEnded(let lost):
            // What was lost with the power is lost to the ladder, too.
            for case .saveComponent(let name, _) in lost { self.positions[name] = nil }
        case .told(.operatorAsked(.resume(let component, _))):
            if let component { self.positions[component] = nil } else { self.positions = [:] }
        case .told(.policyLoaded):
            self.positions = self.positions.filter { knowledge.components[$0.key]?.recovery == $0.value.recovery }
        case .commitFailed(let effects):
            for case .record(let record) in effects { if let name = record.component { self.positions[name] = nil } }
        case .considered(.record(let record)):
            guard let name = record.component else { return nil }
            switch record.body {
            case .incidentRearmed: self.positions[name] = nil
            case .incidentResolved(_, .withdrawn): self.positions[name] = nil
            case .incidentExhausted(let rearmAt): self.rearmAt[name] = rearmAt
            case .incidentOpened(let opening):
                // A new round: nothing came shortly before, or the last round was used up long enough ago.
                let isRearmed = self.rearmAt[name].map { record.at >= $0 + .seconds(-2) } ?? false
                if opening.previous == nil || isRearmed { self.positions[name] = nil }
            case .actionIntended(let id, let action, let attempt, let step, _, _):
                if let request = knowledge.deciding[id], request.origin != .step { return nil }
                return self.take(id, action, attempt, step, of: name, record.incident, now, knowledge)
            default: break
            }
        default: break
        }
        return nil
    }

    private mutating func take(
        _ id: Int64, _ action: String, _ attempt: Int, _ step: Int, of name: String, _ incident: Int64?,
        _ now: MonotonicInstant, _ knowledge: Knowledge
    ) -> String? {
        guard let component = knowledge.components[name] else { return nil }
        let what = "action \(id) on \(name) (step \(step), attempt \(attempt))"
        guard component.recovery.indices.contains(step) else { return "\(what): there is no such step" }
        let rung = component.recovery[step]
        guard rung.strategy.action == action else { return "\(what): \(action) is not what the step says" }
        guard rung.attempts.allows(attempt), attempt >= 1 else { return "\(what): more attempts than it has" }
        if rung.when.selectsNothing { return "\(what): its condition selects nothing" }
        if let why = self.mistreats(rung, attempt, name, knowledge, at: now) { return "\(what): \(why)" }
        var position = self.positions[name] ?? Position(recovery: component.recovery)
        defer { self.positions[name] = position }
        let before = position
        position.step = step
        position.attempt = attempt
        position.lastAt = now
        position.incident = incident
        guard let lastAt = before.lastAt else { return nil }
        if step < before.step { return "\(what): step \(before.step) came before" }
        guard step == before.step else { return nil }
        if attempt <= before.attempt { return "\(what): attempt \(before.attempt) of it came before" }
        if before.incident == incident, rung.strategy.traits.isDisruptive {
            let least = rung.backoff.initial.scaled(by: 1 - rung.backoff.jitter) - .milliseconds(2)
            if now - lastAt < min(least, rung.backoff.max.scaled(by: 1 - rung.backoff.jitter)) {
                return "\(what): \(seconds(now - lastAt)) after the last one; its backoff is \(seconds(least)) at least"
            }
        }
        return nil
    }

    /// No check that fails, nor the incident's cause, is one that the step treats.
    private func mistreats(
        _ step: Step, _ attempt: Int, _ name: String, _ knowledge: Knowledge, at now: MonotonicInstant
    ) -> String? {
        guard step.when.categories == nil, step.when.reasons == nil, let incident = knowledge.incidents[name],
            !step.strategy.traits.treats(incident.cause.category, attempt: attempt)
        else { return nil }
        let component = knowledge.components[name]
        for check in component?.checks ?? [] where check.enabled {
            if knowledge.wasSilent(name, check, at: now) { return nil }
            guard let history = knowledge.checks[name]?[check.name] else { continue }
            if check.kind.isUnit, history.isFailing { return nil }
            guard let failure = history.lastFailure else { continue }
            if step.strategy.traits.treats(failure.category, attempt: attempt) { return nil }
        }
        return "\(step.strategy.action) does not treat \(incident.cause.category.rawValue)"
    }
}

extension Condition {
    /// A list that is given and empty matches nothing: it never means "all".
    var selectsNothing: Bool {
        self.categories?.isEmpty == true || self.reasons?.isEmpty == true || self.checks?.isEmpty == true
            || self.verdicts?.isEmpty == true
    }
}
