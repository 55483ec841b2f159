import ResilienceCore

/// What a breaker of calls has to do, said as plainly as possible: it keeps everything that happened since the last
/// change and counts afresh each time. Slow and unbounded, to be compared with the real one.
struct BreakerModel {
    struct Call {
        var severity: Severity?
        var slow: Bool
        var endedAt: MonotonicInstant
    }

    struct Permit {
        var epoch: Int
        var beganAt: MonotonicInstant
    }

    let settings: BreakerSettings
    var kind = BreakerStateKind.closed
    var epoch = 0
    var level = 0
    private var until = MonotonicInstant(nanoseconds: 0)
    private var ended: [Call] = []
    private var eligible: [Int] = []
    private var admitted = 0
    private var step = 0
    private var inFlight = 0
    private var successes = 0
    private var lastTrialAt: MonotonicInstant?
    private var closedAt: MonotonicInstant?
    private var wasOpenFor = Duration.zero

    init(_ settings: BreakerSettings) { self.settings = settings }

    var state: CallBreakerMachine.State {
        switch self.kind {
        case .closed: .closed
        case .open: .open(until: self.until)
        case .halfOpen: .halfOpen(step: self.step, inFlight: self.inFlight, successes: self.successes)
        case .forcedOpen: .forcedOpen
        case .forcedClosed: .forcedClosed
        }
    }

    private var plan: (percents: [Int], calls: Int) {
        switch self.settings.halfOpen {
        case .trials(let trials): ([100], trials)
        case .ramp(let percents, let calls): (percents, calls)
        }
    }

    mutating func admit(at now: MonotonicInstant) -> Permit? {
        if self.kind == .open, now >= self.until {
            self.enter(.halfOpen)
            (self.step, self.inFlight, self.successes) = (0, 0, 0)
            (self.eligible, self.admitted, self.lastTrialAt) = ([100 - self.plan.percents[0]], 0, nil)
        }
        switch self.kind {
        case .closed, .forcedClosed: break
        case .open, .forcedOpen: return nil
        case .halfOpen:
            if self.inFlight + self.successes >= self.plan.calls {
                if let lastTrialAt, now - lastTrialAt >= self.settings.hungAfter { self.open(at: now, again: true) }
                return nil
            }
            self.eligible.append(self.plan.percents[self.step])
            guard self.eligible.reduce(0, +) / 100 > self.admitted else { return nil }
            self.admitted += 1
            self.inFlight += 1
            self.lastTrialAt = now
        }
        return Permit(epoch: self.epoch, beganAt: now)
    }

    mutating func finish(_ permit: Permit, _ outcome: CallBreakerMachine.Outcome, at now: MonotonicInstant) {
        guard permit.epoch == self.epoch else { return }
        let slow = self.settings.slow.map { now - permit.beganAt > $0.longerThan } ?? false
        switch (self.kind, outcome) {
        case (.closed, .success): self.ended.append(Call(severity: nil, slow: slow, endedAt: now))
        case (.closed, .failure(let severity)):
            self.ended.append(Call(severity: severity, slow: slow, endedAt: now))
        case (.halfOpen, .ignored): self.inFlight -= 1
        case (.halfOpen, .success) where !slow:
            self.inFlight -= 1
            self.successes += 1
            if self.successes >= self.plan.calls {
                self.successes = 0
                self.step += 1
                if self.step == self.plan.percents.count {
                    self.enter(.closed)
                    self.closedAt = now
                }
            }
        case (.halfOpen, .success), (.halfOpen, .failure): self.open(at: now, again: true)
        default: return
        }
        if self.kind == .closed, !self.ended.isEmpty, self.hasToOpen(at: now) { self.open(at: now, again: false) }
    }

