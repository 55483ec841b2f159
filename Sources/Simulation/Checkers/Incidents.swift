import Policy
import RecoveryEngine
import ResilienceCore

/// An incident opens only on as many failures as the policy asks for, all seen by this process and none in doubt.
struct IncidentsHaveEvidence: Checker {
    static let invariant = "incidents have evidence"

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        guard case .considered(.record(let record)) = fact, case .incidentOpened(let opening) = record.body,
            let name = record.component
        else { return nil }
        guard let component = knowledge.components[name] else { return "\(name) is in no policy" }
        let members = component.membersOfComposites
        if members.contains(opening.cause.check) {
            return "\(name) by \(opening.cause.check), which counts only through a composite"
        }
        let counting = component.checks.filter { $0.enabled && !members.contains($0.name) }
        if counting.contains(where: { self.isShown($0, of: component, at: now, knowing: knowledge) }) { return nil }
        if let unit = component.unit, let seen = knowledge.units[unit]?.observation,
            seen.subState.hasPrefix("auto-restart"), seen.restarts >= 5
        {
            // systemd starts it again and again: no check of it lives long enough to fail often enough.
            return nil
        }
        // systemd has started it again and again: no check gets to count its failures.
        if let unit = knowledge.activeUnit(of: component), let seen = knowledge.units[unit]?.observation,
            seen.restarts >= 5, seen.activeState != .active
        {
            return nil
        }
        return "\(name) by \(opening.cause.check): no check has failed often enough"
    }

    /// Seen to fail as often as the policy asks for.
    private func isShown(
        _ check: Check, of component: Component, at now: MonotonicInstant, knowing knowledge: Knowledge
    ) -> Bool {
        if case .composite(let composite) = check.kind {
            let members = component.checks.filter { $0.enabled && composite.members.contains($0.name) }
            let shown = members.count {
                self.isShown($0, of: component, at: now, knowing: knowledge)
                    || knowledge.checks[component.name]?[$0.name]?.isDown == true
            }
            return members.count - shown < composite.needed(of: members.count)
        }
        if knowledge.isSilent(component.name, check, at: now) { return true }
        return knowledge.checks[component.name]?[check.name]?.hasFailedEnough(for: check) == true
    }
}

/// Incidents open once, have numbers of their own, and end once.
struct IncidentsAreWellFormed: Checker {
    static let invariant = "incidents are well formed"

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .considered(.record(let record)): return self.check(record, knowledge)
        case .ended(let records, _, _):
            var open: [String: Int64] = [:]
            var numbers: Set<Int64> = []
            for record in records {
                guard let name = record.component, let id = record.incident else { continue }
                switch record.body {
                case .incidentOpened:
                    if let other = open[name] { return "\(name): incident \(id) opens while \(other) is open" }
                    if !numbers.insert(id).inserted { return "incident \(id) opens twice" }
                    open[name] = id
                case .incidentResolved:
                    if open[name] != id { return "\(name): incident \(id) ends and was not open" }
                    open[name] = nil
                default: break
                }
            }
            return nil
        default: return nil
        }
    }

    private func check(_ record: AuditRecord, _ knowledge: Knowledge) -> String? {
        guard let name = record.component else { return nil }
        let open = knowledge.incidents[name]
        switch record.body {
        case .incidentOpened:
            if record.incident == nil { return "\(name): an incident without a number" }
            if let open { return "\(name): an incident opens while \(open.id) is open" }
        case .incidentResolved, .incidentExhausted, .incidentRearmed, .incidentSuppressed, .incidentCorrected:
            guard let open, open.id == record.incident else {
                return "\(name): \(describe(record.body)) of incident \(record.incident ?? 0), which is not open"
            }
        case .actionIntended(let id, _, _, _, _, _):
            if let request = knowledge.deciding[id], request.origin == .plan || request.origin == .aside {
                return nil
            }
            if open == nil || open?.id != record.incident {
                return "\(name): \(describe(record.body)) without its incident \(record.incident ?? 0) being open"
            }
        case .actionSkipped:
            if open == nil || open?.id != record.incident {
                return "\(name): \(describe(record.body)) without its incident \(record.incident ?? 0) being open"
            }
        default: break
        }
        return nil
    }
}

