import Policy
import ResilienceCore

/// What the host knows of its degradation.
struct HostDegradation: Sendable {
    var machine = DegradationMachine()
    var since = WallTime(microseconds: 0)
    var why = ""
    /// What DEGRADE asks for, by component.
    var requests: [String: DegradationRequest] = [:]
    /// Units that the level was to do without.
    var units: [String: ShedUnit] = [:]
    /// What systemd last said of units that belong to no component.
    var seen: [String: UnitObservation] = [:]
    /// Not to be touched again so soon: tried in vain, or only just given back.
    var notBefore: [String: MonotonicInstant] = [:]
    /// What was last published.
    var published: DegradationNotice?
    /// What people were told of, and since when the level has been less deep than that.
    var told: ToldLevel?
    var shallowerSince: MonotonicInstant?
    /// When something has to be looked at again.
    var dueAt: MonotonicInstant?
    var weights = HealthWeights()
    /// Checks whose results are kept, and for how long.
    var counted: [CheckReference: Duration] = [:]

    var level: DegradationLevel { self.machine.level }

    /// Nothing goes on that would have to be looked at.
    var isIdle: Bool {
        self.level == .normal && self.units.isEmpty && self.requests.isEmpty && self.published == nil
            && self.told == nil
    }

    mutating func restore(_ saved: SavedDegradation, at now: MonotonicInstant) {
        self.machine.restore(saved.level, at: now)
        self.since = saved.since
        self.why = saved.why
        self.requests = saved.requests
        self.units = saved.units
        self.told = saved.told
    }

    /// `nil` where there is nothing to remember.
    func snapshotToSave() -> SavedDegradation? {
        guard self.level > .normal || !self.units.isEmpty || !self.requests.isEmpty || self.told != nil else {
            return nil
        }
        return SavedDegradation(
            level: self.level, since: self.since, why: self.why, requests: self.requests, units: self.units,
            told: self.told)
    }
}

/// How a component counts in the share of those that are down.
enum ServiceHealth: Hashable, Sendable {
    /// It rests on purpose: neither it nor its weight counts.
    case resting
    case fine
    /// It may be down; nobody can tell.
    case doubtful
    case out
}

/// The weight of components by their health, kept up to date with each change.
struct HealthWeights: Hashable, Sendable {
    private var byHealth: [ServiceHealth: Int] = [:]

    mutating func add(_ weight: Int, _ health: ServiceHealth) { self.byHealth[health, default: 0] += weight }

    /// - Parameter share: of the weight of all that do not rest.
    func evidence(ofAtLeast share: Double) -> Evidence {
        let out = self.byHealth[.out] ?? 0
        let doubtful = self.byHealth[.doubtful] ?? 0
        let total = Double(out + doubtful + (self.byHealth[.fine] ?? 0))
        guard total > 0 else { return .absent }
        // A share of 100 % is reached by all of them, whatever a division makes of it.
        let needed = share * total - 1e-9
        if Double(out) >= needed { return .present }
        return Double(out + doubtful) >= needed ? .unknown : .absent
    }

    /// `58 %`.
    var text: String {
        let out = self.byHealth[.out] ?? 0
        let total = out + (self.byHealth[.doubtful] ?? 0) + (self.byHealth[.fine] ?? 0)
        return "\(total == 0 ? 0 : (100 * out + total / 2) / total) %"
    }
}

extension ComponentMachine {
    var serviceHealth: ServiceHealth {
        if case .stopped = self.phase { return .resting }
        guard self.incident != nil else { return self.verdict == .unknown ? .doubtful : .fine }
        switch self.phase {
        // What was seen is of another time, or perhaps of the network.
        case .failing(.evidence), .failing(.networkInDoubt): return .doubtful
        case .starting, .healthy, .suspect, .failing, .recovering, .verifying, .exhausted, .suppressed, .isolated,
            .stopped:
            break
        }
        switch self.verdict {
        case .down: return self.culprit?.isStale == true ? .doubtful : .out
        case .degraded: return .fine
        // It has yet to prove that it is well.
        case .up, .unknown: return .doubtful
        }
    }
}
