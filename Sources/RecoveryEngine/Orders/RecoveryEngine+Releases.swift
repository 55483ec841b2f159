import Policy
import ResilienceCore

/// Whether the release changed shortly before a failure.
enum ReleaseChange: Hashable, Sendable {
    case changed
    case unchanged(String)
    /// It has not been looked at yet.
    case unknown
}

// Which release runs, which are known to be good, and the way back.

extension RecoveryEngine {
    /// Asks which release is current, unless that has been asked already.
    mutating func lookAtRelease(_ index: Int) {
        guard let policy = self.machines[index].component.facts.release,
            self.machines[index].facts.release?.isAsked != true
        else { return }
        var state =
            self.machines[index].facts.release
            ?? FactsState.ReleaseState(seen: ReleaseObservation(), seenAt: self.now.monotonic)
        state.isAsked = true
        self.machines[index].facts.release = state
        self.effects.append(.lookAtRelease(component: self.machines[index].component.name, policy))
    }

    mutating func takeRelease(_ component: String, _ seen: ReleaseObservation) {
        guard let index = self.indexByName[component], var state = self.machines[index].facts.release else { return }
        if state.seen.current != seen.current || state.seen.changedAt != seen.changedAt {
            state.upSince = self.machines[index].phase == .healthy ? self.now.monotonic : nil
        }
        state.seen = seen
        state.seenAt = self.now.monotonic
        state.isAsked = false
        state.isOld = false
        self.machines[index].facts.release = state
        self.noteGoodRelease(index)
        self.evaluateLater(index)
    }

    /// Counts how long the component has been up with its release, and looks again when that is long enough.
    mutating func watchRelease(_ index: Int) {
        guard let policy = self.machines[index].component.facts.release else { return }
        guard let state = self.machines[index].facts.release else { return self.lookAtRelease(index) }
        guard self.machines[index].phase == .healthy else {
            self.machines[index].facts.release?.upSince = nil
            return
        }
        guard let upSince = state.upSince else {
            self.machines[index].facts.release?.upSince = self.now.monotonic
            return self.watchRelease(index)
        }
        guard let current = state.seen.current, self.machines[index].facts.saved.goodReleases[current] == nil else {
            return
        }
        let due = upSince + policy.goodAfter
        if self.now.monotonic >= due {
            if state.seenAt < due { self.lookAtRelease(index) }
        } else if self.machines[index].deadline == nil {
            self.setDeadline(index, due)
        }
    }

    /// The release that was current all the time has been up for long enough.
    private mutating func noteGoodRelease(_ index: Int) {
        let machine = self.machines[index]
        guard let policy = machine.component.facts.release, let state = machine.facts.release,
            let current = state.seen.current, let upSince = state.upSince, machine.phase == .healthy,
            self.now.monotonic >= upSince + policy.goodAfter, machine.facts.saved.goodReleases[current] == nil
        else { return }
        self.machines[index].facts.saved.goodReleases[current] = self.now.wall
        self.machines[index].facts.saved.badReleases.removeAll { $0 == current }
        // What is no longer there cannot be gone back to.
        let available = Set(state.seen.available)
        self.machines[index].facts.saved.goodReleases = self.machines[index].facts.saved.goodReleases.filter {
            available.contains($0.key)
        }
        self.machines[index].facts.saved.badReleases.removeAll { !available.contains($0) }
        self.record(index, .note("release \(current) is known as good: up for \(policy.goodAfter.brief)"))
        self.touched.insert(index)
    }

    func releaseChange(_ machine: ComponentMachine, within: Duration) -> ReleaseChange {
        guard machine.component.facts.release != nil else { return .unchanged("the component has no release") }
        guard let state = machine.facts.release, !state.isAsked, !state.isOld else { return .unknown }
        if let problem = state.seen.problem { return .unchanged(problem) }
        guard let seenAt = state.seen.changedAt, let current = state.seen.current else {
            return .unchanged("which release is current is not known")
        }
        let changedAt = machine.rollbacks(from: current)?.changedAt ?? seenAt
        let failedAt = machine.incident?.failedAt ?? self.now.wall
        let age = failedAt - changedAt
        if age < .zero { return .unchanged("release \(current) was put in place after the failure began") }
        guard age <= within else {
            return .unchanged(
                "release \(current) had been in place for \(age.brief), longer than \(within.brief): it is not the cause"
            )
        }
        return .changed
    }

    func rollbackOrder(_ machine: ComponentMachine, _ step: Step) -> StepOrder {
        guard let policy = machine.component.facts.release else { return .unfit("the component has no release") }
        switch self.releaseChange(machine, within: step.when.releaseChangedWithin ?? .seconds(3_600)) {
        case .changed: break
        case .unchanged(let why): return .unfit(why)
        case .unknown: return .wait(.evidence)
        }
        guard let seen = machine.facts.release?.seen, let current = seen.current else { return .wait(.evidence) }
        let saved = machine.facts.saved
        let inVain = machine.rollbacks(from: current)?.inVain ?? []
        let target = saved.goodReleases
            .filter { $0.key != current && seen.available.contains($0.key) && !saved.badReleases.contains($0.key) }
            .filter { !inVain.contains($0.key) }
            .max { ($0.value, $0.key) < ($1.value, $1.key) }
        guard let target else {
            let others = ([current] + inVain).joined(separator: ", ")
            return .unfit("no release but \(others) is known as good")
        }
        return .order(.switchRelease(ReleaseSwitch(policy: policy, from: current, to: target.key)))
    }

    /// When the release that is left came to its place: putting it back makes that look newer.
    mutating func rememberRelease(_ index: Int, _ order: ActionOrder?) {
        guard case .switchRelease(let change) = order, self.machines[index].rollbacks(from: change.from) == nil,
            let changedAt = self.machines[index].facts.release?.seen.changedAt
        else { return }
        self.machines[index].incident?.rollbacks = RollbacksTried(from: change.from, changedAt: changedAt)
    }

    /// A rollback that was proven: what it went away from is bad.
    mutating func noteBadRelease(_ index: Int, _ request: ActionRequest) {
        guard case .switchRelease(let change) = request.order, !change.isPutBack else { return }
        self.machines[index].facts.saved.goodReleases[change.from] = nil
        if !self.machines[index].facts.saved.badReleases.contains(change.from) {
            self.machines[index].facts.saved.badReleases.append(change.from)
        }
        self.record(index, .note("release \(change.from) is known as bad"))
        self.lookAtRelease(index)
    }
}

extension ComponentMachine {
    /// What was gone back to from this release in the open incident.
    fileprivate func rollbacks(from release: String) -> RollbacksTried? {
        self.incident?.rollbacks.flatMap { $0.from == release ? $0 : nil }
    }
}
