import Glibc
import Policy
import Probes
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

/// Many at once, and many in a row. Serialized: they count what the whole process holds.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ScaleTests {
    @Test func `a hundred hung endpoints do not delay the detection of a dead one`() async throws {
        let prober = try SystemProber()
        let hung = TestServer(backlog: 512, handler: nil)
        let dead = TestServer.deadPort()
        await withTaskGroup(of: CheckResult?.self) { group in
            for _ in 0..<100 {
                group.addTask { await prober.http(hung.port, timeout: .seconds(3)) }
            }
            group.addTask {
                let asked = monotonicNow()
                let result = await prober.http(dead, timeout: .seconds(3))
                #expect(result.reason == .connection)
                #expect((result.finishedAt - asked).inSeconds < 1)
                return nil
            }
            var timeouts = 0
            for await result in group {
                guard let result else { continue }
                if result.reason == .timeout { timeouts += 1 }
                #expect(result.seconds < 4)
            }
            #expect(timeouts == 100)
        }
    }

    @Test func `a name server that does not answer delays no other check`() async throws {
        let prober = try SystemProber()
        let server = TestServer.answering("HTTP/1.1 200 OK\r\n\r\n")
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<50 {
                group.addTask {
                    let result = await prober.http(80, host: "host\(index).invalid", timeout: .seconds(2))
                    // Down where it was looked up in vain, unknown where no thread was left to ask.
                    #expect([.down, .unknown].contains(result.verdict))
                    #expect(result.seconds < 3)
                }
            }
            group.addTask {
                let asked = monotonicNow()
                #expect(await prober.http(server.port, host: "localhost").verdict == .up)
                #expect((monotonicNow() - asked).inSeconds < 1.5)
            }
        }
    }

    @Test func `a thousand checks leave no descriptor and no zombie behind`() async throws {
        let prober = try SystemProber()
        let fine = TestServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nneedle")
        let reset = TestServer { $0.resetOnClose() }
        let dead = TestServer.deadPort()
        func round() async {
            await withTaskGroup(of: Void.self) { group in
                for index in 0..<125 {
                    group.addTask { _ = await prober.http(fine.port, expect: HTTPExpectation(contains: "needle")) }
                    group.addTask { _ = await prober.http(dead) }
                    group.addTask { _ = await prober.http(reset.port) }
                    group.addTask { _ = await prober.script("exit 0", name: "check\(index)") }
                }
            }
        }
        // The first round makes the threads and what else stays.
        await round()
        let before = openDescriptors()
        await round()
        await round()
        // The servers of this test close their ends in their own time.
        let limit = monotonicNow() + .seconds(5)
        while openDescriptors() > before, monotonicNow() < limit { await Task.yield() }
        #expect(openDescriptors() <= before)
        // Other tests' programs are zombies for the moment between their end and its notice.
        let patience = monotonicNow() + .seconds(5)
        while zombies() > 0, monotonicNow() < patience { await Task.yield() }
        #expect(zombies() == 0)
    }

    /// Children of this process that nobody has waited for.
    private func zombies() -> Int {
        processIDs().filter { pid in
            let fd = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
            guard fd >= 0 else { return false }
            defer { close(fd) }
            var bytes = [UInt8](repeating: 0, count: 1_024)
            let count = max(0, read(fd, &bytes, bytes.count))
            let text = String(decoding: bytes.prefix(count), as: UTF8.self)
            // After the name in parentheses: state, parent.
            let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
            return fields.count > 1 && fields[0] == "Z" && fields[1] == "\(getpid())"
        }.count
    }
}
