import Policy
import RecoveryEngine
import ResilienceCore

/// Releases of one component as they lie on the disk.
struct SimulatedReleases {
    var current: String
    var changedAt: WallTime
    var available: [String]
    /// Those with which the service does not work, and how.
    var bad: [String: Flaw] = [:]

    enum Flaw: Hashable, Sendable {
        /// The process dies soon after its start.
        case dies
        /// It runs and answers with errors.
        case errors
    }
}

/// Files that keep units from being started.
struct StartBarriers {
    /// They lie there.
    var written: Set<String> = []
    /// systemd has read them.
    var inForce: Set<String> = []
}

// The truth about who answers, what runs, and what is lent.
extension SimulatedWorld {
    /// The unit that clients of a component reach.
    func servingUnit(of component: Component) -> String? {
        guard let own = component.unit, let failover = component.facts.failover else { return component.unit }
        if let endpoint = failover.endpoint { return self.pointers[endpoint.path] ?? own }
        return component.members.first { self.units[$0]?.isRunning == true } ?? own
    }

    /// How a process would answer by itself.
    func answer(of unit: SimulatedUnit) -> EndpointState {
        guard unit.isRunning, let serves = unit.servesFrom, serves <= self.now else { return .refused }
        return unit.standsStill ? .hangs : unit.ailment
    }

    /// Too much work for the instances that run.
    func isOverloaded(_ component: Component) -> Bool {
        guard let demand = self.demands[component.name], demand.until > self.now else { return false }
        return component.instances.count { self.units[$0]?.activeState == .active } < demand.instances
    }

    // MARK: - Releases

    func look(at policy: ReleasePolicy, of component: String) {
        let run = self.supervisor.run
        let isSlow = !self.isCalm && self.random.chance(0.05)
        self.after(isSlow ? .seconds(5) : self.random.milliseconds(1...10)) { world in
            guard world.supervisor.run == run, let seen = world.releases[policy.current] else { return }
            let answer =
                isSlow
                ? ReleaseObservation(problem: "the file system does not answer")
                : ReleaseObservation(
                    current: seen.current, changedAt: seen.changedAt, available: seen.available.sorted())
            world.post(.releaseSeen(component: component, answer))
        }
    }

    /// A release is put in place; what runs goes on with the old one until it is restarted.
    func install(_ release: String, at link: String) {
        self.releases[link]?.current = release
        self.releases[link]?.changedAt = self.clock.wall
        self.note("release   \(link) → \(release)")
        self.tell(.releaseInstalled(link: link, release: release))
    }

    /// What the release that is current does to a process of the unit that begins now.
    func flaw(of unit: String) -> SimulatedReleases.Flaw? {
        for component in self.currentPolicy.components where component.members.contains(unit) {
            guard let policy = component.facts.release, let seen = self.releases[policy.current] else { continue }
            if let flaw = seen.bad[seen.current] { return flaw }
        }
        return nil
    }

    // MARK: - Disturbances

    func disturbFacts(_ disturbance: FactDisturbance) {
        switch disturbance {
        case .deploy(let component, let release, let flaw): self.deploy(release, flaw, of: component)
        case .hangInStop(let unit, let duration, let survivesKill):
            self.units[unit]?.hangInStop = (duration, survivesKill)
        case .overload(let component, let instances, let duration):
            self.demands[component] = (instances, self.now + duration)
            self.after(duration) { $0.reviewTruth() }
        case .operatorFailover(let component, let target): self.failOverByHand(component, to: target)
        case .freezeByHand(let unit, let isFrozen): self.freezeByHand(unit, isFrozen)
        case .failBack(let component): self.ask(.failBack(component: component, by: "root"))
        case .require(let unit, let others):
            self.units[unit]?.requires = others.sorted()
            self.look(unit)
        }
    }

    /// Somebody rolls out a release: it is put in place and the unit is restarted.
    private func deploy(_ release: String, _ flaw: SimulatedReleases.Flaw?, of name: String) {
        guard let component = self.currentPolicy.components.first(where: { $0.name == name }),
            let link = component.facts.release?.current, self.releases[link] != nil
        else { return }
        if self.releases[link]?.available.contains(release) == false { self.releases[link]?.available.append(release) }
        self.releases[link]?.bad[release] = flaw
        self.install(release, at: link)
        guard let unit = self.servingUnit(of: component), self.units[unit]?.isRunning == true else { return }
        self.queueJob(unit, "restart", isOurs: false)
    }

    /// Somebody stops the unit that serves, starts another member and points clients at it.
    func failOverByHand(_ name: String, to target: String) {
        guard let component = self.currentPolicy.components.first(where: { $0.name == name }),
            component.members.contains(target), !self.barriers.inForce.contains(target)
        else { return }
        for other in component.members where other != target && self.units[other]?.isRunning == true {
            self.queueJob(other, "stop", isOurs: false)
        }
        self.after(.seconds(8)) { world in
            guard !world.isOff, component.members.allSatisfy({ $0 == target || world.units[$0]?.isRunning != true })
            else { return }
            if let endpoint = component.facts.failover?.endpoint { world.pointers[endpoint.path] = target }
            if world.units[target]?.isRunning != true { world.queueJob(target, "start", isOurs: false) }
            world.reviewTruth()
        }
    }

    /// From now on every release works, every standby starts, and everything can be stopped.
    func mendFacts() {
        self.demands = [:]
        for link in self.releases.keys.sorted() { self.releases[link]?.bad = [:] }
        for name in self.unitNames { self.units[name]?.hangInStop = nil }
    }
}

extension Component {
    /// Every unit that may be active for it, its own first.
    var members: [String] { self.unit.map { [$0] + (self.facts.failover?.standbys ?? []) } ?? [] }

    /// Everything that systemd is asked to tell of for its sake.
    var watchedUnits: Set<String> { Set(self.members + self.instances) }

    /// Never two of its members may run.
    var isExclusive: Bool {
        self.facts.failover != nil && self.recovery.contains { $0.strategy.action == "FAILOVER" }
    }

    /// The instances that `scale` counts.
    var instances: [String] {
        guard case .instances(let template, _, let max, _) = self.facts.scale?.kind else { return [] }
        return (1...max).map { ScalePolicy.instance($0, of: template) }
    }
}
