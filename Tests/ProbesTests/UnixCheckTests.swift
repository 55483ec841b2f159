import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Probes

@Suite(.timeLimit(.minutes(1))) struct UnixCheckTests {
    let prober: SystemProber
    let directory: TestDirectory
    init() throws {
        self.prober = try SystemProber()
        self.directory = try TestDirectory()
    }

    private func unix(_ path: String) async -> CheckResult {
        await self.prober.result(of: .unix(UnixCheck(path: path)), timeout: .milliseconds(500))
    }

    @Test func `a socket that accepts is up`() async {
        let path = "\(self.directory.path)/s"
        let server = TestServer(path: path) { $0.waitForClose() }
        #expect(await self.unix(path).verdict == .up)
        withExtendedLifetime(server) {}
    }

    @Test func `a socket that nobody listens on, and none at all, are down`() async throws {
        let path = "\(self.directory.path)/s"
        do { _ = TestServer(path: path, handler: nil) }
        let dead = await self.unix(path)
        #expect(dead.failure == Failure(reason: .connection, message: "connection refused by \(path)"))
        let none = await self.unix("\(self.directory.path)/none")
        #expect(none.failure == Failure(reason: .connection, message: "there is no socket \(self.directory.path)/none"))
        let file = try self.directory.file("plain", "")
        #expect(await self.unix(file).failure?.reason == .connection)
    }

    @Test func `a listener that does not keep up is down by timeout`() async {
        let path = "\(self.directory.path)/s"
        let server = TestServer(path: path, backlog: 0, handler: nil)
        // Nobody accepts: the first connection fills the queue and waits in it.
        let filler = socketFilling(path)
        let result = await self.unix(path)
        #expect(result.verdict == .down)
        #expect(result.reason == .timeout)
        closeSockets(filler)
        withExtendedLifetime(server) {}
    }
}
