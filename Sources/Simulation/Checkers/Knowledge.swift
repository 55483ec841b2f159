import Policy
import RecoveryEngine
import ResilienceCore

/// What an attentive note-taker beside the engine knows: what the engine was told and what it decided, and nothing of
/// the true state of the world.
struct Knowledge {
    /// What the results of one check tell.
    struct CheckHistory {
        var last: CheckResult?
        var lastFailure: Failure?
        var lastAt = MonotonicInstant(nanoseconds: 0)
        /// Bad results in a row, those that tell nothing left out.
        var failuresInRow = 0
        var passesInRow = 0
        /// It has failed often enough, and not passed often enough since.
        var isDown = false
        /// `true` for a bad result; the newest last, at most 64.
        var recent: [Bool] = []
        /// The reasons of the failures in a row.
        var isFailing: Bool { self.failuresInRow > 0 }
    }

    struct SeenUnit {
        var observation: UnitObservation
        /// When this invocation was first seen active in this run of the supervisor; `nil` where it already was at the
        /// beginning.
        var activeSince: MonotonicInstant?
        /// systemd was not heard since.
        var isDoubtful = false
    }

    struct OpenIncident {
        var id: Int64
        var cause: IncidentCause
        var severity: Severity
        var detectedAt: WallTime
        var openedAt: MonotonicInstant
        var rootCause: String?
        var isExhausted = false
    }

    var run = 0
    var isRunning = false
    var startedAt = MonotonicInstant(nanoseconds: 0)
    var policy = PolicySnapshot()
    var generation = 0
    var components: [String: Component] = [:]
    var units: [String: SeenUnit] = [:]
    /// What each unit requires, as it was last told.
    var requirements: [String: [String]] = [:]
    var checks: [String: [String: CheckHistory]] = [:]
    /// When each check of type heartbeat was last reported to.
    var beats: [String: [String: MonotonicInstant]] = [:]
    /// When a silence that was too long last ended.
    var silencesEnded: [String: [String: MonotonicInstant]] = [:]
    /// True time at which each pause ends; the host's own under `nil`.
    var pausedUntil: [String?: MonotonicInstant] = [:]
    var isUnrecorded = false
    var isFrozen = false
    var frozenGroups: Set<String> = []
    /// A drill is under way.
    var isDrilled = false
    /// Components that come and go.
    var latched: Set<String> = []
    var incidents: [String: OpenIncident] = [:]
    /// Components that an operator stopped.
    var stopped: Set<String> = []
    var stoppedInvocations: [String: String?] = [:]
    /// Units that were given back into care after such a stop, with the invocation that it ended.
    var forgiven: [String: String?] = [:]
    /// The level of degradation, as the engine has written it down.
    var level = DegradationLevel.normal
    /// Units that a level of degradation does without, as the engine has written it down.
    var shed: [String: ShedUnit] = [:]
    /// Each component's breaker, by the name of its state.
    var breakers: [String: String] = [:]
    /// Actions decided on (or handed over by an earlier run) whose end was not heard.
    var inFlight: [Int64: ActionRequest] = [:]
    /// What the engine has written down of single actions, by component.
    var facts: [String: SavedFacts] = [:]
    /// Everything decided on in the present batch.
    var deciding: [Int64: ActionRequest] = [:]
    /// The last time that results became doubtful: a stall of the supervisor.
    var doubtAt = MonotonicInstant(nanoseconds: -1)
    /// When each invocation was first seen active.
    var firstActive: [String: MonotonicInstant] = [:]
    /// The wall clock moved forward (or the machine slept) since the supervisor's last start.
    var hasWallJumped = false
    /// When the engine's clock showed 0, to translate its instants to true time.
    var clockZero = MonotonicInstant(nanoseconds: 0)
    var probes: [UInt64: (component: String, check: String, at: MonotonicInstant)] = [:]

    /// All that a component needs, directly or not, as far as the policy knows it.
    func dependencies(of component: String) -> Set<String> {
        Self.reach(from: self.needs(of: component), self.needs)
    }

