import Policy
import ResilienceCore

/// What the processes of a unit use at one moment; `nil` where it could not be learnt.
struct UnitUsage: Hashable, Sendable {
    var memory: Int64?
    /// Processor time since the unit's group was made; where it is summed over processes, of those that live.
    var cpu: Duration?
    /// The processes whose times were summed; a sum over others cannot be compared.
    var tasks: Int?
    var openFiles: Int?
}

/// Compares what a unit uses with the limits of a `resources` check.
enum ResourcesProbe {
    /// - Parameter cpuShare: share of one core since the last run; `nil` where there was none to compare with.
    static func judge(_ check: ResourcesCheck, _ usage: UnitUsage, cpuShare: Double?) -> Finding {
        var excesses: [String] = []
        var unlearnt: [String] = []
        var fullest: Double?
        func compare<Amount: Comparable>(
            _ what: String, _ amount: Amount?, _ most: Amount?, number: (Amount) -> Double, _ text: (Amount) -> String
        ) {
            guard let most else { return }
            guard let amount else { return unlearnt.append(what) }
            if number(most) > 0 { fullest = max(fullest ?? 0, number(amount) / number(most)) }
            if amount > most { excesses.append("\(what) \(text(amount)), at most \(text(most))") }
        }
        compare("memory", usage.memory, check.memory, number: Double.init) { bytesText($0) }
        compare("tasks", usage.tasks, check.tasks, number: Double.init) { String($0) }
        compare("open files", usage.openFiles, check.openFiles, number: Double.init) { String($0) }
        // The first run only takes the measure.
        if usage.cpu == nil || cpuShare != nil {
            compare("cpu", cpuShare, check.cpu, number: { $0 }, { "\(Int(($0 * 100).rounded()))%" })
        }
        guard excesses.isEmpty else {
            return .down(.resource, "\(check.unit) exceeds its limits: \(excesses.joined(separator: "; "))")
        }
        guard unlearnt.isEmpty else {
            return .unknown(
                "could not learn of \(check.unit): \(unlearnt.joined(separator: ", "))", reason: .resource)
        }
        if check.cpu != nil, cpuShare == nil, check.memory == nil, check.tasks == nil, check.openFiles == nil {
            return .unknown("the processor time of \(check.unit) is measured from now on")
        }
        var finding = Finding.up
        finding.share = fullest
        return finding
    }
}
