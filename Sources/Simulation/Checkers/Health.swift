import Policy
import RecoveryEngine
import ResilienceCore

/// What has truly been well for longer than it takes to see that is not touched.
struct HealthyIsLeftAlone: Checker {
    static let invariant = "what is well is left alone"
    private var wellSince: [String: MonotonicInstant] = [:]
    /// Since when the supervisor has been seeing clearly.
    private var clearSince = MonotonicInstant(nanoseconds: 0)

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .truth(let component, let isWell): self.wellSince[component] = isWell ? now : nil
        case .supervisorStarted, .told(.stalled), .told(.unitsUnknown), .told(.policyLoaded): self.clearSince = now
        // What is planned is done to one that is well, or stands still on purpose.
        case .considered(.act(let request)) where knowledge.isDisruptive(request) && request.origin != .plan:
            guard let since = self.wellSince[request.component],
                let component = knowledge.components[request.component]
            else { return nil }
            let clear = max(since, self.clearSince)
            var patience = Duration.milliseconds(600)
            for check in component.checks where check.enabled {
                let round = check.interval.scaled(by: 1 + check.jitter) + check.timeout
                patience = max(patience, .milliseconds(600) + round * (check.rise + 1))
                if case .heartbeat(let rule) = check.kind { patience += rule.every }
            }
            if now - clear > patience {
                return "action \(request.id) on \(component.name), well for \(seconds(now - since))"
            }
        default: break
        }
        return nil
    }
}

/// Every check keeps its own pace: no other check, action or pause makes it late, and none makes it hammer.
struct ChecksKeepTheirPace: Checker {
    static let invariant = "checks keep their pace"
    private var asked: [String: [String: MonotonicInstant]] = [:]
    private var disturbedAt = MonotonicInstant(nanoseconds: 0)
    private var burst: [String: [String: Int]] = [:]
    private static let slack = Duration.milliseconds(300)

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .supervisorStarted, .supervisorEnded, .told(.policyLoaded), .told(.stalled):
            self.asked = [:]
            self.burst = [:]
            self.disturbedAt = now
        case .told(.deadline): return self.findLate(now, knowledge)
        case .told(.unitObserved(let unit, _)):
            // A new process is looked at at once.
            for component in knowledge.policy.components where component.members.contains(unit) {
                self.burst[component.name] = nil
            }
        case .considered(.probe(let request)):
            let name = request.component
            defer { self.asked[name, default: [:]][request.check.name] = now }
            if knowledge.components[name]?.checks.contains(request.check) != true {
                return "\(name)/\(request.check.name) is asked for, and no policy has it"
            }
            if !request.check.kind.isProbed { return "\(name)/\(request.check.name) is probed; events drive it" }
            if !request.check.enabled { return "\(name)/\(request.check.name) is disabled" }
            guard let last = self.asked[name]?[request.check.name] else { return nil }
            let least = request.check.fastInterval.scaled(by: 0.9 * (1 - request.check.jitter))
            // Being asked anew by an operator, a look before an action or a new start may come in between.
            let count = now - last < least ? (self.burst[name]?[request.check.name] ?? 0) + 1 : 0
            self.burst[name, default: [:]][request.check.name] = count
            return count > 6 ? "\(name)/\(request.check.name) is asked \(count) times without a pause" : nil
        default: break
        }
        return nil
    }

    private func findLate(_ now: MonotonicInstant, _ knowledge: Knowledge) -> String? {
        for component in knowledge.policy.components {
            for check in component.checks where check.enabled && check.kind.isProbed {
                let last = self.asked[component.name]?[check.name] ?? self.disturbedAt
                let most = check.interval.scaled(by: 1 + check.jitter) + check.timeout + Self.slack
                if now - max(last, self.disturbedAt) > most {
                    return "\(component.name)/\(check.name) was not asked for \(seconds(now - last)); "
                        + "its interval is \(seconds(check.interval))"
                }
            }
        }
        return nil
    }
}

/// After the last disturbance everything that can be healed is, within the scenario's patience; what cannot ends given
/// up, with an alert.
struct EverythingIsHealed: Checker {
    static let invariant = "everything ends healed or given up with an alert"
    private var gaveUp: Set<Int64> = []
    private var told: Set<Int64> = []

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .considered(.record(let record)):
            if case .incidentExhausted = record.body, let id = record.incident { self.gaveUp.insert(id) }
        case .considered(.alert(let message)):
            if message.event == .healingFailed, let id = message.incident { self.told.insert(id) }
        case .ended(_, _, let settled):
            let silent = self.gaveUp.subtracting(self.told).sorted()
            if !silent.isEmpty { return "given up without an alert: incidents \(silent)" }
            if !settled {
                let open = knowledge.incidents.sorted { $0.key < $1.key }.map { name, incident in
                    "\(name) (#\(incident.id)\(incident.isExhausted ? ", given up" : ""))"
                }
                return "not settled at the end; open: \(open.joined(separator: ", ")); "
                    + "in flight: \(knowledge.inFlight.keys.sorted())"
            }
        default: break
        }
        return nil
    }
}

/// The engine asks to be woken at times that come, and not for ever at one.
struct EngineIsCalm: Checker {
    static let invariant = "the engine does not spin"
    private var lastAt = MonotonicInstant(nanoseconds: 0)
    private var count = 0
    private var watched: Set<String> = []
    private var shed: Set<String> = []

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .told(.deadline):
            self.count = now - self.lastAt < .milliseconds(1) ? self.count + 1 : 0
            self.lastAt = now
            if self.count > 20 { return "woken \(self.count) times within a few milliseconds" }
        case .supervisorStarted(_, let restored):
            self.shed = Set(restored.host.degradation?.units.keys.map(\.self) ?? [])
        case .considered(.saveHost(let host)):
            self.shed.formUnion(host.degradation?.units.keys.map(\.self) ?? [])
        case .considered(.watchUnits(let units, _)):
            let wanted = Set(knowledge.policy.components.flatMap(\.watchedUnits))
                .union(knowledge.policy.degradation?.allUnits.map(\.unit) ?? [])
            // What an earlier policy has taken away is watched until it is given back.
            if !units.isSuperset(of: wanted) || !units.subtracting(wanted).isSubset(of: self.shed) {
                return "watches \(units.sorted()); the policy has \(wanted.sorted())"
            }
        default: break
        }
        return nil
    }
}
