import Policy
import ResilienceCore

// `scale.on`: what a check measures decides how much of a component there is, while nothing is wrong with it. Nothing of
// that is an incident; each change is an action on record, with its reason.

extension RecoveryEngine {
    /// Takes in what the check measured that decides on the component's scale.
    mutating func takeLoad(_ index: Int, _ position: Int, _ result: CheckResult) {
        let check = self.machines[index].trackers[position].check
        guard let on = self.machines[index].component.facts.scale?.on, on.check == check.name else { return }
        // A failure measures nothing: how long it took to fail says nothing of the load.
        guard let level = result.load(check.kind), result.verdict == .up || result.verdict == .degraded else {
            self.machines[index].facts.load = nil
            return
        }
        let before = self.machines[index].facts.load
        var load = FactsState.LoadState(level: level, at: result.finishedAt, told: before?.told)
        if level > on.above { load.highSince = before?.highSince ?? result.finishedAt }
        if level < on.below { load.lowSince = before?.lowSince ?? result.finishedAt }
        if load.highSince == nil, load.lowSince == nil { load.told = nil }
        self.machines[index].facts.load = load
        self.noteLoad(index, load)
        self.scaleByLoad(index)
    }

    /// Follows the load, right after it was measured: never by an old measure.
    private mutating func scaleByLoad(_ index: Int) {
        let machine = self.machines[index]
        guard let scale = machine.component.facts.scale, let on = scale.on, let load = machine.facts.load,
            machine.phase == .healthy, machine.incident == nil, self.isStarted, !machine.isChangingScale(self.host),
            machine.facts.asideNotBefore.map({ $0 <= self.now.monotonic }) ?? true
        else { return }
        let direction: ScaleStrategy.Direction
        if let since = load.highSince, load.at - since >= on.lasting {
            direction = .up
        } else if let since = load.lowSince, load.at - since >= on.lasting {
            direction = .down
        } else {
            return
        }
        let why = machine.explanation(of: load, on, direction)
        switch self.scaleOrder(machine, direction) {
        case .order(let order):
            if let obstacle = self.obstacleToScaling(index, order) { return self.tell(index, obstacle, why) }
            guard case .given(let name, let id) = self.permissionToScale(index, direction, order, why: why) else {
                return
            }
            self.scale(index, direction, order, why: why + (name.map { "; approved by \($0)" } ?? ""), id: id)
        // Nothing is left to stop, as most of the time.
        case .unfit where direction == .down: break
        case .unfit(let obstacle): self.tell(index, Obstacle(kind: obstacle, text: obstacle), why)
        case .wait, .plain: break
        }
    }

    /// - Parameter id: the number under which it was approved.
    private mutating func scale(
        _ index: Int, _ direction: ScaleStrategy.Direction, _ order: ActionOrder, why: String, id: Int64?
    ) {
        let machine = self.machines[index]
        let action = direction == .up ? "SCALE_UP" : "SCALE_DOWN"
        var unit: String?
        if case .properties = machine.component.facts.scale?.kind { unit = machine.activeUnit }
        let request = self.intend(machine, incident: 0, action: action, unit: unit, attempt: 1, order, why: why, id: id)
        self.host.orphans[request.id] = request
        self.host.budget.spend(at: self.now.monotonic)
        self.spendFromGroup(index)
        self.machines[index].lastActedAt = self.now.monotonic
        self.rememberLimits(index, request)
        self.machines[index].facts.saved.loadScaling = LoadScaling(at: self.now.wall, action: action, why: why)
        // The next change asks for its own time, and a failed one for its cooldown too.
        self.noteScaled(index)
        self.machines[index].facts.load = nil
        self.touched.insert(index)
        self.effects.append(.act(request))
    }

    /// Why the load is not followed just now. What is of one kind is told once, however its text goes on changing.
    private struct Obstacle {
        var kind: String
        var text: String
    }

    private mutating func obstacleToScaling(_ index: Int, _ order: ActionOrder) -> Obstacle? {
        let machine = self.machines[index]
        switch machine.component.mode {
        // Of `approve` an operator is asked.
        case .auto, .approve: break
        case .observe: return Obstacle(kind: "mode", text: "its mode is observe")
        }
        if let hold = self.reasonAgainstPlanned(index) {
            return Obstacle(
                kind: "hold \(hold.kind)",
                text: hold.explanation(at: self.now.monotonic) ?? "repairs are held back")
        }
        if let units = order.scaledUnits, self.isInHand(Set(units), besides: index) {
            return Obstacle(kind: "in hand", text: "another action of ours is at work on one of the units")
        }
        return nil
    }

    /// Once for each kind of obstacle while the load stays where it is.
    private mutating func tell(_ index: Int, _ obstacle: Obstacle, _ why: String) {
        guard self.machines[index].facts.load?.told != obstacle.kind else { return }
        self.machines[index].facts.load?.told = obstacle.kind
        self.record(index, .note("\(why), and nothing is done: \(obstacle.text)"))
    }
}

extension ActionOrder {
    fileprivate var scaledUnits: [String]? {
        switch self {
        case .start(let units), .stop(let units): units
        default: nil
        }
    }
}

extension ComponentMachine {
    /// A change of its scale is under way, of which nobody waits for the end.
    fileprivate func isChangingScale(_ host: HostState) -> Bool {
        host.orphans.values.contains { $0.component == self.component.name && $0.action.hasPrefix("SCALE") }
    }

    fileprivate func explanation(
        of load: FactsState.LoadState, _ on: LoadTrigger, _ direction: ScaleStrategy.Direction
    ) -> String {
        let isShare = self.trackers.first { $0.check.name == on.check }?.check.kind.loadMeasure == .share
        func text(_ level: Double) -> String {
            isShare ? "\(Int((level * 100).rounded())) %" : Duration.nanoseconds(Int64(level * 1e9)).brief
        }
        let bound = direction == .up ? "above \(text(on.above))" : "below \(text(on.below))"
        return "load: \(on.check) is \(bound) for \(on.lasting.brief), \(text(load.level)) at last"
    }
}

extension CheckResult {
    /// What it measured; `nil` where it is no number to go by.
    fileprivate func load(_ kind: CheckKind) -> Double? {
        let level: Double?
        switch kind.loadMeasure {
        case .time: level = (self.finishedAt - self.startedAt).inSeconds
        case .share: level = self.share
        case nil: level = nil
        }
        return level.flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
    }
}
