import Policy
import ResilienceCore

extension RecoveryEngine {
    /// The deepest failing dependency that explains a component's failure; `nil` where it has none.
    func rootCause(of index: Int) -> String? {
        for dependency in self.dependencies[index] where self.machines[dependency].isImpaired {
            return self.rootCause(of: dependency) ?? self.machines[dependency].component.name
        }
        return nil
    }

    /// A dependency, however far, of which it is not yet known whether it fails.
    func doubtfulDependency(of index: Int) -> String? {
        for dependency in self.everythingNeeded(by: index) {
            switch self.machines[dependency].phase {
            case .starting, .suspect: return self.machines[dependency].component.name
            case .healthy, .failing, .recovering, .verifying, .exhausted, .suppressed, .isolated, .stopped: continue
            }
        }
        return nil
    }

    /// At each bad result of a component its dependencies are looked at too, so that they are known to fail, or not,
    /// before anything is done about it. However many ask, each check is run no more often than while in doubt itself:
    /// two hundred failing dependents must not overwhelm the one thing they need.
    mutating func askDependencies(_ index: Int) {
        for dependency in self.everythingNeeded(by: index) {
            for check in self.machines[dependency].trackers.indices { self.askSoon(dependency, check) }
        }
    }

    /// Runs a check as soon as it may be run while in doubt itself.
    mutating func askSoon(_ index: Int, _ check: Int) {
        let tracker = self.machines[index].trackers[check]
        guard tracker.check.enabled, tracker.outstanding == nil, let due = tracker.nextProbeAt else { return }
        let earliest = tracker.probeStartedAt.map { $0 + tracker.check.fastInterval } ?? self.now.monotonic
        let wanted = max(self.now.monotonic, earliest)
        if wanted < due { self.setProbe(index, check, at: wanted) }
    }

    /// All dependencies, near ones first, each once however many ways lead to it.
    private func everythingNeeded(by index: Int) -> [Int] {
        var found = self.dependencies[index]
        guard !found.isEmpty else { return found }
        var seen = Set(found)
        var position = 0
        while position < found.count {
            for dependency in self.dependencies[found[position]] where seen.insert(dependency).inserted {
                found.append(dependency)
            }
            position += 1
        }
        return found
    }
}
