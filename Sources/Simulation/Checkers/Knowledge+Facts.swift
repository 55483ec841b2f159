import Policy
import RecoveryEngine
import ResilienceCore

/// Where an action comes from.
enum ActionOrigin: Hashable, Sendable {
    /// A step of the ladder.
    case step
    /// It takes back what a step did that did not help.
    case undo
    /// It was planned: going back to the own unit, the trial of an isolated one.
    case plan
    /// What was lent is given back, and the like; nothing waits for it.
    case aside
}

extension ActionRequest {
    var origin: ActionOrigin {
        guard self.strategy == nil else { return .step }
        if self.isOfHost || self.drill != nil { return .aside }
        switch self.order {
        case .switchRelease: return .undo
        case .isolate: return .undo
        case .failOver(let order): return order.isPutBack ? .undo : .plan
        case .tryIsolated: return .plan
        case .unlimit, .endIsolation, .switchEndpoint: return .aside
        // The load asked for it.
        case .start, .stop, .limit: return .plan
        case .restartAfterwards, .clearCache, nil: return .step
        }
    }

    /// The load asked for it, and a load that asks for nothing more.
    var isForLoad: Bool { self.origin == .plan && self.action.hasPrefix("SCALE_") }

    /// Every unit that it touches.
    var touched: Set<String> {
        // The repair of what a drill broke does not wait for the answer to the signal.
        if self.drill != nil { return [] }
        var units = Set([self.unit].compactMap { $0 })
        switch self.order {
        case .restartAfterwards(let others), .start(let others), .stop(let others): units.formUnion(others)
        case .failOver(let order): units.formUnion([order.from, order.to])
        case .clearCache, .switchRelease, .switchEndpoint, .isolate, .tryIsolated, .endIsolation, nil: break
        // Limits neither stop nor start anything.
        case .limit, .unlimit: break
        }
        return units
    }
}

// Which unit is active, and what else the engine has written down of single actions.
extension Knowledge {
    /// The unit that runs for a component: its own, or the one that took over.
    func activeUnit(of component: Component) -> String? {
        guard let active = self.facts[component.name]?.active, component.members.contains(active) else {
            return component.unit
        }
        return active
    }

    func activeUnit(of name: String) -> String? { self.components[name].flatMap { self.activeUnit(of: $0) } }

    mutating func noteFacts(_ facts: SavedFacts?, of name: String) {
        let before = self.activeUnit(of: name)
        self.facts[name] = facts
        if before != self.activeUnit(of: name) { self.lookAnew(name) }
    }

    /// Another unit is looked at from now on.
    mutating func lookAnew(_ name: String) {
        let after = self.activeUnit(of: name)
        self.stopped.remove(name)
        for check in self.components[name]?.checks ?? [] where check.enabled {
            guard case .unit(let rule) = check.kind else { continue }
            self.checks[name]?[check.name] = nil
            guard let seen = after.flatMap({ self.units[$0] }), !seen.isDoubtful else { continue }
            let passes = rule.states.contains(seen.observation.activeState.rawValue)
            var history = CheckHistory()
            history.failuresInRow = passes ? 0 : 1
            history.recent = [!passes]
            history.lastAt = self.startedAt
            self.checks[name, default: [:]][check.name] = history
        }
    }
}
