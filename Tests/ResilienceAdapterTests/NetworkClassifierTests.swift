import AsyncHTTPClient
import Glibc
import NIOCore
import NIOPosix
import Resilience
import ResilienceCore
import ResilienceHTTPClient
import ResilienceNIO
import Testing

/// A server on the loopback that takes connections and closes them at once, or never says a word.
private struct Server {
    let channel: any Channel
    var port: Int { self.channel.localAddress?.port ?? 0 }

    init(closesAtOnce: Bool) async throws {
        self.channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { child in
                closesAtOnce ? child.close() : child.eventLoop.makeSucceededVoidFuture()
            }.bind(host: "127.0.0.1", port: 0).get()
    }

    /// A port at which nobody listens.
    static func closedPort() async throws -> Int {
        let server = try await Server(closesAtOnce: true)
        try await server.channel.close().get()
        return server.port
    }
}

@Suite struct NetworkClassifierTests {
    private func failure(_ body: () async throws -> Void) async -> (any Error)? {
        do {
            try await body()
            return nil
        } catch { return error }
    }

    private func bootstrap() -> ClientBootstrap { ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup) }

    @Test func `a refused connection is one, by name and by address`() async throws {
        let port = try await Server.closedPort()
        let byName = await self.failure { _ = try await self.bootstrap().connect(host: "localhost", port: port).get() }
        #expect(byName is NIOConnectionError)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: port)
        let byAddress = await self.failure { _ = try await self.bootstrap().connect(to: address).get() }
        #expect((byAddress as? IOError)?.errnoCode == ECONNREFUSED)
        for error in [byName, byAddress] {
            #expect(error.flatMap { NIOClassifier().classify($0) } == Classification(.connection))
        }
    }

    @Test func `errors of channels have reasons`() {
        let known: [(ChannelError, FailureReason)] = [
            (.connectTimeout(.seconds(1)), .timeout), (.eof, .connection), (.alreadyClosed, .connection),
            (.writeMessageTooLarge, .invalidRequest), (.unknownLocalAddress, .misconfigured), (.connectPending, .other),
        ]
        for (error, reason) in known { #expect(NIOClassifier().classify(error)?.reason == reason) }
        #expect(NIOClassifier().classify(CancellationError()) == nil)
    }

    private func get(port: Int) async -> Classification? {
        var settings = HTTPClient.Configuration()
        settings.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroup: .singletonMultiThreadedEventLoopGroup, configuration: settings)
        let error = await self.failure {
            let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/")
            _ = try await client.execute(request, timeout: .milliseconds(500))
        }
        try? await client.shutdown()
        return error.flatMap { HTTPClientClassifier().classify($0) }
    }

    @Test func `a real client that is refused, hung up on or not answered`() async throws {
        #expect(await self.get(port: try Server.closedPort()) == Classification(.connection))
        let rude = try await Server(closesAtOnce: true)
        #expect(await self.get(port: rude.port) == Classification(.connection))
        try await rude.channel.close().get()
        let mute = try await Server(closesAtOnce: false)
        #expect(await self.get(port: mute.port) == Classification(.timeout))
        try await mute.channel.close().get()
    }

    @Test func `errors of the HTTP client have reasons, and a cancelled call says nothing`() {
        let known: [(HTTPClientError, FailureReason)] = [
            (.tlsHandshakeTimeout, .timeout), (.remoteConnectionClosed, .connection), (.invalidURL, .invalidRequest),
            (.unsupportedScheme("gopher"), .other), (.redirectCycleDetected, .misconfigured),
            (.proxyAuthenticationRequired, .authError), (.invalidProxyResponse, .unexpectedBody),
        ]
        for (error, reason) in known { #expect(HTTPClientClassifier().classify(error)?.reason == reason) }
        #expect(HTTPClientClassifier().classify(HTTPClientError.cancelled) == nil)
    }
}
