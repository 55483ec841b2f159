import Policy
import RecoveryEngine
import ResilienceCore

/// A machine with its units, its service manager, its clocks and disk, and the supervisor on it, in virtual time.
///
/// The supervisor's decisions are those of the real `RecoveryEngine`; everything around it is made up and goes wrong as
/// the scenario says. Single-threaded; all that happens follows from the scenario.
final class SimulatedWorld {
    typealias Happening = (SimulatedWorld) -> Void

    let scenario: Scenario
    var random: SeededGenerator
    var clock = VirtualClock()
    var queue = EventQueue<Happening>()
    var units: [String: SimulatedUnit] = [:]
    var manager = ServiceManagerState()
    /// Until then nobody answers over the network.
    var networkLostUntil = MonotonicInstant(nanoseconds: 0)
    /// Trouble of a component's endpoint that no restart cures, and when it ends.
    var troubles: [String: (state: EndpointState, until: MonotonicInstant)] = [:]
    var wellness: [String: Bool] = [:]
    /// Releases, by the link that says which is current.
    var releases: [String: SimulatedReleases] = [:]
    /// The unit that each endpoint's file names.
    var pointers: [String: String] = [:]
    /// Actions of several steps, by their number.
    var actionNames: [Int64: String] = [:]
    var barriers = StartBarriers()
    /// Units with other limits than their own.
    var limited: Set<String> = []
    /// How many instances of a component it takes, and until when.
    var demands: [String: (instances: Int, until: MonotonicInstant)] = [:]
    var supervisor = SimulatedSupervisor()
    var store = SimulatedStore()
    var policyIndex = 0
    var isCalm = false
    /// Without power.
    var isOff = false
    var referee: Referee
    var trace: Trace
    private var happened = 0
    /// More than any sane run needs: an endless loop in virtual time is a finding, not a hang.
    private static let happeningsMax = 400_000

    init(scenario: Scenario, trace: Trace = Trace(.off), checkers: [any Checker] = Referee.allCheckers()) {
        self.scenario = scenario
        self.random = SeededGenerator(seed: scenario.seed ^ 0x5DEE_CE66_D1CE_5EED)
        self.referee = Referee(checkers: checkers)
        self.trace = trace
        for nature in scenario.units {
            self.units[nature.name] = SimulatedUnit(
                name: nature.name, startup: nature.startup, bootTime: nature.bootTime, stopTime: nature.stopTime,
                ownRestart: nature.ownRestart, isEnabled: nature.isEnabled,
                requires: nature.requires.sorted())
        }
        for component in scenario.policies[0].components {
            guard let link = component.facts.release?.current else { continue }
            self.releases[link] = SimulatedReleases(current: "r1", changedAt: self.clock.wall, available: ["r0", "r1"])
        }
    }

    var now: MonotonicInstant { self.clock.now }

    /// Units in name order: dictionaries have none, and every run must be the same.
    var unitNames: [String] { self.units.keys.sorted() }

    func after(_ delay: Duration, _ happening: @escaping Happening) {
        self.queue.add(happening, at: self.now + max(.zero, delay))
    }

    /// Runs the scenario to its end, or to the first violation.
    func run() {
        for name in self.unitNames where self.units[name]?.isEnabled == true { self.beginProcess(name, isBoot: true) }
        self.after(.seconds(1)) { $0.startSupervisor() }
        self.beginHeartbeats()
        for (at, disturbance) in self.scenario.disturbances {
            self.after(.seconds(15) + at) { $0.disturb(disturbance) }
        }
        self.after(.seconds(15) + self.scenario.calmAt) { $0.becomeCalm() }
        while self.referee.violations.isEmpty, !self.isOver, let (at, happening) = self.queue.next() {
            self.happened += 1
            if self.happened > Self.happeningsMax {
                self.referee.violate("virtual time goes on", "\(self.happened) happenings without an end", at: self.now)
                break
            }
            self.clock.advance(to: at)
            happening(self)
        }
        guard self.referee.violations.isEmpty else { return }
        let frozen = self.unitNames.filter { self.units[$0]?.frozenBy == .us }
        self.tell(.left(barred: self.barriers.written, reduced: self.limited.union(frozen)))
        self.tell(.drillsOver(stopped: Set(self.unitNames.filter { self.units[$0]?.isHeldUp == true })))
        self.tell(
            .ended(
                records: self.store.allRecords,
                hopeless: Set(self.units.values.filter(\.brokenForGood).map(\.name)), settled: self.isSettled))
    }

    var isOver: Bool = false

    func tell(_ fact: Fact) { self.referee.observe(fact, at: self.now) }

    func note(_ line: @autoclosure () -> String) { self.trace.add(line(), at: self.now, wall: self.clock.wall) }

    // MARK: - The truth

    /// Whether a component is as it should be: running, serving, and everything it needs, too.
    func isTrulyWell(_ component: Component) -> Bool {
        // The unit that heald looks at counts where something looks at it.
        let isSeen = component.checks.contains { $0.kind.isUnit && $0.enabled }
        for unit in [self.servingUnit(of: component), isSeen ? self.unitInCare(of: component) : nil] {
            guard let unit else { continue }
            guard let unit = self.units[unit], unit.activeState == .active else { return false }
        }
        return self.endpoint(of: component) == .well
    }

    /// How the component's endpoint would answer now.
    func endpoint(of component: Component, depth: Int = 0) -> EndpointState {
        if let name = self.servingUnit(of: component) {
            guard let unit = self.units[name] else { return .refused }
            let answer = self.answer(of: unit)
            if answer != .well { return answer }
        }
        if self.isOverloaded(component) { return .status(429) }
        if let trouble = self.troubles[component.name], trouble.until > self.now { return trouble.state }
        guard depth < 10 else { return .well }
        for name in component.dependsOn {
            guard let other = self.currentPolicy.components.first(where: { $0.name == name }) else { continue }
            switch self.endpoint(of: other, depth: depth + 1) {
            case .well, .slow, .silent: continue
            case .hangs: return .hangs
            case .refused, .status, .nonsense: return .status(503)
            }
        }
        return .well
    }

    var currentPolicy: PolicySnapshot { self.scenario.policies[self.policyIndex] }

    /// Tells the referee whose true state changed.
    func reviewTruth() {
        for component in self.currentPolicy.components {
            let isWell = self.isTrulyWell(component)
            guard self.wellness[component.name] != isWell else { continue }
            self.wellness[component.name] = isWell
            self.note("truth     \(component.name) is \(isWell ? "well" : "not well")")
            self.tell(.truth(component: component.name, isWell: isWell))
        }
    }
}
