import Glibc
import ResilienceCore

/// A unit's control group: what the kernel accounts for it, or else the sum over its processes.
///
/// - SeeAlso: cgroups(7), proc(5).
struct ControlGroup: Sendable {
    /// Directories of the group, the unified hierarchy's (or systemd's own) first.
    let directory: String

    /// No machine has more groups below one unit that matter; a bound on what one look costs.
    private static let groupsMax = 1_000
    private static let processesMax = 100_000

    /// What the unit uses now.
    ///
    /// - Returns: `nil` where the group is gone.
    func usage(memory: Bool, openFiles: Bool, deadline: MonotonicInstant) -> UnitUsage? {
        guard let processes = self.processes() else { return nil }
        var usage = UnitUsage()
        usage.tasks = self.number("pids.current").map { Int($0) } ?? Self.sum(processes, deadline) { Self.threads($0) }
        if memory { usage.memory = self.number("memory.current") ?? Self.sum(processes, deadline, Self.resident) }
        usage.cpu =
            self.processorTime().map { .microseconds($0) }
            ?? Self.sum(processes, deadline, Self.ticks).map {
                .microseconds(Int64($0) * 1_000_000 / Self.ticksPerSecond)
            }
        if openFiles { usage.openFiles = Self.sum(processes, deadline, Self.descriptors) }
        return usage
    }

    private static let ticksPerSecond = Int64(max(1, sysconf(Int32(_SC_CLK_TCK))))
    private static let pageBytes = Int64(max(1, sysconf(Int32(_SC_PAGESIZE))))

    // MARK: The group's own accounting

    private func number(_ file: String) -> Int64? {
        ProcFile.read("\(self.directory)/\(file)").flatMap { Int64(String(decoding: $0.trimmedEnd, as: UTF8.self)) }
    }

    /// Microseconds. `cpu.stat` is there without the controller too: the kernel always accounts for processor time.
    private func processorTime() -> Int64? {
        guard let text = ProcFile.read("\(self.directory)/cpu.stat") else { return nil }
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") where line.hasPrefix("usage_usec ") {
            return Int64(line.dropFirst(11))
        }
        return nil
    }

    /// All processes of the group and of those below it; `nil` where it is gone.
    private func processes() -> [Int32]? {
        var found: [Int32] = []
        var waiting = [self.directory]
        var seen = 0
        while let directory = waiting.popLast(), seen < Self.groupsMax, found.count < Self.processesMax {
            seen += 1
            guard let text = ProcFile.read("\(directory)/cgroup.procs", limit: 1 << 20) else {
                if seen == 1 { return nil }
                continue
            }
            found += String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { Int32($0) }
            waiting += ProcFile.subdirectories(of: directory)
        }
        return found
    }

    // MARK: Sums over processes

    /// - Returns: `nil` where there was no time, or not one process could be looked at although there are some.
    private static func sum<Amount: BinaryInteger>(
        _ processes: [Int32], _ deadline: MonotonicInstant, _ amount: (Int32) -> Amount?
    ) -> Amount? {
        var total: Amount = 0
        for process in processes {
            guard ProbeClock.now() < deadline else { return nil }
            // One that has just ended uses nothing; one that may not be looked at makes the sum worthless.
            if let one = amount(process) { total += one } else if kill(process, 0) == 0 || errno == EPERM { return nil }
        }
        return total
    }

    /// The fields of `/proc/<pid>/stat` after the name, which may itself hold spaces and brackets.
    private static func fields(_ process: Int32) -> [Substring]? {
        guard let text = ProcFile.read("/proc/\(process)/stat"), let end = text.lastIndex(of: UInt8(ascii: ")")) else {
            return nil
        }
        return String(decoding: text[(end + 1)...], as: UTF8.self).split(separator: " ")
    }

    // proc(5) counts fields from 1; the first after the name is field 3.
    private static func threads(_ process: Int32) -> Int? { self.field(20, of: process).map { Int($0) } }
    private static func resident(_ process: Int32) -> Int64? { self.field(24, of: process).map { $0 * self.pageBytes } }
    private static func ticks(_ process: Int32) -> Int64? {
        guard let fields = self.fields(process), fields.count > 12, let user = Int64(fields[11]),
            let system = Int64(fields[12])
        else { return nil }
        return user + system
    }

    private static func field(_ number: Int, of process: Int32) -> Int64? {
        guard let fields = self.fields(process), fields.count > number - 3 else { return nil }
        return Int64(fields[number - 3])
    }

    private static func descriptors(_ process: Int32) -> Int? { ProcFile.count(in: "/proc/\(process)/fd") }
}

/// Small files that the kernel makes up.
enum ProcFile {
    /// At most `limit` bytes; `nil` where it cannot be read.
    static func read(_ path: String, limit: Int = 16_384) -> [UInt8]? {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while bytes.count < limit {
            let count = Glibc.read(fd, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    static func subdirectories(of path: String) -> [String] {
        var found: [String] = []
        self.forEach(in: path) { name, isDirectory in if isDirectory { found.append("\(path)/\(name)") } }
        return found
    }

    /// How many entries a directory has; `nil` where it cannot be read.
    static func count(in path: String) -> Int? {
        var count = 0
        return self.forEach(in: path) { _, _ in count += 1 } ? count : nil
    }

    @discardableResult
    private static func forEach(in path: String, _ body: (String, Bool) -> Void) -> Bool {
        guard let directory = opendir(path) else { return false }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { body(name, entry.pointee.d_type == UInt8(DT_DIR)) }
        }
        return true
    }
}

extension [UInt8] {
    fileprivate var trimmedEnd: SubSequence { self[..<((self.lastIndex { $0 > 0x20 } ?? -1) + 1)] }
}
