import Policy
import RecoveryEngine
import ResilienceCore

/// A unit that is isolated is left alone until its trial, which comes no sooner than the policy says, or when an operator
/// asks for it.
struct IsolationHolds: Checker {
    static let invariant = "an isolated unit waits for its trial"
    /// Since when components are isolated, and for how long.
    private var isolated: [String: (since: MonotonicInstant, openFor: Duration)] = [:]
    private var isClockDoubtful = false

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .wallMoved: self.isClockDoubtful = true
        case .told(.operatorAsked(.resume(let name, _))): if let name { self.isolated[name]?.openFor = .zero }
        case .supervisorStarted(_, let restored):
            self.isolated = self.isolated.filter { restored.components[$0.key]?.facts?.isolatedUntil != nil }
        case .considered(.forgetComponent(let name)): self.isolated[name] = nil
        case .considered(.saveComponent(let name, let saved)):
            let isIsolated = saved.facts?.isolatedUntil != nil
            if !isIsolated { self.isolated[name] = nil }
            guard isIsolated, self.isolated[name] == nil else { return nil }
            self.isolated[name] = (now, knowledge.components[name]?.facts.isolate?.openFor ?? .zero)
        case .considered(.record(let record)): return self.judgeIntent(record, now, knowledge)
        case .processBegan(let unit, .us, _):
            for (name, facts) in knowledge.facts where facts.isolatedUntil != nil {
                if knowledge.activeUnit(of: name) == unit { return "\(unit) is started while \(name) is isolated" }
            }
        default: break
        }
        return nil
    }

    /// The intent comes before what is written down of the change.
    private func judgeIntent(_ record: AuditRecord, _ now: MonotonicInstant, _ knowledge: Knowledge) -> String? {
        guard case .actionIntended(let id, _, _, _, .some, _) = record.body, let name = record.component,
            let isolation = self.isolated[name], let request = knowledge.deciding[id], request.origin != .aside
        else { return nil }
        guard request.order == .tryIsolated else { return "action \(id) on \(name), which is isolated" }
        let lasted = now - isolation.since
        if lasted < isolation.openFor - .milliseconds(5), !self.isClockDoubtful {
            return "\(name) gets its trial after \(seconds(lasted)); it is isolated for \(seconds(isolation.openFor))"
        }
        return nil
    }
}

/// A stop of ours is never taken for an operator's, which would leave the unit down.
struct OwnStopsAreKnown: Checker {
    static let invariant = "our own stops are known as ours"
    private var stoppedByUs: Set<String> = []

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .processEnded(let unit, let hand):
            if hand == .us { self.stoppedByUs.insert(unit) } else { self.stoppedByUs.remove(unit) }
        case .processBegan(let unit, _, _): self.stoppedByUs.remove(unit)
        case .considered(.record(let record)):
            guard case .timeCounts(false, let why) = record.body, why.hasSuffix("by an operator"),
                let name = record.component,
                let unit = knowledge.activeUnit(of: name), self.stoppedByUs.contains(unit),
                knowledge.units[unit]?.observation.stoppedByOther != true
            else { return nil }
            return "\(name): \(unit), which we stopped, is said to be stopped by an operator"
        default: break
        }
        return nil
    }
}
