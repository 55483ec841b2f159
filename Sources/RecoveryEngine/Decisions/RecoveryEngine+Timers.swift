import HeapModule
import Policy
import ResilienceCore

/// A timer of one component: of one of its checks, or (`check` −1) its own. Entries are never removed when a timer is
/// set anew; one that no longer agrees with its machine is stale and says nothing.
struct TimerEntry: Comparable, Sendable {
    var at: MonotonicInstant
    var component: Int
    var check: Int

    static func < (left: Self, right: Self) -> Bool {
        (left.at, left.component, left.check) < (right.at, right.component, right.check)
    }
}

extension RecoveryEngine {
    /// Host-wide timers have this component number.
    static let hostTimer = -1

    mutating func setDeadline(_ index: Int, _ deadline: MonotonicInstant) {
        guard self.machines[index].deadline != deadline else { return }
        self.machines[index].deadline = deadline
        self.timers.insert(TimerEntry(at: deadline, component: index, check: -1))
    }

    /// What a host-wide timer is for; it stands in the place of the check.
    enum HostTimer: Int {
        case pause, storm, degradation, drill
    }

    mutating func armHostTimer(_ timer: HostTimer, at end: MonotonicInstant) {
        self.timers.insert(TimerEntry(at: end, component: Self.hostTimer, check: timer.rawValue))
    }

    private func isLive(_ timer: HostTimer?, at instant: MonotonicInstant) -> Bool {
        switch timer {
        case .pause: self.host.pausedUntil == instant
        case .storm: self.stormEnd == instant
        case .degradation: self.host.degradation.dueAt == instant
        case .drill: self.host.drillDueAt == instant
        case nil: false
        }
    }

    private mutating func ring(_ timer: HostTimer?) {
        switch timer {
        case .pause: self.endHostPause()
        case .storm: self.evaluateWaiting()
        // They are looked at after each event.
        case .degradation: self.host.degradation.dueAt = nil
        case .drill: break
        case nil: break
        }
    }

    mutating func setProbe(_ index: Int, _ check: Int, at due: MonotonicInstant) {
        self.machines[index].trackers[check].nextProbeAt = due
        self.timers.insert(TimerEntry(at: due, component: index, check: check))
    }

    /// The checks of a component that `hurry` made due have no entries yet.
    mutating func armHurried(_ index: Int) {
        for (check, tracker) in self.machines[index].trackers.enumerated()
        where tracker.nextProbeAt == self.now.monotonic {
            self.timers.insert(TimerEntry(at: self.now.monotonic, component: index, check: check))
        }
    }

    mutating func runDueTimers() {
        while let entry = self.timers.min, entry.at <= self.now.monotonic {
            self.timers.removeMin()
            guard self.isLive(entry) else { continue }
            if entry.component == Self.hostTimer {
                self.ring(HostTimer(rawValue: entry.check))
            } else if entry.check < 0 {
                self.machines[entry.component].deadline = nil
                // Its turn comes among those who wait for the same.
                if !self.waiting.contains(entry.component) { self.evaluateLater(entry.component) }
            } else {
                self.startProbe(entry.component, entry.check)
            }
        }
    }

    mutating func dropStaleTimers() {
        while let entry = self.timers.min, !self.isLive(entry) { self.timers.removeMin() }
    }

    private func isLive(_ entry: TimerEntry) -> Bool {
        if entry.component == Self.hostTimer { return self.isLive(HostTimer(rawValue: entry.check), at: entry.at) }
        guard entry.component < self.machines.count else { return false }
        if entry.check < 0 { return self.machines[entry.component].deadline == entry.at }
        return entry.check < self.machines[entry.component].trackers.count
            && self.machines[entry.component].trackers[entry.check].nextProbeAt == entry.at
    }

    /// Sends a probe on its way and sets the time of the next. One that has not answered delays only its own check,
    /// and is given up when it is far past every limit.
    private mutating func startProbe(_ index: Int, _ check: Int) {
        let tracker = self.machines[index].trackers[check]
        guard tracker.pulse == nil else {
            self.listen(index, check)
            return
        }
        let next = self.now.monotonic + self.pace(tracker)
        if tracker.outstanding != nil, let startedAt = tracker.probeStartedAt,
            self.now.monotonic - startedAt < tracker.check.timeout * 2 + .seconds(5)
        {
            self.setProbe(index, check, at: next)
            return
        }
        let id = self.nextProbeID
        self.nextProbeID += 1
        self.machines[index].trackers[check].outstanding = id
        self.machines[index].trackers[check].probeStartedAt = self.now.monotonic
        self.setProbe(index, check, at: next)
        // A standby that took over is looked at by the same checks.
        let component = self.machines[index].component
        let check = tracker.check.of(unit: self.machines[index].activeUnit, insteadOf: component.unit)
        self.effects.append(.probe(ProbeRequest(id: id, component: component.name, check: check)))
    }

    mutating func pace(_ tracker: CheckTracker) -> Duration {
        let base = tracker.isInDoubt ? tracker.check.fastInterval : tracker.check.interval
        return base.scaled(by: 1 + tracker.check.jitter * (self.generator.unit() * 2 - 1))
    }

    /// After a result: in doubt the next look comes soon, and a server that asked for quiet gets it.
    mutating func repace(_ index: Int, _ check: Int, retryAfter: Duration?) {
        let tracker = self.machines[index].trackers[check]
        guard tracker.check.enabled, tracker.check.kind.hasPace else { return }
        let startedAt = tracker.probeStartedAt ?? self.now.monotonic
        var due = max(self.now.monotonic, startedAt + self.pace(tracker))
        if let retryAfter { due = max(due, self.now.monotonic + min(retryAfter, .seconds(3_600))) }
        self.setProbe(index, check, at: due)
    }
}
