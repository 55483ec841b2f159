import Glibc
import Policy
import Probes
import RecoveryEngine
import ResilienceCore
import Supervisor
import Synchronization
import Testing

/// Programs that do not end, leave others behind, or multiply.
@Suite(.timeLimit(.minutes(1))) struct ExecHostilityTests {
    let prober: SystemProber
    init() throws { self.prober = try SystemProber() }

    /// How many processes have this word in their command line.
    private func processes(_ word: String) -> Int { commandLines().filter { $0.contains(word) }.count }

    /// A word that no other process has in its command line.
    private func mark() -> String { "mark\(monotonicNow().nanoseconds)" }

    /// The kernel ends a killed process in its own time: looks again for at most two seconds.
    private func expectGone(_ mark: String) async {
        let limit = monotonicNow() + .seconds(2)
        while self.processes(mark) > 0, monotonicNow() < limit { await Task.yield() }
        #expect(self.processes(mark) == 0)
    }

    @Test(arguments: [
        "sleep 60 # MARK", "trap '' TERM; while :; do sleep 60; done # MARK",
        "trap '' TERM; (trap '' TERM; sleep 60; : MARK) & wait", "sleep 60 & sleep 60 & wait # MARK",
        "kill -STOP $$ # MARK",
    ])
    func `at its deadline a program and its group are ended, within 250 ms`(script: String) async {
        let mark = self.mark()
        let result = await self.prober.script(
            script.replacing("MARK", with: mark), timeout: .seconds(1))
        #expect(result.verdict == .down)
        #expect(
            result.failure
                == Failure(reason: .timeout, message: "/bin/sh did not end within 1 s and was killed"))
        // The promise is 250 ms on a machine that has a processor to spare; tests run beside many others.
        #expect(result.seconds < 2)
        await self.expectGone(mark)
    }

    @Test func `output before the deadline is kept as evidence`() async {
        let result = await self.prober.script("echo working on it; sleep 60", timeout: .seconds(2))
        #expect(result.output == "working on it\n")
    }

    @Test func `a program that minds SIGTERM may tidy up`() async {
        let result = await self.prober.script(
            "trap 'echo tidied; exit 0' TERM; echo ready; while :; do sleep 0.01; done", timeout: .seconds(2))
        #expect(result.reason == .timeout)
        // The shell may add a word on the sleep that was ended with it.
        #expect(result.output?.hasPrefix("ready\ntidied\n") == true)
    }

    @Test func `a grandchild that keeps standard output open does not delay the result, and is ended`() async {
        let mark = self.mark()
        let result = await self.prober.script("sh -c 'sleep 60; : \(mark)' & echo done; exit 1")
        #expect(result.verdict == .degraded)
        #expect(result.message == "done")
        #expect(result.seconds < 4)
        await self.expectGone(mark)
    }

    @Test func `a fork bomb is over at the deadline`() async {
        let mark = self.mark()
        // Bounded all the same: six generations of two.
        let bomb = "f() { test $1 -gt 0 && { f $(($1-1)) & f $(($1-1)) & }; sleep 60; }; f 6 # \(mark)"
        let result = await self.prober.script(bomb, timeout: .seconds(2))
        #expect(result.reason == .timeout)
        #expect(result.seconds < 3)
        await self.expectGone(mark)
    }

    @Test func `a program that has left the group is out of reach, as documented`() async {
        let mark = self.mark()
        let result = await self.prober.script(
            """
            mkfifo /tmp/\(mark)
            setsid sh -c 'echo > /tmp/\(mark); sleep 60' &
            read line < /tmp/\(mark); rm /tmp/\(mark); exit 0
            """)
        #expect(result.verdict == .up)
        #expect(result.seconds < 4)
        #expect(self.processes(mark) == 1)
        endProcesses(mark)
    }

    @Test func `only so many programs run at once, and waiting is no failure`() async throws {
        let prober = try SystemProber(limits: .init(programs: 1))
        let start = monotonicNow()
        let results = await withTaskGroup(of: CheckResult.self) { group in
            for index in 0..<6 {
                group.addTask { await prober.script("sleep 0.5", timeout: .seconds(2), name: "check\(index)") }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.allSatisfy { $0.verdict == .up })
        // One after another: the last waited for longer than its own timeout.
        #expect(results.map { ($0.startedAt - start).inSeconds }.max() ?? 0 >= 2.5)
        let inOrder = results.sorted { $0.startedAt < $1.startedAt }
        #expect(zip(inOrder, inOrder.dropFirst()).allSatisfy { $0.finishedAt <= $1.startedAt })
    }

    @Test func `who waits too long for a place is unknown`() async throws {
        let prober = try SystemProber(limits: .init(programs: 1))
        let mark = self.mark()
        async let first = prober.script("sleep 1 # \(mark)", name: "first")
        while self.processes(mark) == 0 { await Task.yield() }
        let check = Check(
            name: "second", kind: .exec(ExecCheck(command: ["/bin/true"])), interval: .milliseconds(200),
            timeout: .milliseconds(200))
        let second = await withCheckedContinuation { continuation in
            prober.start(ProbeRequest(id: 2, component: "test", check: check)) { continuation.resume(returning: $0) }
        }
        #expect(second.verdict == .unknown)
        #expect(second.message == "waited 200 ms for one of 1 places for programs")
        #expect(await first.verdict == .up)
    }

    @Test func `stopping the prober answers every check and leaves no process`() async throws {
        let prober = try SystemProber(limits: .init(programs: 2))
        let mark = self.mark()
        let server = TestServer { $0.waitForClose() }
        async let running = prober.script("trap '' TERM; sleep 60; : \(mark)", name: "one")
        async let other = prober.script("trap '' TERM; sleep 60; : \(mark)", name: "two")
        while self.processes(mark) < 2 { await Task.yield() }
        async let waiting = prober.script("sleep 60; : \(mark)", name: "three")
        async let connected = prober.http(server.port, timeout: .seconds(30))
        let half = await prober.http(TestServer.deadPort())
        #expect(half.reason == .connection)
        prober.stop()
        for result in await [running, other, waiting, connected] {
            #expect(result.verdict == .unknown)
            #expect(result.message == "the supervisor is stopping")
        }
        #expect(await prober.http(server.port).message == "the supervisor is stopping")
        await self.expectGone(mark)
    }
}

/// The command lines of all processes, NULs as spaces.
func commandLines() -> [String] {
    processIDs().compactMap { commandLine(of: $0) }
}

func commandLine(of pid: Int32) -> String? {
    let fd = open("/proc/\(pid)/cmdline", O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = max(0, read(fd, &bytes, bytes.count))
    return String(decoding: bytes.prefix(count).map { $0 == 0 ? 0x20 : $0 }, as: UTF8.self)
}

func processIDs() -> [Int32] {
    guard let directory = opendir("/proc") else { return [] }
    defer { closedir(directory) }
    var pids: [Int32] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if let pid = Int32(name) { pids.append(pid) }
    }
    return pids
}

/// Ends processes that a test has started, known by their unique mark.
func endProcesses(_ mark: String) {
    for pid in processIDs() where commandLine(of: pid)?.contains(mark) == true { kill(pid, SIGKILL) }
}
