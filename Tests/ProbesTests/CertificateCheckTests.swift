import Foundation
import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Probes

@Suite(.enabled(if: TLSServer.isAvailable, "openssl is not installed"), .timeLimit(.minutes(2)))
struct CertificateCheckTests {
    let prober: SystemProber
    let directory: TestDirectory
    init() throws {
        self.prober = try SystemProber()
        self.directory = try TestDirectory()
    }

    private func server(_ port: Int, host: String = "127.0.0.1", expiresAfter: Duration = .seconds(86_400)) async
        -> CheckResult
    {
        await self.prober.result(
            of: .certificate(CertificateCheck(source: .server(host: host, port: port), expiresAfter: expiresAfter)))
    }

    private func file(_ name: String, expiresAfter: Duration = .seconds(86_400)) async -> CheckResult {
        await self.prober.result(
            of: .certificate(
                CertificateCheck(source: .file("\(self.directory.path)/\(name)"), expiresAfter: expiresAfter)))
    }

    private static let month = Duration.seconds(31 * 86_400)

    @Test(arguments: ["-tls1_2", "-tls1_3", "-tls1_3 -groups P-384", "-tls1_2 -Verify 1", "-tls1_3 -Verify 1"])
    func `a server's certificate is judged by its dates, whoever vouches for it`(options: String) async throws {
        try TLSServer.makeCertificate(self.directory)
        let server = try TLSServer(self.directory, options: options)
        for host in ["127.0.0.1", "localhost"] {
            let valid = await self.server(server.port, host: host)
            #expect(valid.failure == nil)
            #expect(valid.verdict == .up)
        }
        let soon = await self.server(server.port, expiresAfter: Self.month)
        #expect(soon.verdict == .down)
        #expect(soon.failure?.category == .authentication)
        #expect(soon.message.hasPrefix("the certificate of 127.0.0.1:\(server.port) expires in 30d; "))
        #expect(soon.message.hasSuffix("; expected not within 31d"))
        #expect(soon.output?.contains("common_name=server") == true)
    }

    @Test func `for whom a certificate is does not count`() async throws {
        try TLSServer.makeCertificate(self.directory, names: "DNS:other.example")
        let server = try TLSServer(self.directory)
        #expect(await self.server(server.port, host: "localhost").verdict == .up)
    }

    @Test func `the server is asked by its name`() async throws {
        try TLSServer.makeCertificate(self.directory)
        try TLSServer.makeCertificate(self.directory, "other.pem", names: "DNS:localhost", days: -9 ... -2)
        let server = try TLSServer(
            self.directory, options: "-servername localhost -cert2 other.pem -key2 other.pem")
        #expect(await self.server(server.port).verdict == .up)
        let named = await self.server(server.port, host: "localhost")
        #expect(named.message.hasPrefix("the certificate of localhost:\(server.port) expired 1d23h ago"))
    }

    @Test func `an expired certificate is down, and one that is not valid yet`() async throws {
        try TLSServer.makeCertificate(self.directory, days: -40 ... -2)
        let server = try TLSServer(self.directory)
        let result = await self.server(server.port)
        #expect(result.reason == .certificate)
        #expect(result.message.hasPrefix("the certificate of 127.0.0.1:\(server.port) expired 1d23h ago"))
        #expect(await self.file("server.pem").message.contains("server.pem expired 1d23h ago"))
        try TLSServer.makeCertificate(self.directory, "early.pem", days: 2...40)
        #expect(await self.file("early.pem").message.contains("early.pem is not valid yet, but in 2d"))
    }

