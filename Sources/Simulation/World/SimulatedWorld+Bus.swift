import RecoveryEngine
import ResilienceCore

// What the supervisor hears of units: late, twice, out of order, or not at all.
extension SimulatedWorld {
    /// A unit changed: the watching supervisor is told of it a little later.
    func announce(_ name: String) {
        guard self.supervisor.watching.contains(name), self.manager.isReachable, let unit = self.units[name] else {
            return
        }
        let observation = unit.observation
        if !self.isCalm, self.random.chance(0.02) {
            // Overtaken by what comes after it; a fresh look follows.
            self.after(self.random.milliseconds(30...80)) { $0.deliver(name, observation) }
            self.after(.milliseconds(500)) { $0.look(name) }
            return
        }
        let at = max(self.supervisor.lastDelivery, self.now + self.random.milliseconds(1...8))
        self.supervisor.lastDelivery = at
        self.after(at - self.now) { $0.deliver(name, observation) }
        if self.random.chance(0.1) { self.after(at - self.now) { $0.deliver(name, observation) } }
    }

    /// The kernel tells of a main process's end before systemd does, where it is clear what systemd will make of it.
    ///
    /// - Parameter unit: as it was before.
    func foretell(_ unit: SimulatedUnit, exit: ProcessExit) {
        guard self.supervisor.watching.contains(unit.name), self.manager.isReachable, unit.ownRestart == nil,
            unit.job == nil, unit.activeState == .active,
            exit.kind != .exited || exit.status != 0, self.random.chance(0.7)
        else { return }
        var observation = unit.observation
        observation.activeState = .failed
        observation.subState = "failed"
        observation.mainPID = 0
        observation.result = exit.kind == .exited ? "exit-code" : exit.kind == .killed ? "signal" : "core-dump"
        observation.exit = exit
        observation.inactiveEnteredAt = exit.at
        observation.isForetold = true
        self.deliver(unit.name, observation)
    }

    /// The state is read and handed over as it is.
    func look(_ name: String) {
        guard self.manager.isReachable, self.supervisor.watching.contains(name) else { return }
        self.deliver(name, self.observation(of: name))
    }

    private func observation(of name: String) -> UnitObservation {
        self.units[name]?.observation
            ?? UnitObservation(loadState: "not-found", activeState: .inactive, subState: "dead")
    }

    private func deliver(_ name: String, _ observation: UnitObservation) {
        guard self.manager.isReachable, self.supervisor.watching.contains(name) else { return }
        self.supervisor.heard[name] = observation
        self.post(.unitObserved(unit: name, observation))
    }

    /// The set of watched units is replaced; each is looked at.
    func watch(_ names: Set<String>) {
        self.supervisor.watching = names
        let run = self.supervisor.run
        for name in names.sorted() {
            self.after(self.random.milliseconds(1...5)) { if $0.supervisor.run == run { $0.look(name) } }
        }
    }

    /// The safety net: every watched unit is read again now and then, and told of where it is not as it was told.
    func lookRegularly(run: Int) {
        self.after(.seconds(10)) { world in
            guard world.supervisor.run == run, world.supervisor.engine != nil else { return }
            for name in world.supervisor.watching.sorted()
            where world.supervisor.heard[name] != world.observation(of: name) { world.look(name) }
            world.lookRegularly(run: run)
        }
    }

    /// Nothing is heard of systemd for a while; who asked for jobs meanwhile stays unknown.
    func loseBus(for duration: Duration, why: String) {
        self.manager.unreachableUntil = max(self.manager.unreachableUntil, self.now + duration)
        if self.manager.isReachable {
            self.manager.isReachable = false
            self.post(.unitsUnknown(why: why))
        }
        self.after(duration) { world in
            guard !world.manager.isReachable, world.now >= world.manager.unreachableUntil else { return }
            world.manager.isReachable = true
            world.note("bus       back")
            for name in world.supervisor.watching.sorted() { world.look(name) }
        }
    }
}
