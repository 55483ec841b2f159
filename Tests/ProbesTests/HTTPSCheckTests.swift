import Foundation
import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Probes

@Suite(.enabled(if: TLSServer.isAvailable, "openssl is not installed"), .timeLimit(.minutes(2)))
struct HTTPSCheckTests {
    let prober: SystemProber
    let directory: TestDirectory
    init() throws {
        self.prober = try SystemProber()
        self.directory = try TestDirectory()
    }

    /// A server that answers `/ok` with a body, and the authority that vouches for it.
    private func server(
        names: String = "DNS:localhost,IP:127.0.0.1", days: ClosedRange<Int> = -40...30, options: String = "-HTTP"
    ) throws -> TLSServer {
        try TLSServer.makeCertificate(self.directory, "ca.pem", names: "DNS:ca", isAuthority: true)
        try TLSServer.makeCertificate(self.directory, names: names, issuer: "ca.pem", days: days)
        _ = try self.directory.file("ok", "HTTP/1.0 200 OK\r\n\r\n{\"state\": \"fine\"}\n")
        _ = try self.directory.file("moved", "HTTP/1.0 302 Found\r\nLocation: /ok\r\n\r\n")
        return try TLSServer(self.directory, options: options)
    }

    private var authority: TLSTrust { .file("\(self.directory.path)/ca.pem") }

    @Test(arguments: ["-tls1_2", "-tls1_3", "-tls1_3 -groups P-384"])
    func `a trusted server is asked as one without TLS`(options: String) async throws {
        let server = try self.server(options: "-HTTP \(options)")
        let expect = HTTPExpectation(
            contains: "state", matches: try Pattern("fine"),
            json: [JSONExpectation(path: try JSONPath("$.state"), equals: .text("fine"))])
        for host in ["localhost", "127.0.0.1"] {
            for target in ["/ok", "/moved"] {
                let result = await self.prober.http(
                    server.port, host: host, target: target, expect: expect, followRedirects: true,
                    tls: self.authority)
                #expect(result.failure == nil)
            }
        }
    }

    @Test func `a server that nobody trusted vouches for is down, unless nobody is asked`() async throws {
        let server = try self.server()
        let result = await self.prober.http(server.port, target: "/ok", tls: .system)
        #expect(
            result.failure
                == Failure(
                    reason: .certificate,
                    message:
                        "the certificate of 127.0.0.1:\(server.port) is not valid for 127.0.0.1 by the certificate "
                        + "authorities of this machine: certificate verify failed"))
        #expect(result.failure?.category == .authentication)
        #expect(await self.prober.http(server.port, target: "/ok", tls: .anyone).verdict == .up)
    }

    @Test func `a certificate for another name is down`() async throws {
        let server = try self.server(names: "DNS:other.example,IP:127.0.0.2")
        for host in ["localhost", "127.0.0.1"] {
            let result = await self.prober.http(server.port, host: host, target: "/ok", tls: self.authority)
            #expect(result.reason == .certificate)
        }
        #expect(await self.prober.http(server.port, host: "localhost", target: "/ok", tls: .anyone).verdict == .up)
    }

    @Test func `an expired certificate is down`() async throws {
        let server = try self.server(days: -40 ... -2)
        #expect(await self.prober.http(server.port, target: "/ok", tls: self.authority).reason == .certificate)
        #expect(await self.prober.http(server.port, target: "/ok", tls: .anyone).verdict == .up)
    }

    @Test func `a server that speaks something else is down`() async {
        let plain = TestServer { connection in
            connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.waitForClose()
        }
        let result = await self.prober.http(plain.port, tls: .anyone)
        #expect(
            result.failure
                == Failure(
                    reason: .connection,
                    message: "the TLS handshake with 127.0.0.1:\(plain.port) failed: wrong version number"))
        #expect(await self.prober.http(TestServer.deadPort(), tls: .anyone).reason == .connection)
        let ended = TestServer { connection in
            connection.endSending()
            connection.waitForClose()
        }
        let message = await self.prober.http(ended.port, tls: .anyone).message
        #expect(message == "127.0.0.1:\(ended.port) closed the connection during the TLS handshake")
    }

    @Test func `a handshake that never ends is down in time`() async {
        let silent = TestServer { $0.waitForClose() }
        let result = await self.prober.http(silent.port, tls: .anyone, timeout: .milliseconds(200))
        #expect(result.reason == .timeout)
        #expect(result.message.contains("waiting for the TLS handshake"))
        #expect(result.seconds < 0.45)
        let endless = TestServer { connection in
            // Handshake records without end.
            let record: [UInt8] = [22, 3, 3, 0x3F, 0xFC, 11, 0x3F, 0xFF, 0xFF] + Array(repeating: 0, count: 16_375)
            while connection.send(record) {}
        }
        #expect(await self.prober.http(endless.port, tls: .anyone).verdict == .down)
    }

    @Test func `a trusted file that cannot be read says nothing of the component`() async throws {
        for (path, text) in [
            ("\(self.directory.path)/none", "there is no file"),
            (try self.directory.file("text", "hello"), "holds no certificates in PEM form"),
            (self.directory.path, "no regular file"),
        ] {
            let result = await self.prober.http(TestServer.deadPort(), tls: .file(path))
            #expect(result.verdict == .unknown)
            #expect(result.reason == .misconfigured)
            #expect(result.message.contains(text))
        }
    }

    @Test func `an authority that is replaced counts once its file is looked at again`() async throws {
        let contexts = TLSContexts(freshFor: .zero)
        func context() async -> TLSContexts.Answer {
            await withCheckedContinuation { continuation in
                contexts.context(for: self.authority) { continuation.resume(returning: $0) }
            }
        }
        await #expect(throws: TLSUnavailable.self) { try await context().get() }
        try TLSServer.makeCertificate(self.directory, "ca.pem", isAuthority: true)
        let first = try await context().get()
        try TLSServer.makeCertificate(self.directory, "ca.pem", isAuthority: true)
        // The old one serves until the new one has been read.
        var second = try await context().get()
        for _ in 0..<1_000 where second === first {
            try await Task.sleep(for: .milliseconds(2))
            second = try await context().get()
        }
        #expect(second !== first)
        contexts.stop()
    }

    @Test func `many handshakes leave nothing behind`() async throws {
        let server = try self.server()
        _ = await self.prober.http(server.port, target: "/ok", tls: self.authority)
        let before = openDescriptors()
        for _ in 0..<50 { _ = await self.prober.http(server.port, target: "/ok", tls: self.authority) }
        #expect(openDescriptors() <= before + 2)
    }
}
