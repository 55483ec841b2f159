import Policy
import ResilienceCore

/// What single actions know of a component at run time: which unit is active, which release is current, and the like.
struct FactsState: Hashable, Sendable {
    /// What outlives the process. Times in it are only ever set, never recomputed.
    var saved = SavedFacts()
    /// The monotonic counterparts, which decide.
    var leftAt: [String: MonotonicInstant] = [:]
    var scaledAt: MonotonicInstant?
    /// Standbys and instances, as systemd last said; the active unit's is the machine's own.
    var others: [String: UnitObservation] = [:]
    var release: ReleaseState?
    /// What `scale.on` looks at; `nil`: not measured, or not since something else began.
    var load: LoadState?
    /// An operator was asked about the scale, and is not asked again so soon.
    var noScalingAskedBefore: MonotonicInstant?
    /// When the component's own unit took its place again.
    var returnedAt: MonotonicInstant?
    /// What is done aside was tried in vain.
    var asideNotBefore: MonotonicInstant?

    init() {}

    init(restored: SavedFacts, at now: Moment) {
        self.saved = restored
        self.leftAt = restored.leftAt.mapValues(now.monotonic(at:))
        self.scaledAt = restored.scaledAt.map(now.monotonic(at:))
    }

    /// What the check of `scale.on` measures.
    struct LoadState: Hashable, Sendable {
        /// The newest measure, and when it was taken.
        var level: Double
        var at: MonotonicInstant
        /// Since when every measure has been above, or below.
        var highSince: MonotonicInstant?
        var lowSince: MonotonicInstant?
        /// What was written down of not following it.
        var told: String?
    }

    /// The release that runs, as far as it has been looked at.
    struct ReleaseState: Hashable, Sendable {
        var seen: ReleaseObservation
        var seenAt: MonotonicInstant
        /// Something has happened since: it is no ground for a decision.
        var isOld = false
        /// The answer to a look is awaited.
        var isAsked = false
        /// Since when the component has been up with it.
        var upSince: MonotonicInstant?
    }
}

extension ComponentMachine {
    /// The unit that runs for the component: its own, or the standby that took over.
    var activeUnit: String? { self.facts.saved.active ?? self.component.unit }

    /// Every unit that may be active for it, its own first.
    var members: [String] {
        guard let unit = self.component.unit else { return [] }
        return [unit] + (self.component.facts.failover?.standbys ?? [])
    }

    /// Units that must not run while the active one does; a standby that only waits for clients may.
    var rivals: [String]? {
        guard self.component.recovery.contains(where: { $0.strategy.action == "FAILOVER" }) else { return nil }
        let others = self.members.filter { $0 != self.activeUnit }
        return others.isEmpty ? nil : others
    }

    /// Takes up that the policy has other members than before. A standby that had taken over and is none of them any more
    /// may still run; nothing is started beside it unless a person says so.
    ///
    /// - Parameter isDown: the active one is known not to run.
    mutating func reviewWhoIsActive(isDown: Bool) {
        if let abandoned = self.facts.saved.abandoned, self.members.dropFirst().contains(abandoned) {
            self.facts.saved.active = abandoned
            self.facts.saved.abandoned = nil
        }
        guard let active = self.facts.saved.active, !self.members.contains(active) else { return }
        self.facts.saved.active = nil
        // Only where its own unit is the one that it took over from.
        guard !isDown, let own = self.component.unit, self.facts.saved.leftAt[own] != nil else { return }
        self.facts.saved.abandoned = active
    }

    /// The instances that `scale` counts, in order.
    var instances: [String] {
        guard case .instances(let template, _, let max, _) = self.component.facts.scale?.kind else { return [] }
        return (1...max).map { ScalePolicy.instance($0, of: template) }
    }

    /// Everything that systemd is asked to tell of for its sake.
    var watchedUnits: [String] { self.members + self.instances.filter { !self.members.contains($0) } }

    func observation(of unit: String) -> UnitObservation? {
        unit == self.activeUnit ? self.unit : self.facts.others[unit]
    }

    /// What is to be written down of it; `nil` where there is nothing.
    var factsToSave: SavedFacts? { self.facts.saved == SavedFacts() ? nil : self.facts.saved }
}

extension UnitObservation {
    var isUp: Bool { self.activeState == .active || self.activeState == .reloading }
    var isDown: Bool { self.activeState == .inactive || self.activeState == .failed }
}
