import Policy
import ResilienceCore

// Times that the policy sets aside for people's work: like a pause, announced.

extension RecoveryEngine {
    /// The open window that holds back repairs of a component longest, and when it closes.
    func openWindow(_ component: Component) -> (name: String, end: WallTime)? {
        var found: (name: String, end: WallTime)?
        for window in self.policy.maintenance where window.concerns(component) {
            guard let end = window.end(at: self.now.wall, offset: self.localOffset) else { continue }
            if found.map({ end > $0.end }) ?? true { found = (window.name, end) }
        }
        return found
    }

    func maintenanceReasonToHold(_ index: Int) -> Hold? {
        guard let open = self.openWindow(self.machines[index].component) else { return nil }
        return .maintenance(window: open.name, until: self.now.monotonic + (open.end - self.now.wall))
    }
}
