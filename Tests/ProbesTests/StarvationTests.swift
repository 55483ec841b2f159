import Dispatch
import Glibc
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

@testable import Probes

/// What is due while the supervisor itself does not run says nothing of a component.
@Suite(.timeLimit(.minutes(1))) struct StarvationTests {
    /// Holds the prober's thread, as a stopped or starved process would.
    private func starve(_ prober: SystemProber, milliseconds: UInt32, begun: @escaping @Sendable () -> Void = {}) {
        let check = Check(name: "starve", kind: .tcp(TCPCheck(host: "127.0.0.1", port: TestServer.deadPort())))
        prober.start(ProbeRequest(id: 0, component: "test", check: check)) { _ in
            begun()
            usleep(milliseconds * 1_000)
        }
    }

    @Test func `a deadline noticed more than a second late is unknown, not down`() async throws {
        let prober = try SystemProber()
        let (asked, isAsked) = AsyncStream<Void>.makeStream()
        let server = TestServer { connection in
            _ = connection.readHead()
            isAsked.yield()
            connection.waitForClose()
        }
        let mark = "mark\(monotonicNow().nanoseconds)"
        async let http = prober.http(server.port, timeout: .seconds(2))
        async let exec = prober.script("sleep 60 # \(mark)", timeout: .seconds(2))
        for await _ in asked { break }
        while !commandLines().contains(where: { $0.contains(mark) }) { await Task.yield() }
        self.starve(prober, milliseconds: 3_500)
        for result in await [http, exec] {
            #expect(result.verdict == .unknown)
            #expect(result.message.hasPrefix("the supervisor itself did not run for "))
        }
    }

    @Test func `an answer that came in time counts even if it is read late`() async throws {
        let prober = try SystemProber()
        let (asked, isAsked) = AsyncStream<Void>.makeStream()
        let held = DispatchSemaphore(value: 0)
        let server = TestServer { connection in
            _ = connection.readHead()
            isAsked.yield()
            held.wait()
            connection.send("HTTP/1.1 200 OK\r\n\r\n")
        }
        async let http = prober.http(server.port, timeout: .seconds(2))
        for await _ in asked { break }
        self.starve(prober, milliseconds: 2_100) { held.signal() }
        let result = await http
        #expect(result.verdict == .up)
        #expect(result.seconds > 2)
    }

    @Test func `names that are never answered are told from names that were never asked for`() async {
        let release = DispatchSemaphore(value: 0)
        let resolver = Resolver { _ in
            release.wait()
            return .failure(.noSuchName("released"))
        }
        let (answers, answer) = AsyncStream<String>.makeStream()
        for index in 0..<17 {
            for port in 1...2 {
                resolver.resolve("host\(index)", port: port) { _ in answer.yield("host\(index)") }
            }
        }
        let limit = monotonicNow() + .seconds(10)
        func begun() -> Int { (0..<17).filter { resolver.hasBegun("host\($0)") }.count }
        while begun() < 16, monotonicNow() < limit { await Task.yield() }
        #expect(begun() == 16)
        // One look-up answers everybody who asked for the name.
        for _ in 0..<17 { release.signal() }
        var names: [String: Int] = [:]
        for await name in answers {
            names[name, default: 0] += 1
            if names.values.reduce(0, +) == 34 { break }
        }
        #expect(names.count == 17)
        #expect(names.values.allSatisfy { $0 == 2 })
        resolver.stop()
    }
}
