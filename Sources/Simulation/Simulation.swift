import RecoveryEngine
import ResilienceCore

/// Deterministic simulation: the real decisions in a made-up world, in virtual time.
///
/// A seed decides the policy, the services, everything that goes wrong and when. Equal seeds give equal runs, byte for
/// byte, on any machine.
public enum Simulation {
    /// What came of one run.
    public struct Report: Sendable {
        public var seed: UInt64
        /// What kinds of things happened in it.
        public var theme: String
        /// Invariants that did not hold; the run ends at the first.
        public var violations: [String]
        /// Everything that happened, where it was asked for.
        public var trace: [String]
        /// Virtual time at the end, in seconds.
        public var virtualSeconds: Double
        /// Disruptive actions carried out.
        public var actions: Int
        public var incidents: Int
        /// Actions that succeeded, by name; what takes back, what was planned and what is done aside with a word before
        /// it.
        public var successes: [String: Int]
    }

    /// Runs one seed.
    ///
    /// - Parameter traced: keep every line of what happens.
    public static func run(seed: UInt64, traced: Bool = false) -> Report {
        let world = SimulatedWorld(scenario: Scenario(seed: seed), trace: Trace(traced ? .all : .off))
        world.run()
        var actions = 0
        var incidents = 0
        var successes: [String: Int] = [:]
        for record in world.store.allRecords {
            switch record.body {
            case .actionIntended(_, _, _, _, .some, _): actions += 1
            case .incidentOpened: incidents += 1
            case .actionFinished(let id, let outcome) where outcome.result == .succeeded:
                if let name = world.actionNames[id] { successes[name, default: 0] += 1 }
            default: break
            }
        }
        return Report(
            seed: seed, theme: world.scenario.theme.rawValue,
            violations: world.referee.violations.map(\.description), trace: world.trace.lines,
            virtualSeconds: (world.now - MonotonicInstant(nanoseconds: 0)).inSeconds, actions: actions,
            incidents: incidents, successes: successes)
    }
}
