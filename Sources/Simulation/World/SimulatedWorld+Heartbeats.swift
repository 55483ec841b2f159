import Policy
import RecoveryEngine
import ResilienceCore

// Programs that report that they work, as long as they do.
extension SimulatedWorld {
    func beginHeartbeats() {
        for component in self.scenario.policies[0].components {
            for check in component.checks {
                if case .heartbeat(let rule) = check.kind { self.beatLater(component, check.name, rule.every) }
            }
        }
    }

    /// Comfortably within the time, and never quite evenly.
    private func beatLater(_ component: Component, _ check: String, _ every: Duration) {
        self.after(every.scaled(by: 0.3 + 0.4 * self.random.unit())) { world in
            if world.beats(component) {
                world.post(.beat(component: component.name, check: world.random.chance(0.2) ? nil : check))
            }
            world.beatLater(component, check, every)
        }
    }

    /// Its main loop goes round, whatever its endpoint answers.
    private func beats(_ component: Component) -> Bool {
        guard let unit = self.servingUnit(of: component).flatMap({ self.units[$0] }), unit.isRunning, !unit.standsStill,
            let serves = unit.servesFrom, serves <= self.now
        else { return false }
        let trouble = self.troubles[component.name].flatMap { $0.until > self.now ? $0.state : nil }
        return ![unit.ailment, trouble].contains { $0 == .hangs || $0 == .silent }
    }

    /// Somebody listens to it: otherwise it makes no difference whether it reports.
    func isListenedTo(_ component: String) -> Bool {
        self.currentPolicy.components.contains { candidate in
            candidate.name == component && candidate.checks.contains { $0.kind.type == "heartbeat" }
        }
    }
}
