import Simulation

#if canImport(Glibc)
    import Glibc
#endif

/// `healsim SEED…` replays simulated runs and prints everything that happens in them; equal seeds print equal bytes.
/// `healsim --search FIRST COUNT` runs many and prints only those in which an invariant does not hold.
///
/// Exit status: 0 where all invariants hold, 1 where one does not, 64 for wrong usage.
@main
struct Main {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == "--search", arguments.count == 3, let first = UInt64(arguments[1]),
            let count = UInt64(arguments[2])
        {
            exit(self.search(first, count))
        }
        let seeds = arguments.compactMap { UInt64($0) }
        guard !seeds.isEmpty, seeds.count == arguments.count else {
            print("usage: healsim SEED…                  replays runs, every line of them")
            print("       healsim --search FIRST COUNT   runs seeds and prints those that break an invariant")
            exit(64)
        }
        exit(self.replay(seeds))
    }

    private static func replay(_ seeds: [UInt64]) -> Int32 {
        var status: Int32 = 0
        for seed in seeds {
            let report = Simulation.run(seed: seed, traced: true)
            print("seed \(seed), theme \(report.theme)")
            for line in report.trace { print(line) }
            for violation in report.violations { print("VIOLATED: \(violation)") }
            if report.violations.isEmpty { print("all invariants hold") } else { status = 1 }
        }
        return status
    }

    private static func search(_ first: UInt64, _ count: UInt64) -> Int32 {
        var broken = 0
        var actions = 0
        var incidents = 0
        var successes: [String: Int] = [:]
        for seed in first..<(first + count) {
            let report = Simulation.run(seed: seed)
            actions += report.actions
            incidents += report.incidents
            successes.merge(report.successes, uniquingKeysWith: +)
            guard let violation = report.violations.first else { continue }
            broken += 1
            print("seed \(seed) (\(report.theme)): \(violation)")
        }
        print("\(count) seeds, \(incidents) incidents, \(actions) actions; \(broken) seeds break an invariant")
        for (name, count) in successes.sorted(by: { $0.key < $1.key }) { print("    \(count) × \(name)") }
        return broken == 0 ? 0 : 1
    }
}
