import Policy
import RecoveryEngine
import ResilienceCore

/// A cache is emptied only while its unit is down, and by our stop where it ran.
struct CacheIsEmptiedWhileDown: Checker {
    static let invariant = "a cache is emptied while its unit is down"
    private var stoppedFor: Set<Int64> = []

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        // What an earlier run of the supervisor found stopped, or stopped, it has left so.
        case .stepTaken(let request, .stop), .reconcileBegun(let request): self.stoppedFor.insert(request.id)
        case .cacheEmptied(let request, let isDown):
            let what = "\(request.component): action \(request.id) empties the cache"
            if !isDown { return "\(what) of a unit that runs" }
            if !self.stoppedFor.contains(request.id) { return "\(what) of a unit that it did not stop" }
        default: break
        }
        return nil
    }
}

/// The unit that was stopped to empty its cache is started again before the action is over, whoever died meanwhile.
struct StoppedForCacheIsStarted: Checker {
    static let invariant = "what was stopped for its cache is started again"
    private var stopped: [Int64: String] = [:]
    private var running: Set<String> = []
    private var isBusLost = false

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .processBegan(let unit, _, _):
            self.running.insert(unit)
            self.stopped = self.stopped.filter { $0.value != unit }
        case .processEnded(let unit, _): self.running.remove(unit)
        case .stepTaken(let request, .stop(let unit, _)):
            guard case .clearCache = request.order, self.running.contains(unit) else { return nil }
            self.stopped[request.id] = unit
        // A start by somebody else, or a barrier, stands in its way; then the outcome says so.
        case .stepTaken(let request, .start): self.stopped[request.id] = nil
        case .told(.actionFinished(let id, let outcome)):
            guard let unit = self.stopped.removeValue(forKey: id), !self.running.contains(unit) else { return nil }
            return "action \(id) is over (\(outcome.result.rawValue)) with \(unit) stopped by it"
        default: break
        }
        return nil
    }
}

/// Instances stay between `min` and `max`, change by `step` at most, and not within the cooldown.
struct InstancesStayInBounds: Checker {
    static let invariant = "instances stay in bounds"
    private var changedAt: [String: MonotonicInstant] = [:]
    private var scaling: [Int64: ActionRequest] = [:]

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .told(.actionFinished(let id, let outcome)):
            guard let request = self.scaling.removeValue(forKey: id), outcome.result == .succeeded else { return nil }
            self.changedAt[request.component] = now
        case .wallMoved, .supervisorEnded:
            self.changedAt = [:]
            self.scaling = [:]
        case .considered(.forgetComponent(let name)): self.changedAt[name] = nil
        case .considered(.act(let request)):
            guard request.action.hasPrefix("SCALE"), let component = knowledge.components[request.component],
                let scale = component.facts.scale
            else { return nil }
            self.scaling[request.id] = request
            if let last = self.changedAt[component.name], now - last < scale.cooldown - .milliseconds(1) {
                return "\(component.name) is scaled \(seconds(now - last)) after the last time"
            }
            return self.judge(request, component, scale, knowledge)
        default: break
        }
        return nil
    }

    private func judge(
        _ request: ActionRequest, _ component: Component, _ scale: ScalePolicy, _ knowledge: Knowledge
    ) -> String? {
        guard case .instances(_, let least, let most, let step) = scale.kind else { return nil }
        let running = Set(
            component.instances.filter { unit in
                guard let state = knowledge.units[unit]?.observation.activeState else { return false }
                return state != .inactive && state != .failed
            })
        let units: [String]
        let after: Int
        switch request.order {
        case .start(let started): (units, after) = (started, running.union(started).count)
        case .stop(let stopped): (units, after) = (stopped, running.subtracting(stopped).count)
        default: return "\(component.name): action \(request.id) scales nothing"
        }
        let what = "\(component.name): action \(request.id) leaves \(after) of \(running.count) instances"
        if units.isEmpty || units.count > step { return "\(what), \(units.count) at once; \(step) are allowed" }
        if !Set(units).isSubset(of: component.instances) { return "\(what) and touches others" }
        if case .stop = request.order { return after < least ? "\(what); \(least) are kept" : nil }
        return after > most ? "\(what); \(most) are allowed" : nil
    }
}

/// In the end everybody has everything back, and everything can be started, but for what still is isolated or reduced by
/// a component that is not well. What could not be given back was told to people.
struct WhatWasLentComesBack: Checker {
    static let invariant = "what was lent comes back"
    private var told: Set<String> = []
    /// One that a level has frozen could not be thawed.
    private var isHostTold = false

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .considered(.alert(let message)):
            guard message.event == .healingFailed else { return nil }
            if let name = message.component { self.told.insert(name) } else { self.isHostTold = true }
        case .left(let barred, let reduced):
            var mayBeBarred: Set<String> = []
            // What the level in force has frozen; a unit that could not be thawed was told of.
            let frozen = knowledge.policy.degradation?.units(at: knowledge.level).filter { $0.way == .freeze }
            var mayBeReduced = Set((frozen ?? []).map(\.unit)).intersection(
                knowledge.shed.filter { $0.value.hold != .left && $0.value.hold != .resting }.keys)
            if self.isHostTold { mayBeReduced.formUnion(knowledge.shed.keys) }
            for component in knowledge.policy.components {
                // Limits of its own that SCALE_UP has raised stay while the policy says so.
                if case .properties = component.facts.scale?.kind { mayBeReduced.formUnion(component.members) }
                let facts = knowledge.facts[component.name]
                for load in facts?.reducedLoads ?? [] { mayBeReduced.formUnion(load.units) }
                if facts?.isolatedUntil != nil { mayBeBarred.formUnion(component.members) }
            }
            let isBarred = barred.subtracting(mayBeBarred).sorted()
            if !isBarred.isEmpty { return "nobody can start \(isBarred)" }
            let isReduced = reduced.subtracting(mayBeReduced).sorted()
            if !isReduced.isEmpty { return "\(isReduced) never got everything back" }
        default: break
        }
        return nil
    }
}

/// What is done aside is tried again in time, and not again and again at once.
struct AsidesAreCalm: Checker {
    static let invariant = "what is done aside is done calmly"
    private var last: [String: (order: ActionOrder, at: MonotonicInstant)] = [:]
    private var actions: [Int64: String] = [:]

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .supervisorStarted, .told(.policyLoaded): self.last = [:]
        case .told(.actionFinished(let id, let outcome)):
            if let key = self.actions.removeValue(forKey: id), outcome.result == .succeeded { self.last[key] = nil }
        case .considered(.act(let request)) where request.origin == .aside && request.drill == nil:
            guard let order = request.order else { return "action \(request.id) has no order" }
            let key = "\(request.component) \(describe(order))"
            defer {
                self.last[key] = (order, now)
                self.actions[request.id] = key
            }
            if knowledge.isUnrecorded, knowledge.components[request.component] != nil {
                return "action \(request.id) on \(request.component) while nothing can be recorded"
            }
            if knowledge.components[request.component] != nil, knowledge.isPaused(request.component, at: now) {
                return "action \(request.id) on \(request.component) while paused"
            }
            guard let before = self.last[key], now - before.at < .seconds(20) else { return nil }
            return "action \(request.id) on \(request.component) \(seconds(now - before.at)) after the same in vain"
        default: break
        }
        return nil
    }
}
