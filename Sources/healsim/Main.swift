#if canImport(Glibc)
    import Glibc
#endif
import Simulation

/// `healsim SEED…`: replays seeds and prints everything that happens in them.
///
/// Exit status: 0 where all invariants hold, 1 where one does not, 64 for wrong usage.
@main
struct Main {
    static func main() {
        let seeds = CommandLine.arguments.dropFirst().map { UInt64($0) }
        guard !seeds.isEmpty, !seeds.contains(nil) else {
            print("usage: healsim SEED…    replays simulated runs; a seed is a whole number")
            exit(64)
        }
        var isBroken = false
        for case let seed? in seeds {
            let report = Simulation.run(seed: seed, traced: true)
            print("seed \(seed), theme \(report.theme)")
            for line in report.trace { print(line) }
            for violation in report.violations { print("VIOLATED: \(violation)") }
            if report.violations.isEmpty { print("all invariants hold") }
            isBroken = isBroken || !report.violations.isEmpty
        }
        exit(isBroken ? 1 : 0)
    }
}
