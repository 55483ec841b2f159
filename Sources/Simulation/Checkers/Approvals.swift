import Policy
import RecoveryEngine
import ResilienceCore

/// Where the policy asks for approval, an action is one that an operator agreed to, in time, and no other.
struct ActionsAreApproved: Checker {
    static let invariant = "what needs approval has it"
    /// What waits for an operator, by number, and until when; `nil` where clocks were moved and nobody can say.
    private var asked: [Int64: MonotonicInstant?] = [:]
    private var approved: Set<Int64> = []

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        // An action that was decided and never written down: the leave for it, which was, still stands.
        case .supervisorEnded(let lost):
            for case .record(let record) in lost {
                if case .actionIntended(let id, _, _, _, _, _) = record.body { self.approved.insert(id) }
            }
        case .wallMoved: self.asked = self.asked.mapValues { _ in nil }
        case .told(.operatorAsked(.approve(let id, _, _))):
            if self.asked[id] != nil { self.approved.insert(id) }
        case .considered(.record(let record)):
            switch record.body {
            case .approvalAsked(let id, _, _, _, _, _):
                let patience = record.component.flatMap { knowledge.components[$0]?.approvalExpires } ?? .zero
                self.asked[id] = .some(now + patience)
                self.approved.remove(id)
            case .approvalDecided(let id, let decision, _, _) where decision != .approved:
                self.asked[id] = nil
                self.approved.remove(id)
            default: break
            }
        // Taking back what was approved, and what else the policy plans, asks nobody again.
        case .considered(.act(let request)) where request.origin == .step || request.isForLoad:
            guard knowledge.components[request.component]?.mode == .approve,
                request.strategy?.traits.needsApproval ?? true
            else { return nil }
            let what = "action \(request.id) on \(request.component)"
            guard self.approved.remove(request.id) != nil else { return "\(what), which nobody approved" }
            // What was written down is rounded to microseconds.
            if let until = self.asked.removeValue(forKey: request.id) ?? nil, now > until + .milliseconds(1) {
                return "\(what) \(seconds(now - until)) after its approval has expired"
            }
        default: break
        }
        return nil
    }
}
