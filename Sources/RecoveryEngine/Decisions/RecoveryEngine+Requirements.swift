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
        self.machines[index].requiredUnits = required
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
        var byOwnUnit: [String: Int]?
        for index in self.machines.indices where self.machines[index].requiredUnits != nil {
            let owners = byOwnUnit ?? self.indexByOwnUnit()
            byOwnUnit = owners
            for needed in Set((self.machines[index].requiredUnits ?? []).compactMap { owners[$0] }).sorted() {
                guard needed != index, !self.dependencies[index].contains(needed) else { continue }
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

    private func indexByOwnUnit() -> [String: Int] {
        var found: [String: Int] = [:]
        for (index, machine) in self.machines.enumerated() {
            if let unit = machine.component.unit, found[unit] == nil { found[unit] = index }
        }
        return found
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