/// failedAt ≤ detectedAt ≤ resolvedAt, whatever the wall clock does.
struct TimesAreOrdered: Checker {
    static let invariant = "times are in order"

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        guard case .considered(.record(let record)) = fact, let name = record.component else { return nil }
        switch record.body {
        case .incidentOpened(let opening) where opening.failedAt > opening.detectedAt:
            return "\(name) failed \(seconds(opening.failedAt - opening.detectedAt)) after that was detected"
        case .incidentCorrected(_, let failedAt):
            guard let incident = knowledge.incidents[name], failedAt > incident.detectedAt else { return nil }
            return "\(name) is said to have failed \(seconds(failedAt - incident.detectedAt)) after that was detected"
        case .incidentResolved(let at, _):
            guard let incident = knowledge.incidents[name], at < incident.detectedAt else { return nil }
            return "\(name) was well \(seconds(incident.detectedAt - at)) before its failure was detected"
        default: return nil
        }
    }
}

/// People are told once of a thing, and not again and again.
struct AlertsAreBounded: Checker {
    static let invariant = "alerts are bounded"
    /// Alerts of one kind about one incident since it last (re-)armed or its breaker changed.
    private var told: [String: Int] = [:]
    private var hostWide = 0
    private var levels = LevelAlerts()

    mutating func observe(_ fact: Fact, at now: MonotonicInstant, knowing knowledge: Knowledge) -> String? {
        switch fact {
        case .told(.policyLoaded), .supervisorStarted: self.told = [:]
        case .supervisorEnded(let lost): self.levels.lose(lost)
        case .told(.recordingFailed): self.hostWide = 0
        case .told(.operatorAsked(.resume)): self.told = [:]
        case .considered(.record(let record)):
            switch record.body {
            case .incidentOpened, .incidentRearmed, .drillBegun, .breakerChanged(_, "closed", _):
                let prefix = "\(record.component ?? "-")/"
                self.told = self.told.filter { !$0.key.hasPrefix(prefix) }
            case .approvalAsked:
                self.told["\(record.component ?? "-")/\(AlertEvent.approvalNeeded.rawValue)"] = 0
            case .freezeChanged, .groupFreezeChanged: self.hostWide = 0
            // The connectivity gate has another opinion.
            case .note where record.component == nil: self.hostWide = 0
            default: break
            }
        case .considered(.alert(let message)) where message.event == .degraded || message.resolves == .degraded:
            return self.levels.take(message, at: now)
        case .considered(.alert(let message)): return self.count(message, knowledge)
        default: break
        }
        return nil
    }

    private mutating func count(_ message: AlertMessage, _ knowledge: Knowledge) -> String? {
        guard let name = message.component else {
            self.hostWide += 1
            return self.hostWide > 2 ? "\(self.hostWide) alerts about the host for one thing" : nil
        }
        let key = "\(name)/\(message.event.rawValue)"
        self.told[key, default: 0] += 1
        let steps = knowledge.components[name]?.recovery.count { $0.strategy.action == "ALERT" } ?? 0
        // A component can be isolated, and come and go.
        let isIsolated = knowledge.components[name]?.facts.isolate != nil && message.event == .latched
        let most = message.event == .healingFailed ? steps + 1 : isIsolated ? 2 : 1
        let count = self.told[key] ?? 0
        return count > most ? "\(count) alerts \(message.event.rawValue) about \(name); \(most) say it all" : nil
    }
}

/// Each deeper level is told once, and its end once, however they come and go.
struct LevelAlerts {
    /// A level that was left counts as over only after this long.
    private static let rest = Duration.seconds(300)
    private var last: (severity: Severity, at: MonotonicInstant)?

    mutating func take(_ message: AlertMessage, at now: MonotonicInstant) -> String? {
        guard message.event == .degraded else {
            defer { self.last = nil }
            guard let last = self.last else { return "the end of a level of which nobody was told" }
            return Self.isEarly(now - last.at) ? "a level and its end within \(seconds(now - last.at))" : nil
        }
        defer { self.last = (message.severity, now) }
        guard let last = self.last, message.severity <= last.severity, Self.isEarly(now - last.at) else { return nil }
        return "a level no deeper than the last is told \(seconds(now - last.at)) after it"
    }

    private static func isEarly(_ duration: Duration) -> Bool { duration < Self.rest - .milliseconds(1) }

    /// What was never written down was never told.
    mutating func lose(_ effects: [Effect]) {
        for case .alert(let message) in effects where message.event == .degraded || message.resolves == .degraded {
            self.last = nil
        }
    }
}
