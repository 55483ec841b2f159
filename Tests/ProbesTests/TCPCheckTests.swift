import Glibc
import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Synchronization
import Testing

@testable import Probes

@Suite(.timeLimit(.minutes(1))) struct TCPCheckTests {
    let prober: SystemProber
    init() throws { self.prober = try SystemProber() }

    private func tcp(
        _ port: Int, host: String = "127.0.0.1", send: String? = nil, expect: String? = nil,
        timeout: Duration = .seconds(3)
    ) async -> CheckResult {
        await self.prober.result(
            of: .tcp(TCPCheck(host: host, port: port, send: send, expect: expect)), timeout: timeout)
    }

    @Test func `a port that accepts is up, by address and by name`() async {
        let server = TestServer { $0.waitForClose() }
        #expect(await self.tcp(server.port).verdict == .up)
        #expect(await self.tcp(server.port, host: "localhost").verdict == .up)
        #expect(await self.tcp(server.port, send: "hello").verdict == .up)
    }

    @Test func `a port that refuses is down at once`() async {
        let port = TestServer.deadPort()
        let result = await self.tcp(port)
        #expect(result.verdict == .down)
        #expect(result.failure == Failure(reason: .connection, message: "connection refused by 127.0.0.1:\(port)"))
        #expect(result.seconds < 2)
    }

    @Test func `every address of a name is tried before it is down`() async {
        let port = TestServer.deadPort()
        let result = await self.tcp(port, host: "localhost")
        // 127.0.0.1 first, ::1 last; where there is no IPv6 the last one cannot even be tried.
        let hasIPv6 = access("/proc/net/if_inet6", F_OK) == 0
        #expect(result.verdict == (hasIPv6 ? .down : .unknown))
        #expect(result.message.contains("localhost ([::1]:\(port))"))
    }

    @Test(arguments: [nil, "hello"])
    func `a dead port in the range of local ports is never up by connecting to itself`(send: String?) async {
        // The kernel gives connections to one place local ports in turn, of the parity in which the range begins: among
        // so many there is the port itself, where TCP lets a socket connect to itself.
        let port = TestServer.deadLocalPort()
        let check = Check(name: "self", kind: .tcp(TCPCheck(host: "127.0.0.1", port: port, send: send)))
        let attempts = 30_000
        let prober = self.prober
        let verdicts = AsyncStream<CheckResult> { continuation in
            let left = Mutex(attempts)
            @Sendable func next() {
                prober.start(ProbeRequest(id: 0, component: "test", check: check)) { result in
                    continuation.yield(result)
                    let isLast = left.withLock { left in
                        left -= 1
                        return left == 0
                    }
                    if isLast { continuation.finish() } else { next() }
                }
            }
            next()
        }
        var down = 0
        for await result in verdicts where result.message == "connection refused by 127.0.0.1:\(port)" { down += 1 }
        #expect(down == attempts)
    }

    @Test func `an expected answer is found across pieces`() async {
        let server = TestServer { connection in
            for piece in ["220 smt", "p ready", " ESMTP"] {
                connection.send(piece)
                connection.pause(milliseconds: 5)
            }
            connection.waitForClose()
        }
        #expect(await self.tcp(server.port, expect: "smtp ready").verdict == .up)
    }

    @Test func `what is sent arrives before the answer is expected`() async {
        let server = TestServer { connection in
            var bytes = [UInt8](repeating: 0, count: 6)
            let count = read(connection.fd, &bytes, 6)
            connection.send(count == 6 && bytes == Array("PING\r\n".utf8) ? "+PONG\r\n" : "-ERR\r\n")
        }
        #expect(await self.tcp(server.port, send: "PING\r\n", expect: "+PONG").verdict == .up)
    }

    @Test func `another answer, no answer and too long an answer are told apart`() async {
        let other = TestServer { $0.send("-ERR\r\n") }
        let wrong = await self.tcp(other.port, expect: "+PONG")
        #expect(
            wrong.failure
                == Failure(
                    reason: .unexpectedBody,
                    message: "127.0.0.1:\(other.port) closed the connection after 6 bytes, "
                        + "which do not contain \"+PONG\""))
        #expect(wrong.output == "-ERR\n")

        let mute = TestServer { _ in }
        let nothing = await self.tcp(mute.port, expect: "+PONG")
        #expect(
            nothing.failure
                == Failure(
                    reason: .connection,
                    message: "127.0.0.1:\(mute.port) closed the connection without an answer; expected \"+PONG\""))

        let endless = TestServer { while $0.send("chatter ") {} }
        let much = await self.tcp(endless.port, expect: "+PONG")
        #expect(
            much.failure
                == Failure(reason: .unexpectedBody, message: "the first 4 KiB received do not contain \"+PONG\""))
        #expect((much.output?.utf8.count ?? 0) <= 4_096)

        let silent = TestServer { $0.waitForClose() }
        let late = await self.tcp(silent.port, expect: "+PONG", timeout: .seconds(1))
        #expect(
            late.failure
                == Failure(
                    reason: .timeout,
                    message: "timed out after 1 s waiting for the expected answer from 127.0.0.1:\(silent.port)"))
    }

    @Test func `a name that does not exist is a failed connection, and names are looked up aside`() async {
        let result = await self.tcp(80, host: "no-such-host.invalid", timeout: .seconds(20))
        #expect(result.verdict == .down)
        #expect(result.message.contains("host name no-such-host.invalid"))
    }

    @Test func `running out of descriptors is unknown, never down`() async throws {
        let (asked, isAsked) = AsyncStream<Void>.makeStream()
        let server = TestServer { connection in
            isAsked.yield()
            connection.waitForClose()
        }
        let small = try SystemProber(limits: .init(connections: 1))
        async let first = small.http(server.port, timeout: .seconds(2))
        for await _ in asked { break }
        let refused = await small.http(server.port)
        #expect(refused.verdict == .unknown)
        #expect(
            refused.failure
                == Failure(reason: .resource, message: "1 connections are open already; raise LimitNOFILE="))
        // The place is free again once the first is over.
        #expect(await first.reason == .timeout)
        #expect(await small.http(TestServer.deadPort()).reason == .connection)
    }

    @Test(arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EACCES, EPERM])
    func `an error of this machine is unknown, never down`(error: Int32) {
        for isLocal in [true, false] {
            let finding = ConnectionFailure.finding(error, isLocal: isLocal, peer: "192.0.2.1:80")
            #expect(finding.verdict == .unknown)
            #expect(finding.failure?.message.hasPrefix("no connection to 192.0.2.1:80 could be tried: ") == true)
        }
    }

    @Test(arguments: [
        (ECONNREFUSED, "connection refused by 192.0.2.1:80"), (ECONNRESET, "connection reset by 192.0.2.1:80"),
        (EHOSTUNREACH, "no route to 192.0.2.1:80"), (ENETUNREACH, "the network of 192.0.2.1:80 is unreachable"),
    ])
    func `an error of the other side or of the way there is down`(error: Int32, message: String) {
        let finding = ConnectionFailure.finding(error, isLocal: false, peer: "192.0.2.1:80")
        #expect(finding == .down(.connection, message))
    }
}