    private func hasToOpen(at now: MonotonicInstant) -> Bool {
        switch self.settings.rule {
        case .consecutive(let failures):
            return self.ended.count >= failures && self.ended.suffix(failures).allSatisfy { $0.severity != nil }
        case .countWindow(let calls, let minimum, let share):
            return self.isTooMuch(of: Array(self.ended.suffix(calls)), minimum, share)
        case .timeWindow(let length, let minimum, let share):
            let tenth = length.inNanoseconds / 10
            let recent = self.ended.filter { now.nanoseconds / tenth - $0.endedAt.nanoseconds / tenth < 10 }
            return self.isTooMuch(of: recent, minimum, share)
        case .severity(let least, let failures, let within):
            return self.ended.count { call in
                call.severity.map { $0 >= least } == true && now - call.endedAt < within
            } >= failures
        }
    }

    private func isTooMuch(of calls: [Call], _ minimum: Int, _ share: Double) -> Bool {
        guard calls.count >= minimum else { return false }
        let failed = calls.count { $0.severity != nil }
        let slow = calls.count { $0.slow }
        return failed > 0 && Double(failed) / Double(calls.count) >= share
            || slow > 0 && Double(slow) / Double(calls.count) >= self.settings.slow?.share ?? 2
    }

    private mutating func open(at now: MonotonicInstant, again: Bool) {
        let held = self.closedAt.map { now - $0 >= self.wasOpenFor } ?? true
        self.level = again || !held ? self.level + 1 : 0
        self.enter(.open)
        self.wasOpenFor = self.openTime
        self.until = now + self.wasOpenFor
    }

    private var openTime: Duration {
        var time = self.settings.openFor
        for _ in 0..<self.level { time = min(time.scaled(by: self.settings.openGrowth), self.settings.openMax) }
        return time
    }

    mutating func enter(_ kind: BreakerStateKind) {
        self.kind = kind
        self.epoch += 1
        self.ended = []
    }

    mutating func reset() {
        self.enter(.closed)
        self.level = 0
        self.closedAt = nil
    }

    mutating func restore(_ snapshot: BreakerSnapshot, at now: MonotonicInstant) {
        self.level = snapshot.level
        let inRow = snapshot.failuresInRow
        self.enter(snapshot.state == .halfOpen ? .open : snapshot.state)
        if self.kind == .open {
            self.wasOpenFor = self.openTime
            self.until = now + min(snapshot.openLeft, self.wasOpenFor)
        }
        if self.kind == .closed, case .consecutive = self.settings.rule {
            self.ended = Array(repeating: Call(severity: .high, slow: false, endedAt: now), count: inRow)
        }
    }

    // MARK: Telling states apart

    /// All that decides what comes, with times as they lie from `now`, none further than `horizon`: two models of which
    /// this is the same have the same future.
    func memory(at now: MonotonicInstant, horizon: Int, levelMax: Int) -> [Int] {
        func lies(_ time: MonotonicInstant?) -> Int { time.map { seconds($0, from: now, horizon) } ?? .max }
        var memory = [
            BreakerStateKind.allCases.firstIndex(of: self.kind) ?? -1, min(self.level, levelMax),
            lies(self.kind == .open ? self.until : nil), lies(self.closedAt), Int(self.wasOpenFor.components.seconds),
        ]
        if self.kind == .halfOpen {
            memory += [
                self.eligible.reduce(0, +) - 100 * self.admitted, self.step, self.inFlight, self.successes,
                lies(self.lastTrialAt),
            ]
        }
        guard self.kind == .closed else { return memory }
        for call in self.ended.suffix(self.callsThatMatter) {
            let severity = call.severity.flatMap { Severity.allCases.firstIndex(of: $0) } ?? -1
            memory += [severity, call.slow ? 1 : 0, self.ageMatters ? lies(call.endedAt) : 0]
        }
        return memory
    }

    private var callsThatMatter: Int {
        switch self.settings.rule {
        case .consecutive(let failures), .severity(_, let failures, _): failures
        case .countWindow(let calls, _, _): calls
        case .timeWindow: .max
        }
    }

    private var ageMatters: Bool {
        switch self.settings.rule {
        case .consecutive, .countWindow: false
        case .timeWindow, .severity: true
        }
    }
}

/// How far a time lies from another, in seconds; no further than `horizon`.
func seconds(_ time: MonotonicInstant, from now: MonotonicInstant, _ horizon: Int) -> Int {
    max(-horizon, min(horizon, Int((time - now).components.seconds)))
}
