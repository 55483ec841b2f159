import RecoveryEngine
import ResilienceCore

/// Operators who try whether heald heals. It draws from a source of its own, so that all else stays what it was.
struct DrillPlanner {
    var random: SeededGenerator
    let theme: Scenario.Theme
    let components: [String]
    let calmAt: Duration

    init(seed: UInt64, theme: Scenario.Theme, components: [String], calmAt: Duration) {
        self.random = SeededGenerator(seed: seed ^ 0xD2_1115_00D2_1115)
        self.theme = theme
        self.components = components
        self.calmAt = calmAt
    }

    mutating func plan() -> [(at: Duration, what: Disturbance)] {
        // Nothing fails in a quiet world, on purpose neither.
        guard self.theme != .quiet, self.random.chance(0.6) else { return [] }
        var plan: [(at: Duration, what: Disturbance)] = []
        for _ in 0..<self.random.int(1...6) {
            let at = self.random.milliseconds(0...Int(self.calmAt.inNanoseconds / 1_000_000))
            plan.append(
                (
                    at,
                    .drill(component: self.random.pick(self.components), self.random.chance(0.5) ? .kill : .hang)
                ))
        }
        return plan
    }
}