    @Test func `the first of a chain to expire counts, on a server and in a file`() async throws {
        try TLSServer.makeCertificate(self.directory, "ca.pem", days: -40...5, isAuthority: true)
        try TLSServer.makeCertificate(self.directory, issuer: "ca.pem")
        let chain = try ["server.pem", "ca.crt"].map {
            try String(contentsOfFile: "\(self.directory.path)/\($0)", encoding: .utf8)
        }
        _ = try self.directory.file("chain.pem", chain.joined())
        let server = try TLSServer(self.directory, options: "-cert_chain ca.crt")
        let week = Duration.seconds(7 * 86_400)
        for result in [
            await self.server(server.port, expiresAfter: week), await self.file("chain.pem", expiresAfter: week),
        ] {
            #expect(result.reason == .certificate)
            #expect(result.message.hasPrefix("certificate 2 in the chain of "))
            #expect(result.message.contains("expires in 5d; "))
        }
        // Where both do, too.
        let both = await self.server(server.port, expiresAfter: Self.month)
        #expect(both.message.hasPrefix("certificate 2 in the chain of "))
        #expect(await self.server(server.port).verdict == .up)
        #expect(await self.file("chain.pem").verdict == .up)
    }

    @Test func `what is no certificate is down`() async throws {
        _ = try self.directory.file("text", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        #expect(await self.file("text").message.hasSuffix("text holds no certificates in PEM form that can be read"))
        _ = try self.directory.file("empty", "")
        #expect(await self.file("empty").reason == .certificate)
        _ = try self.directory.file("large", String(repeating: "x", count: 1 << 21))
        #expect(await self.file("large").message.hasSuffix("large has more than 1 MiB"))
        #expect(await self.file("none").reason == .notFound)
        try TLSServer.makeCertificate(self.directory)
        #expect(await self.file("server.key").reason == .certificate)
    }

    /// The library that takes certificates apart ends the process where their dates mean nothing, unless it refuses
    /// them before.
    @Test(arguments: ["999999999999Z", "201301320000Z", "2a0101000000Z", "\0\0\0\0\0\0\0\0\0\0\0\0Z", "2601010000000"])
    func `dates that mean nothing do no harm`(date: String) async throws {
        try TLSServer.makeCertificate(self.directory)
        let pem = try String(contentsOfFile: "\(self.directory.path)/server.crt", encoding: .utf8)
        let base64 = pem.split(separator: "\n").filter { !$0.hasPrefix("-") }.joined()
        var bytes = [UInt8](try #require(Data(base64Encoded: base64)))
        // Both dates are UTCTime, 13 characters: the second is the end.
        let places = bytes.indices.dropLast(15).filter { bytes[$0] == 0x17 && bytes[$0 + 1] == 13 }
        for place in places { bytes.replaceSubrange((place + 2)..<(place + 15), with: date.utf8.prefix(13)) }
        #expect(places.count >= 2)
        let text = "-----BEGIN CERTIFICATE-----\n\(Data(bytes).base64EncodedString(options: .lineLength64Characters))"
        _ = try self.directory.file("odd.pem", text + "\n-----END CERTIFICATE-----\n")
        #expect(await self.file("odd.pem").verdict == .down)
    }

    @Test func `a server that speaks something else is down`() async {
        let plain = TestServer { connection in
            connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.waitForClose()
        }
        let result = await self.server(plain.port)
        #expect(result.reason == .connection)
        #expect(result.message == "the TLS handshake with 127.0.0.1:\(plain.port) failed: wrong version number")
        #expect(await self.server(TestServer.deadPort()).reason == .connection)
        let silent = TestServer { $0.waitForClose() }
        let waiting = await self.prober.result(
            of: .certificate(CertificateCheck(source: .server(host: "127.0.0.1", port: silent.port))),
            timeout: .milliseconds(200))
        #expect(waiting.reason == .timeout)
        #expect(waiting.message.contains("waiting for the certificate"))
    }

    @Test func `the bounds are exact`() {
        func problem(now: Int64, expiresAfter: Duration = .zero) -> String? {
            CertificateDates.problem("it", from: 100, until: 200, now: now, expiresAfter: expiresAfter)?.message
        }
        #expect(problem(now: 99) == "it is not valid yet, but in 1s")
        #expect(problem(now: 100) == nil)
        #expect(problem(now: 200) == nil)
        #expect(problem(now: 201) == "it expired 1s ago")
        #expect(problem(now: 150, expiresAfter: .seconds(50)) == nil)
        #expect(problem(now: 151, expiresAfter: .seconds(50)) == "it expires in 49s; expected not within 50s")
    }
}
