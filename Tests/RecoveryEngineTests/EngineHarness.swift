import Policy
import RecoveryEngine
import ResilienceCore

/// Drives an engine along a clock of its own and collects what it asks for.
struct EngineHarness {
    var engine = RecoveryEngine(seed: 1)
    /// The clock; whole nanoseconds, so that a deadline is met exactly.
    var instant = MonotonicInstant(nanoseconds: 1_000_000_000_000)
    /// How far the wall clock was set away.
    var wallOffset: Duration = .zero
    /// Every effect so far.
    var effects: [Effect] = []
    /// Looks at releases that have been answered.
    var answered = 0
    /// Units that somebody else has frozen; what systemd says when it is asked.
    var frozen: Set<String> = []
    /// Whether systemd can be asked for that.
    var tellsOfFrost = true

    var now: Moment {
        Moment(
            monotonic: self.instant,
            wall: WallTime(microseconds: 1_700_000_000_000_000 + self.instant.nanoseconds / 1_000) + self.wallOffset)
    }

    /// The clock in seconds.
    var seconds: Double {
        get { Double(self.instant.nanoseconds) / 1e9 }
        set { self.instant = MonotonicInstant(nanoseconds: Int64(newValue * 1e9)) }
    }

    init(
        _ components: [Component], guards: Guards = Guards(), channels: [Channel] = [],
        restored: RestoredState = .init()
    ) {
        let policy = PolicySnapshot(
            components: components, guards: guards,
            channels: Dictionary(uniqueKeysWithValues: channels.map { ($0.name, $0) }))
        self.init(policy: policy, restored: restored)
    }

    /// - Parameter instant: where the clock stands; `nil` for any time.
    /// - Parameter localOffset: how far the machine's own time is ahead of UTC.
    init(
        policy: PolicySnapshot, restored: RestoredState = .init(), at instant: MonotonicInstant? = nil,
        localOffset: Int64 = 0
    ) {
        self.engine = RecoveryEngine(seed: 1) { _ in localOffset }
        if let instant { self.instant = instant }
        self.send(.policyLoaded(policy, generation: 1))
        self.send(.started(restored))
    }

    /// What is written down.
    var saved: (components: [String: SavedComponent], host: SavedHost?) {
        var components: [String: SavedComponent] = [:]
        var host: SavedHost?
        for effect in self.effects {
            switch effect {
            case .saveComponent(let name, let state): components[name] = state
            case .forgetComponent(let name): components[name] = nil
            case .saveHost(let state): host = state
            default: continue
            }
        }
        return (components, host)
    }

    @discardableResult
    mutating func send(_ event: Event) -> [Effect] {
        var new = self.engine.handle(event, at: self.now)
        self.effects += new
        for case .lookAtFreezer(let unit) in new where self.tellsOfFrost {
            let seen = FreezerObservation(isFrozen: self.frozen.contains(unit), invocationID: "of \(unit)")
            new += self.send(.freezerSeen(unit: unit, seen))
        }
        return new
    }

    /// Lets time pass, answering each probe with what `answer` says of it.
    @discardableResult
    mutating func advance(
        by duration: Double, answer: (ProbeRequest) -> Verdict? = { _ in nil }
    ) -> [Effect] {
        let end = self.instant + .nanoseconds(Int64(duration * 1e9))
        var new: [Effect] = []
        for _ in 0..<100_000 {
            guard let next = self.engine.nextDeadline, next <= end else { break }
            self.instant = max(self.instant, next)
            let effects = self.send(.deadline)
            new += effects
            new += self.answerProbes(in: effects, answer)
        }
        self.instant = end
        return new
    }

    @discardableResult
    mutating func answerProbes(in effects: [Effect], _ answer: (ProbeRequest) -> Verdict?) -> [Effect] {
        var new: [Effect] = []
        var asked = effects.probes
        while let request = asked.first {
            asked.removeFirst()
            guard let verdict = answer(request) else { continue }
            let failure = verdict == .up ? nil : Failure(reason: .connection, message: "connection refused")
            let effects = self.send(
                .probeFinished(
                    id: request.id, component: request.component, check: request.check.name,
                    CheckResult(
                        verdict: verdict, failure: failure, startedAt: self.now.monotonic,
                        finishedAt: self.now.monotonic)))
            new += effects
            asked += effects.probes
        }
        return new
    }

    @discardableResult
    mutating func observe(_ unit: String, _ observation: UnitObservation) -> [Effect] {
        self.send(.unitObserved(unit: unit, observation))
    }

