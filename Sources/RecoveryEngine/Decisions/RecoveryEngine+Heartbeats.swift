import Policy
import ResilienceCore

// Checks of type heartbeat: the program reports, and the engine's own timer notices where it does not.

/// What a report of a component can be for, and whose it may be.
public struct HeartbeatTarget: Hashable, Sendable {
    /// Names of its heartbeat checks.
    public var checks: [String]
    /// The main process of its unit, where that runs.
    public var mainPID: Int32?

    public init(checks: [String], mainPID: Int32?) {
        self.checks = checks
        self.mainPID = mainPID
    }
}

extension RecoveryEngine {
    /// - Returns: `nil` where no component has the name.
    public func heartbeatTarget(_ component: String) -> HeartbeatTarget? {
        guard let index = self.indexByName[component] else { return nil }
        let machine = self.machines[index]
        let pid = machine.unit.flatMap { $0.mainPID > 0 ? $0.mainPID : nil }
        return HeartbeatTarget(checks: machine.trackers.filter { $0.pulse != nil }.map(\.check.name), mainPID: pid)
    }

    /// - Parameter check: `nil` for all heartbeat checks of the component.
    mutating func takeBeat(component: String, check: String?) {
        guard let index = self.indexByName[component] else { return }
        for position in self.machines[index].trackers.indices {
            let tracker = self.machines[index].trackers[position]
            guard tracker.pulse != nil, tracker.check.enabled, check == nil || check == tracker.check.name else {
                continue
            }
            self.machines[index].trackers[position].pulse?.beat(at: self.now.monotonic)
            self.takeHeard(index, position)
            // A timer that comes before it is needed sets itself anew: a program that reports a thousand times a
            // second leaves no thousand timers behind.
            let wanted = self.nextLook(index, position)
            let isSoonEnough = self.machines[index].trackers[position].nextProbeAt.map { $0 <= wanted } ?? false
            if !isSoonEnough { self.setProbe(index, position, at: wanted) }
        }
    }

    /// The time has come to see whether the silence is too long.
    mutating func listen(_ index: Int, _ position: Int) {
        self.takeHeard(index, position)
        self.setProbe(index, position, at: self.nextLook(index, position))
    }

    private mutating func takeHeard(_ index: Int, _ position: Int) {
        guard let pulse = self.machines[index].trackers[position].pulse else { return }
        var result = pulse.look(at: self.now.monotonic)
        if self.machines[index].stoppedByOperator || self.machines[index].unit?.isInOthersHands == true {
            result = result.withheld
        }
        self.machines[index].trackers[position].take(result, at: self.now)
        self.endLookOnFailure(index, position, result)
        if result.verdict == .down, self.machines[index].incident == nil { self.askDependencies(index) }
        self.evaluateLater(index)
    }

    /// At the check's own pace, and at the very moment at which the silence becomes too long.
    private mutating func nextLook(_ index: Int, _ position: Int) -> MonotonicInstant {
        let tracker = self.machines[index].trackers[position]
        let next = self.now.monotonic + self.pace(tracker)
        guard let due = tracker.pulse?.dueAt, due > self.now.monotonic else { return next }
        return min(next, due)
    }
}

extension ComponentMachine {
    /// How long it may take after a start until its heartbeats are known to be there: a proof waits for that, too.
    var heartbeatPatience: Duration {
        self.trackers.lazy.filter(\.check.enabled).compactMap { tracker -> Duration? in
            guard case .heartbeat(let heartbeat) = tracker.check.kind else { return nil }
            let check = tracker.check
            return heartbeat.every + check.fastInterval.scaled(by: 1 + check.jitter) * check.rise
        }.max() ?? .zero
    }
}
