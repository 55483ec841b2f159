import Glibc
import Policy
import ResilienceCore
import Synchronization

/// Finds the control groups of units and measures what they use between two runs of a check.
///
/// systemd puts a unit's group, named after the unit, into the group of its slice, and slices into slices. So only
/// slices are searched; nobody needs to be asked, and it works while the bus is gone.
///
/// - SeeAlso: systemd.slice(5); org.freedesktop.systemd1(5), `ControlGroup`.
final class ControlGroups: Sendable {
    private struct Measure {
        var directory: String
        var cpu: Duration
        var at: MonotonicInstant
    }

    private let roots: [String]
    private let measures = Mutex<[String: Measure]>([:])
    private static let measuresMax = 10_000
    private static let slicesMax = 5_000

    /// The unified hierarchy, alone or beside the old ones; else systemd's own, which accounts for nothing.
    static let systemRoots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"]

    init(roots: [String] = ControlGroups.systemRoots) { self.roots = roots }

    func look(_ check: ResourcesCheck, key: String, deadline: MonotonicInstant) -> Finding {
        guard let directory = self.directory(of: check.unit) else {
            return .unknown("\(check.unit) has no control group: it does not run")
        }
        let usage = ControlGroup(directory: directory).usage(
            memory: check.memory != nil, openFiles: check.openFiles != nil, deadline: deadline)
        guard let usage, usage.tasks != 0 else {
            return .unknown("\(check.unit) has no process: it does not run")
        }
        return ResourcesProbe.judge(check, usage, cpuShare: self.share(usage.cpu, key: key, directory: directory))
    }

    /// Share of one core since the last run; `nil` at the first, or where the group is another one since.
    private func share(_ cpu: Duration?, key: String, directory: String) -> Double? {
        guard let cpu else { return nil }
        let now = Measure(directory: directory, cpu: cpu, at: ProbeClock.now())
        let before = self.measures.withLock { measures -> Measure? in
            // Checks of policies long gone.
            if measures.count >= Self.measuresMax, measures[key] == nil { measures.removeAll() }
            return measures.updateValue(now, forKey: key)
        }
        guard let before, before.directory == directory, before.cpu <= cpu, before.at < now.at else { return nil }
        return (cpu - before.cpu).inSeconds / (now.at - before.at).inSeconds
    }

    func directory(of unit: String) -> String? {
        for root in self.roots {
            var slices = [root]
            var seen = 0
            while let slice = slices.popLast(), seen < Self.slicesMax {
                seen += 1
                let group = "\(slice)/\(Self.escaped(unit))"
                if access("\(group)/cgroup.procs", F_OK) == 0 { return group }
                slices += ProcFile.subdirectories(of: slice).filter { $0.hasSuffix(".slice") }
            }
        }
        return nil
    }

    /// A name that could be one of the kernel's own files gets an underscore in front.
    private static func escaped(_ unit: String) -> String {
        let first = unit.split(separator: ".", omittingEmptySubsequences: false).first ?? ""
        let controllers: Set<Substring> = [
            "cgroup", "cpu", "cpuset", "io", "memory", "pids", "hugetlb", "rdma", "misc",
        ]
        return unit.hasPrefix("_") || unit.hasPrefix(".") || controllers.contains(first) ? "_\(unit)" : unit
    }
}
