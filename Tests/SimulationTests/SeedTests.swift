import Foundation
import Simulation
import Testing

/// Runs the real decisions through made-up worlds, each wholly decided by its seed, and lets the checkers watch.
///
/// `HEALD_SIM_SEEDS` (1,000) says how many seeds, `HEALD_SIM_FIRST` (1) where they begin.
@Suite struct SeedTests {
    static let count = Self.number("HEALD_SIM_SEEDS") ?? 1_000
    static let first = Self.number("HEALD_SIM_FIRST") ?? 1
    /// Enough slices to keep every core busy to the end.
    static let slices = Array(0..<16)

    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    @Test(arguments: Self.slices)
    func `every invariant holds for every seed`(slice: Int) async {
        var seed = Self.first + UInt64(slice)
        while seed < Self.first + Self.count {
            // Other tests share the threads.
            await Task.yield()
            let report = Simulation.run(seed: seed)
            if let violation = report.violations.first {
                Issue.record(Comment(rawValue: Self.story(of: seed, violation)))
                return
            }
            seed += UInt64(Self.slices.count)
        }
    }

    /// What a person needs to look into it.
    private static func story(of seed: UInt64, _ violation: String) -> String {
        let traced = Simulation.run(seed: seed, traced: true)
        let lines = traced.trace.suffix(40).map { "    \($0.prefix(400))" }
        return """
            seed \(seed) (\(traced.theme)): \(violation)
            the last of what happened:
            \(lines.joined(separator: "\n"))
            replay it with: swift run healsim \(seed)
            """
    }

    @Test func `equal seeds give equal traces, and different seeds different ones`() {
        var traces: Set<[String]> = []
        for seed in UInt64(1)...24 {
            let trace = Simulation.run(seed: seed, traced: true).trace
            #expect(trace == Simulation.run(seed: seed, traced: true).trace, "seed \(seed)")
            traces.insert(trace)
        }
        #expect(traces.count == 24)
    }

    @Test func `watching a run changes nothing in it`() {
        for seed in UInt64(1)...16 {
            let silent = Simulation.run(seed: seed)
            let traced = Simulation.run(seed: seed, traced: true)
            #expect(silent.virtualSeconds == traced.virtualSeconds)
            #expect(silent.actions == traced.actions)
        }
    }

    @Test func `the worlds are eventful enough to prove something`() {
        var themes: Set<String> = []
        var actions = 0
        var incidents = 0
        for seed in UInt64(1)...200 {
            let report = Simulation.run(seed: seed)
            themes.insert(report.theme)
            actions += report.actions
            incidents += report.incidents
            if report.theme == "quiet" { #expect(report.actions == 0, "seed \(seed) repairs what is well") }
        }
        #expect(themes.count == 8)
        #expect(actions > 200)
        #expect(incidents > 300)
    }

    @Test func `every action is carried out, taken back and given back somewhere`() {
        var successes: [String: Int] = [:]
        for seed in UInt64(1)...600 {
            successes.merge(Simulation.run(seed: seed).successes, uniquingKeysWith: +)
        }
        let often = ["CLEAR_CACHE", "ROLLBACK", "FAILOVER", "SWITCH_ENDPOINT", "SCALE_UP", "REDUCE_LOAD", "RESTART"]
        for name in often { #expect(successes[name, default: 0] >= 10, "\(name)") }
        let sometimes = [
            "SCALE_DOWN", "CIRCUIT_BREAK", "planned FAILOVER", "planned CIRCUIT_BREAK", "undo FAILOVER",
            "undo ROLLBACK", "undo CIRCUIT_BREAK", "aside REDUCE_LOAD", "aside SWITCH_ENDPOINT",
        ]
        for name in sometimes { #expect(successes[name, default: 0] >= 1, "\(name)") }
    }
}
