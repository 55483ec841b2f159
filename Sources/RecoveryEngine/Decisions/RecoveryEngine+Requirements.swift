import Policy
import ResilienceCore

// Who needs whom: what the policy says, and what systemd says of the units where the policy asks for that
// (`"dependsOn": ["unit"]`).

extension RecoveryEngine {
    /// Takes up what systemd says that a component's unit requires, or shows by stopping it with another.
    mutating func takeRequirements(_ index: Int, _ observation: UnitObservation) {
        let isTold = self.machines[index].component.needsWhatUnitRequires
        guard let required = isTold ? observation.requires : observation.stoppedWith.map({ [$0] }),
            required != self.machines[index].requiredUnits
        else { return }
        let had = self.owners(of: self.machines[index].requiredUnits ?? [], besides: index)
        let wanted = self.owners(of: required, besides: index)
        self.machines[index].requiredUnits = required
        guard wanted != had else { return }
        let added = wanted.subtracting(self.dependencies[index])
        if had.isSubset(of: wanted), !added.contains(where: { self.needs($0, index) }) {
            // The common case, at the start of a host of any size, costs no more than the edges themselves.
            self.dependencies[index] = (self.dependencies[index] + added).sorted()
            for needed in added.sorted() { self.dependents[needed].append(index) }
            self.evaluateLater(index)
            return
        }
        let before = self.dependencies
        for edge in self.connect() {
            let needed = self.machines[edge.to].component.name
            self.record(
                edge.from,
                .note("by systemd it needs \(needed), which needs it in turn: that is left out, so that both can wait"))
        }
        for other in self.machines.indices where before[other] != self.dependencies[other] { self.evaluateLater(other) }
    }

    /// Makes out who needs whom.
    ///
    /// - Returns: what systemd says and is left out, because it would close a circle. systemd allows for those; here
    ///   each would wait for the other, and nobody would be repaired.
    @discardableResult
    mutating func connect() -> [(from: Int, to: Int)] {
        self.dependencies = self.machines.map { machine in
            machine.component.dependsOn.compactMap { self.indexByName[$0] }.sorted()
        }
        var leftOut: [(from: Int, to: Int)] = []
        for index in self.machines.indices {
            for needed in self.owners(of: self.machines[index].requiredUnits ?? [], besides: index).sorted() {
                guard !self.dependencies[index].contains(needed) else { continue }
                if self.needs(needed, index) {
                    leftOut.append((index, needed))
                } else {
                    self.dependencies[index].append(needed)
                }
            }
            self.dependencies[index].sort()
        }
        self.dependents = Array(repeating: [], count: self.machines.count)
        for (index, needed) in self.dependencies.enumerated() {
            for dependency in needed { self.dependents[dependency].append(index) }
        }
        return leftOut
    }

    /// The components whose own units these are.
    private func owners(of units: [String], besides index: Int) -> Set<Int> {
        Set(
            units.compactMap { unit in
                self.indexByUnit[unit].flatMap { self.machines[$0].component.unit == unit && $0 != index ? $0 : nil }
            })
    }

    /// Whether one component needs another, however far.
    private func needs(_ index: Int, _ other: Int) -> Bool {
        var open = [index]
        var seen: Set<Int> = [index]
        while let next = open.popLast() {
            if next == other { return true }
            for needed in self.dependencies[next] where seen.insert(needed).inserted { open.append(needed) }
        }
        return false
    }
}