    /// The unit runs, as invocation `id`.
    @discardableResult
    mutating func running(_ unit: String, _ id: String) -> [Effect] {
        self.observe(
            unit,
            UnitObservation(
                activeState: .active, subState: "running", invocationID: id, mainPID: 42,
                activeEnteredAt: self.now.wall))
    }

    /// The unit's main process was killed.
    @discardableResult
    mutating func killed(_ unit: String, _ id: String, result: String = "signal", status: Int32 = 9) -> [Effect] {
        let kind: ProcessExit.Kind = result == "exit-code" ? .exited : .killed
        return self.observe(
            unit,
            UnitObservation(
                activeState: .failed, subState: "failed", invocationID: id, result: result,
                exit: ProcessExit(kind: kind, status: status, at: self.now.wall), inactiveEnteredAt: self.now.wall))
    }

    /// The unit does not run, and that is as it should be.
    @discardableResult
    mutating func stopped(_ unit: String, _ id: String? = nil, byOther: Bool = false) -> [Effect] {
        self.observe(
            unit,
            UnitObservation(
                activeState: .inactive, subState: "dead", invocationID: id, stoppedByOther: byOther,
                inactiveEnteredAt: self.now.wall))
    }

    @discardableResult
    mutating func finish(_ request: ActionRequest, _ result: ActionResult = .succeeded) -> [Effect] {
        self.send(.actionFinished(id: request.id, ActionOutcome(result, detail: "")))
    }

    /// The state `healctl status` shows.
    func state(of name: String) -> String? {
        self.engine.componentStatuses(at: self.now).first { $0.name == name }?.state
    }
}

extension [Effect] {
    var actions: [ActionRequest] {
        self.compactMap { if case .act(let request) = $0 { request } else { nil } }
    }
    var records: [AuditRecord.Body] {
        self.compactMap { if case .record(let record) = $0 { record.body } else { nil } }
    }
    var alerts: [AlertMessage] {
        self.compactMap { if case .alert(let message) = $0 { message } else { nil } }
    }
    var probes: [ProbeRequest] {
        self.compactMap { if case .probe(let request) = $0 { request } else { nil } }
    }
    var looksAtReleases: Int {
        self.count { if case .lookAtRelease = $0 { true } else { false } }
    }
    /// What was written down last, by component.
    var saved: [String: SavedComponent] {
        var saved: [String: SavedComponent] = [:]
        for case .saveComponent(let name, let state) in self { saved[name] = state }
        return saved
    }
    var resolutions: [Healer] {
        self.records.compactMap { if case .incidentResolved(_, let by) = $0 { by } else { nil } }
    }
    var openings: [IncidentOpening] {
        self.records.compactMap { if case .incidentOpened(let opening) = $0 { opening } else { nil } }
    }
    var notes: [String] {
        self.records.compactMap { if case .note(let text) = $0 { text } else { nil } }
    }
    var skips: [String] {
        self.records.compactMap {
            if case .actionSkipped(_, let action, _, _, let why) = $0 { "\(action): \(why)" } else { nil }
        }
    }
}

extension Component {
    /// A component with a unit check alone.
    static func service(
        _ name: String, dependsOn: [String] = [], mode: Mode = .auto, stable: Duration = .seconds(2),
        criticality: Criticality = .important, recovery: [Step] = Step.defaultLadder, breaker: BreakerPolicy = .init()
    ) -> Component {
        Component(
            name: name, unit: "\(name).service", criticality: criticality, dependsOn: dependsOn, mode: mode,
            stable: stable, checks: [Check(name: "unit", kind: .unit(UnitCheck()))], recovery: recovery,
            breaker: breaker)
    }

    /// An endpoint without a unit.
    static func endpoint(_ name: String, dependsOn: [String] = [], recovery: [Step]) -> Component {
        Component(
            name: name, dependsOn: dependsOn,
            checks: [Check(name: "tcp", kind: .tcp(TCPCheck(host: "127.0.0.1", port: 1)), interval: .seconds(5))],
            recovery: recovery)
    }
}

extension Step {
    static let page = Step(strategy: .alert(AlertStrategy(channels: ["oncall"])))
    static func restart(
        _ attempts: Attempts = .limited(3), backoff: Backoff = Backoff(jitter: 0), when: Condition = Condition()
    ) -> Step {
        Step(strategy: .restart(RestartStrategy()), when: when, attempts: attempts, backoff: backoff)
    }
}
