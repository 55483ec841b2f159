import Foundation
import Glibc
import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Probes

/// A real process, in a real control group where this process may make one.
@Suite(.timeLimit(.minutes(1)), .serialized) struct ResourcesCheckTests {
    /// A group as systemd makes them: a unit in a slice.
    private final class Group {
        let unit = "heald-\(UUID().uuidString).service"
        let slice: String
        private var processes: [Process] = []
        var directory: String { "\(self.slice)/\(self.unit)" }

        init?() {
            let root = ControlGroups.systemRoots.dropLast().first { access("\($0)/cgroup.controllers", W_OK) == 0 }
            guard let root else { return nil }
            self.slice = "\(root)/healdtest\(getpid()).slice"
            guard mkdir(self.slice, 0o755) == 0 || errno == EEXIST, mkdir("\(self.slice)/\(self.unit)", 0o755) == 0
            else { return nil }
        }

        /// Runs a shell script inside the group.
        func run(_ script: String) throws {
            let process = Process()
            process.executableURL = URL(filePath: "/bin/sh")
            // It says so on its standard output once it is in the group.
            process.arguments = ["-c", "echo $$ > \(self.directory)/cgroup.procs && echo in && \(script)"]
            let pipe = Pipe()
            process.standardOutput = pipe
            try process.run()
            _ = pipe.fileHandleForReading.readData(ofLength: 3)
            self.processes.append(process)
        }

        deinit {
            for process in self.processes {
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
            }
            // The kernel lets go of a group shortly after its last process.
            for _ in 0..<200 where rmdir(self.directory) != 0 && errno == EBUSY { usleep(5_000) }
            rmdir(self.slice)
        }
    }

    private static let canMakeGroups = Group() != nil

    private func look(_ group: Group, _ check: (inout ResourcesCheck) -> Void, times: Int = 1) async throws
        -> CheckResult
    {
        var resources = ResourcesCheck(unit: group.unit)
        check(&resources)
        let prober = try SystemProber()
        var result = await prober.result(of: .resources(resources))
        for _ in 1..<times { result = await prober.result(of: .resources(resources)) }
        return result
    }

    @Test(.enabled(if: canMakeGroups)) func `a unit within its limits is up, one beyond them is down`() async throws {
        let group = try #require(Group())
        try group.run("exec sleep 600 3</dev/null 4</dev/null")
        let within = try await self.look(group) {
            $0.memory = 1 << 40
            $0.tasks = 10
            $0.openFiles = 100
        }
        #expect(within.failure == nil)
        #expect(within.verdict == .up)
        let memory = try await self.look(group) { $0.memory = 1 }
        #expect(memory.reason == .resource)
        #expect(memory.message.hasPrefix("\(group.unit) exceeds its limits: memory "))
        let files = try await self.look(group) { $0.openFiles = 3 }
        #expect(files.message.hasPrefix("\(group.unit) exceeds its limits: open files "))
        #expect(files.message.hasSuffix(", at most 3"))
        try group.run("exec sleep 600")
        let tasks = try await self.look(group) { $0.tasks = 1 }
        #expect(tasks.message == "\(group.unit) exceeds its limits: tasks 2, at most 1")
    }

    @Test(.enabled(if: canMakeGroups)) func `processor time is measured between two runs`() async throws {
        let group = try #require(Group())
        try group.run("while :; do :; done")
        let first = try await self.look(group) { $0.cpu = 0.000_1 }
        #expect(first.verdict == .unknown)
        let prober = try SystemProber()
        let check = ResourcesCheck(unit: group.unit, cpu: 0.000_1)
        // The kernel writes the time down now and then only.
        var result = await prober.result(of: .resources(check))
        while result.verdict != .down { result = await prober.result(of: .resources(check)) }
        #expect(result.message.contains("exceeds its limits: cpu "))
        #expect(try await self.look(group, { $0.cpu = 64 }, times: 2).verdict == .up)
    }

    @Test(.enabled(if: canMakeGroups)) func `without accounting the processes are summed`() async throws {
        let group = try #require(Group())
        try group.run("exec sleep 600")
        let processes = try String(contentsOfFile: "\(group.directory)/cgroup.procs", encoding: .utf8)
        // A hierarchy as systemd's own beside the old ones: groups and processes, and no accounting.
        let root = try TestDirectory()
        let copy = "\(root.path)/system.slice/\(group.unit)"
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        try processes.write(toFile: "\(copy)/cgroup.procs", atomically: false, encoding: .utf8)
        let prober = try SystemProber(groups: ControlGroups(roots: [root.path]))
        var check = ResourcesCheck(unit: group.unit, memory: 1 << 40, cpu: 1, tasks: 1, openFiles: 100)
        #expect(await prober.result(of: .resources(check)).failure == nil)
        #expect(await prober.result(of: .resources(check)).failure == nil)
        check.memory = 4_096
        let result = await prober.result(of: .resources(check))
        #expect(result.reason == .resource)
        #expect(result.message.contains("memory "))
    }

    @Test func `a unit that does not run is unknown`() async throws {
        let prober = try SystemProber()
        let result = await prober.result(of: .resources(ResourcesCheck(unit: "heald-none.service", tasks: 1)))
        #expect(result.verdict == .unknown)
        #expect(result.message == "heald-none.service has no control group: it does not run")
    }
}
