import Policy
import RecoveryEngine
import ResilienceCore

/// A rollback goes only to a release that was seen to be good for as long as the policy asks, and never to one that a
/// rollback showed to be bad.
struct RollbacksAreSound: Checker {
    static let invariant = "rollbacks are sound"
    private var current: [String: String] = [:]
    /// How long nothing was seen to fail with each release, by link and release.
    private var well: [String: [String: Duration]] = [:]
    private var lastLook: [String: MonotonicInstant] = [:]
    private var bad: [String: Set<String>] = [:]
    private var switches: [Int64: ReleaseSwitch] = [:]

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .told(.probeFinished), .told(.unitObserved), .told(.deadline), .told(.releaseSeen):
            for component in knowledge.policy.components { self.count(component, now, knowledge) }
        case .supervisorEnded: self.lastLook = [:]
        case .supervisorStarted: self.switches = [:]
        case .considered(.reconcile(let request)):
            if case .switchRelease(let change) = request.order, !change.isPutBack { self.switches[request.id] = change }
        case .releaseInstalled(let link, let release):
            for component in knowledge.policy.components { self.count(component, now, knowledge) }
            self.current[link] = release
        case .considered(.record(let record)):
            guard case .verification(let id, succeeded: true, _) = record.body, let change = self.switches[id] else {
                return nil
            }
            // It has to prove itself anew.
            self.bad[change.policy.current, default: []].insert(change.from)
            self.well[change.policy.current]?[change.from] = nil
        case .considered(.act(let request)):
            guard case .switchRelease(let change) = request.order, !change.isPutBack else { return nil }
            self.switches[request.id] = change
            return self.judge(change, request)
        default: break
        }
        return nil
    }

    /// Adds the time until now to the release that is current.
    private mutating func count(_ component: Component, _ now: MonotonicInstant, _ knowledge: Knowledge) {
        guard let policy = component.facts.release, self.looksWell(component, knowledge) else {
            self.lastLook[component.name] = nil
            return
        }
        defer { self.lastLook[component.name] = now }
        guard let last = self.lastLook[component.name] else { return }
        let release = self.current[policy.current] ?? "r1"
        let time = (self.well[policy.current]?[release] ?? .zero) + (now - last)
        self.well[policy.current, default: [:]][release] = time
        if self.isLongEnough(time, policy.goodAfter) { self.bad[policy.current]?.remove(release) }
    }

    private func looksWell(_ component: Component, _ knowledge: Knowledge) -> Bool {
        guard knowledge.isRunning, knowledge.incidents[component.name] == nil,
            !knowledge.stopped.contains(component.name)
        else { return false }
        // Members of a composite may fail while the rule over them holds.
        return (knowledge.checks[component.name] ?? [:]).allSatisfy { name, history in
            !history.isFailing || component.membersOfComposites.contains(name)
        }
    }

    /// A process that is restarted for a new release may count for the one before until it is gone.
    private func isLongEnough(_ time: Duration?, _ needed: Duration) -> Bool {
        (time ?? .zero) >= needed.scaled(by: 0.9) - .seconds(1)
    }

    private func judge(_ change: ReleaseSwitch, _ request: ActionRequest) -> String? {
        let what = "\(request.component): action \(request.id) goes from \(change.from) to \(change.to)"
        if change.from == change.to { return "\(what), which is the same" }
        if self.bad[change.policy.current]?.contains(change.to) == true { return "\(what), which is known to be bad" }
        let time = self.well[change.policy.current]?[change.to]
        guard self.isLongEnough(time, change.policy.goodAfter) else {
            return "\(what), which was well for \(seconds(time ?? .zero)) only"
        }
        return nil
    }
}

/// What takes a step back follows that step, in its incident, and takes it back once.
struct UndoFollowsStep: Checker {
    static let invariant = "what is taken back was done"
    /// Steps that can be taken back, by component; what was lost with the power is forgotten.
    private var steps: [String: ActionRequest] = [:]
    private var undone: [Int64: Int64] = [:]

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .considered(.reconcile(let request)):
            if request.origin != .undo { self.steps[request.component] = request }
        case .told(.actionFinished(let id, let outcome)) where outcome.result == .refused:
            // It was not taken back yet.
            if let step = self.undone[id] { self.undone = self.undone.filter { $0.value != step } }
        case .considered(.act(let request)):
            switch request.origin {
            case .step, .plan: self.steps[request.component] = request
            case .aside: break
            case .undo: return self.judge(request)
            }
        default: break
        }
        return nil
    }

    private mutating func judge(_ request: ActionRequest) -> String? {
        let what = "\(request.component): action \(request.id) takes back"
        guard let step = self.steps[request.component], step.action == request.action else {
            return "\(what) \(request.action), which did not come last"
        }
        // What was planned belongs to no incident, and is taken back in the one that follows.
        if step.incident != request.incident, step.origin != .plan {
            return "\(what) what was done in another incident"
        }
        if self.undone.values.contains(step.id) { return "\(what) action \(step.id), which was taken back already" }
        self.undone[request.id] = step.id
        switch (step.order, request.order) {
        case (.failOver(let there), .failOver(let back)):
            return there.from == back.to && there.to == back.from ? nil : "\(what) something else"
        case (.switchRelease(let there), .switchRelease(let back)):
            return there.from == back.to && there.to == back.from ? nil : "\(what) something else"
        case (.tryIsolated, .isolate): return nil
        default: return "\(what) what cannot be taken back"
        }
    }
}
