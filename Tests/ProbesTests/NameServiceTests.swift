import Dispatch
import RecoveryEngine
import ResilienceCore
import Synchronization
import Testing

@testable import Probes

/// A name service that fails says nothing of the component.
@Suite struct NameServiceTests {
    /// Answers with what a test wants, in turn; the last one again and again.
    private final class NameService: Sendable {
        enum Behaviour: Sendable {
            case answers
            case fails
            case knowsNoSuchName
            case hangs
        }

        private let turns: Mutex<[Behaviour]>
        private let release = DispatchSemaphore(value: 0)

        init(_ turns: [Behaviour]) { self.turns = Mutex(turns) }

        /// Lets go of who hangs.
        func end() { for _ in 0..<16 { self.release.signal() } }

        func lookUp(_ host: String) -> Resolver.Answer {
            switch self.turns.withLock({ $0.count > 1 ? $0.removeFirst() : $0[0] }) {
            case .answers: return .success(["127.0.0.1"].compactMap { SocketAddress(numeric: $0, port: 0) })
            case .fails: return .failure(.failed("Temporary failure in name resolution"))
            case .knowsNoSuchName: return .failure(.noSuchName("Name or service not known"))
            case .hangs:
                self.release.wait()
                return .failure(.failed("released"))
            }
        }
    }

    private func results(
        _ turns: [NameService.Behaviour], count: Int, isServed: Bool = true
    ) async throws -> [CheckResult] {
        let service = NameService(turns)
        defer { service.end() }
        let prober = try SystemProber(resolver: Resolver { service.lookUp($0) })
        defer { prober.stop() }
        var server: TestServer? = TestServer { connection in
            _ = connection.readHead()
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        }
        let port = try #require(server?.port)
        var results: [CheckResult] = []
        for number in 1...count {
            if number == count, !isServed { server = nil }
            results.append(await prober.http(port, host: "db.example", timeout: .seconds(1)))
        }
        withExtendedLifetime(server) {}
        return results
    }

    @Test(arguments: [false, true])
    func `the last address stands in while the name service fails or hangs`(hangs: Bool) async throws {
        let results = try await self.results([.answers, hangs ? .hangs : .fails], count: 2)
        #expect(results.map(\.verdict) == [.up, .up])
    }

    @Test func `a service that is down by the address that stands in is down, and the address is named as such`()
        async throws
    {
        let results = try await self.results([.answers, .fails], count: 2, isServed: false)
        #expect(results.map(\.verdict) == [.up, .down])
        #expect(results[1].message.contains("by the address that db.example had"))
    }

    @Test(arguments: [false, true])
    func `without an address that was known nothing is known of the component`(hangs: Bool) async throws {
        let results = try await self.results([hangs ? .hangs : .fails], count: 1)
        #expect(results.map(\.verdict) == [.unknown])
    }

    @Test func `a name that does not exist is a failure, whatever it was before`() async throws {
        let results = try await self.results([.answers, .knowsNoSuchName], count: 2)
        #expect(results.map(\.verdict) == [.up, .down])
    }
}