    private static func reach(from start: [String], _ next: (String) -> [String]) -> Set<String> {
        var found: Set<String> = []
        var open = start
        while let name = open.popLast() {
            if found.insert(name).inserted { open += next(name) }
        }
        return found
    }

    /// What it needs itself: by the policy, and by its unit's files as systemd last told them.
    private func needs(of component: String) -> [String] {
        guard let policy = self.components[component] else { return [] }
        guard policy.needsWhatUnitRequires, let unit = self.activeUnit(of: policy) else { return policy.dependsOn }
        let required = self.requirements[unit] ?? []
        let owners = self.policy.components.filter { $0.unit.map(required.contains) ?? false }.map(\.name)
        return policy.dependsOn + owners.filter { $0 != component }
    }

    /// Without what systemd says in a circle: of two that need each other one has to be the first.
    private func surelyNeeded(by component: String) -> [String] {
        let declared = self.components[component]?.dependsOn ?? []
        return self.needs(of: component).filter {
            declared.contains($0) || !self.dependencies(of: $0).contains(component)
        }
    }

    /// All that a component waits for, directly or not: without what would make it wait for itself.
    func awaited(by component: String) -> Set<String> {
        Self.reach(from: self.surelyNeeded(by: component), self.surelyNeeded)
    }

    /// What a component needs, and what failing ones among that need in turn: what may explain its failure.
    func suspects(of component: String) -> Set<String> {
        Self.reach(from: self.surelyNeeded(by: component)) {
            self.incidents[$0] == nil ? [] : self.surelyNeeded(by: $0)
        }
    }

    /// Interrupts service, by the policy that is in force.
    func isDisruptive(_ request: ActionRequest) -> Bool {
        if request.origin == .aside { return false }
        for step in self.components[request.component]?.recovery ?? [] where step.strategy.action == request.action {
            return step.strategy.traits.isDisruptive
        }
        return request.unit != nil
    }

    func isPaused(_ component: String, at now: MonotonicInstant) -> Bool {
        for key in [nil, component] { if let end = self.pausedUntil[key], now < end { return true } }
        return false
    }

    /// A heartbeat check that has heard nothing for longer than it may.
    func isSilent(_ component: String, _ check: Check, at now: MonotonicInstant) -> Bool {
        guard case .heartbeat(let rule) = check.kind else { return false }
        return now - (self.beats[component]?[check.name] ?? self.startedAt) >= rule.every
    }

    /// It is, or was since the last doubt.
    func wasSilent(_ component: String, _ check: Check, at now: MonotonicInstant) -> Bool {
        if self.isSilent(component, check, at: now) { return true }
        return self.silencesEnded[component]?[check.name].map { $0 >= self.doubtAt } ?? false
    }

    /// A level of degradation does without its unit: it rests.
    func isShed(_ component: String) -> Bool {
        guard let unit = self.activeUnit(of: component), let shed = self.shed[unit] else { return false }
        return shed.hold != .left
    }

    /// The standby that serves has left the policy, and people were told that the component is theirs.
    func isAbandoned(_ component: String) -> Bool { self.facts[component]?.abandoned != nil }

    /// The host is frozen, or the component's group.
    func isFrozen(_ component: String) -> Bool {
        self.isFrozen || self.components[component]?.group.map(self.frozenGroups.contains) ?? false
    }

    /// Some check of it has failed, though perhaps not often enough yet.
    func isInDoubt(_ component: String) -> Bool {
        self.checks[component]?.values.contains(where: \.isFailing) ?? false
    }

    /// By what was seen of its unit last, it has died and nobody is at it.
    func isSurelyDown(_ component: String) -> Bool {
        guard let unit = self.activeUnit(of: component), let seen = self.units[unit], !seen.isDoubtful,
            self.components[component]?.checks.contains(where: {
                $0.kind.isUnit && $0.enabled
                    && self.components[component]?.membersOfComposites.contains($0.name) == false
            }) == true
        else { return false }
        let observation = seen.observation
        return (observation.activeState == .failed || observation.activeState == .inactive)
            && observation.job == nil && !observation.stoppedByOther && !self.stopped.contains(component)
            && !self.isShed(component)
    }
}
