import Glibc
import Policy
import Probes
import RecoveryEngine
import ResilienceCore
import Testing

/// Servers that drip, lie, never end, or do not speak HTTP.
@Suite(.timeLimit(.minutes(1))) struct HTTPHostilityTests {
    let prober: SystemProber
    init() throws { self.prober = try SystemProber() }

    private static let wanted = HTTPExpectation(contains: "needle")

    @Test(arguments: [
        ("SSH-2.0-OpenSSH_9.2\r\n", "the response is not HTTP: it begins with \"SSH-2.0-OpenSSH_9.2\""),
        ("<html>0.9</html>", "the response is not HTTP: it begins with \"<html>0.9</html>\""),
        ("\0\u{1}\u{2}", "the response is not HTTP: it begins with \"\\u{0}\\u{1}\\u{2}\""),
        ("HTTP/2.0 200 OK\r\n\r\n", "the response is in another version of HTTP: \"HTTP/2.0 200 OK\""),
        ("HTTP/1.1 2000 OK\r\n\r\n", "the response has a malformed status line: \"HTTP/1.1 2000 OK\""),
        ("HTTP/1.1  200 OK\r\n\r\n", "the response has a malformed status line: \"HTTP/1.1  200 OK\""),
        ("HTTP/1.1 700 OK\r\n\r\n", "the response has the impossible status 700"),
        ("HTTP/1.1\r\n\r\n", "the response has a malformed status line: \"HTTP/1.1\""),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "the response has a malformed header line: \"no colon\""),
        ("HTTP/1.1 200 OK\r\n : x\r\n\r\n", "the response has a malformed header line: \" : x\""),
        ("HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n", "the response has a malformed header line: \" folded\""),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "the response has two different Content-Lengths"
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
            "the response has a Content-Length that is not a number: \"-5\""
        ),
    ])
    func `what is not an HTTP/1 response is refused by name`(answer: String, message: String) async {
        let server = TestServer.answering(answer)
        let result = await self.prober.http(server.port)
        #expect(result.verdict == .down)
        #expect(result.failure == Failure(reason: .unexpectedBody, message: message))
    }

    @Test func `not speaking HTTP is noticed at once even if the connection stays open`() async {
        let server = TestServer { connection in
            connection.send("220 smtp.example ESMTP")
            connection.waitForClose()
        }
        let result = await self.prober.http(server.port)
        #expect(result.message == "the response is not HTTP: it begins with \"220 smtp.example ESMTP\"")
        #expect(result.seconds < 2.5)
    }

    @Test func `interim responses are passed over, but not for ever`() async {
        let some = TestServer.answering(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
        #expect(await self.prober.http(some.port).verdict == .up)
        let endless = TestServer { connection in
            _ = connection.readHead()
            while connection.send("HTTP/1.1 100 Continue\r\n\r\n") {}
        }
        let result = await self.prober.http(endless.port)
        #expect(result.message == "the response never came: more than 10 interim (1xx) responses")
    }

    @Test func `a head without end is cut off at 16 KiB`() async {
        for piece in ["X-Header: value\r\n", "x"] {
            let server = TestServer { connection in
                _ = connection.readHead()
                connection.send("HTTP/1.1 200 OK\r\nA: ")
                while connection.send(piece) {}
            }
            let result = await self.prober.http(server.port)
            #expect(result.reason == .unexpectedBody)
            #expect(result.message == "the response has a head of more than 16 KiB")
        }
    }

    @Test func `a server that drips cannot extend the deadline`() async {
        let server = TestServer { connection in
            _ = connection.readHead()
            for byte in "HTTP/1.1 200 OK\r\nX: \(String(repeating: "y", count: 1_000))" {
                guard connection.send(String(byte)) else { return }
                connection.pause(milliseconds: 5)
            }
        }
        let result = await self.prober.http(server.port, timeout: .seconds(1))
        #expect(
            result.failure
                == Failure(
                    reason: .timeout,
                    message: "timed out after 1 s reading the response's head from 127.0.0.1:\(server.port)"))
        #expect(result.seconds < 1.8)
    }

    @Test func `each phase of a timeout is named`() async {
        let silent = TestServer { $0.waitForClose() }
        let waiting = await self.prober.http(silent.port, timeout: .seconds(1))
        #expect(
            waiting.failure
                == Failure(
                    reason: .timeout,
                    message: "timed out after 1 s waiting for the response from 127.0.0.1:\(silent.port)"))

        let stuck = TestServer { connection in
            _ = connection.readHead()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhay")
            connection.waitForClose()
        }
        let reading = await self.prober.http(stuck.port, expect: Self.wanted, timeout: .seconds(2))
        #expect(
            reading.message
                == "timed out after 2 s reading the body (3 bytes so far) from 127.0.0.1:\(stuck.port)")
        #expect(reading.output == "hay")

        // Two connections fill a queue of length 0; a third one's SYN gets no answer.
        let full = TestServer(backlog: 0, handler: nil)
        async let first = self.prober.http(full.port, timeout: .seconds(1))
        async let second = self.prober.http(full.port, timeout: .seconds(1))
        async let third = self.prober.http(full.port, timeout: .seconds(1))
        let messages = await [first, second, third].map(\.message)
        #expect(messages.contains("timed out after 1 s connecting to 127.0.0.1:\(full.port)"))
    }

    @Test func `only a body that is asked for is read`() async {
        let server = TestServer { connection in
            _ = connection.readHead()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            connection.waitForClose()
        }
        let result = await self.prober.http(server.port)
        #expect(result.verdict == .up)
        #expect(result.seconds < 2.5)
    }

    @Test(arguments: [
        "Content-Length: 10\r\n\r\na needle b",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nnee\r\n3;ext=1\r\ndle\r\n0\r\n\r\n",
        "transfer-encoding:  Chunked \r\n\r\n00006\nneedle\n0\n\n",
        "\r\nno length, needle until the end",
        "Content-Length: 99999\r\n\r\nneedle, and then nothing as promised",
    ])
    func `the text is found however the body is framed`(answer: String) async {
        let server = TestServer.answering("HTTP/1.1 200 OK\r\n\(answer)")
        #expect(await self.prober.http(server.port, expect: Self.wanted).verdict == .up)
        // The same, a byte at a time.
        let slow = TestServer { connection in
            _ = connection.readHead()
            for byte in Array("HTTP/1.1 200 OK\r\n\(answer)".utf8) {
                guard connection.send([byte]) else { return }
            }
        }
        #expect(await self.prober.http(slow.port, expect: Self.wanted).verdict == .up)
    }

    @Test(arguments: [
        (
            "Content-Length: 3\r\n\r\nhay", FailureReason.unexpectedBody,
            "the body (3 bytes) does not contain \"needle\""
        ),
        ("\r\nhay", .unexpectedBody, "the body (3 bytes) does not contain \"needle\""),
        ("Content-Length: 3\r\n\r\nhayneedle", .unexpectedBody, "the body (3 bytes) does not contain \"needle\""),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nnee\r\n0\r\n\r\ndle", .unexpectedBody,
            "the body (3 bytes) does not contain \"needle\""
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", .unexpectedBody,
            "the response's body has a chunk whose size is not a number: \"xyz\""
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", .unexpectedBody,
            "the response's body has a chunk whose size is not a number: \"ffffffffffffffffff\""
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n2\r\nabcdef\r\n", .unexpectedBody,
            "the response's body has a chunk longer than its size says"
        ),
        (
            "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", .unexpectedBody,
            "the response's body is in a transfer coding that was not asked for"
        ),
    ])
    func `a body without the text, or not as announced, is down`(
        answer: String, reason: FailureReason, message: String
    ) async {
        let server = TestServer.answering("HTTP/1.1 200 OK\r\n\(answer)")
        let result = await self.prober.http(server.port, expect: Self.wanted)
        #expect(result.failure == Failure(reason: reason, message: message))
    }

    @Test(arguments: [
        ("", "closed the connection without a response"),
        ("HTTP/1.1 200 OK\r\nServ", "closed the connection in the middle of the response's head"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhay",
            "closed the connection in the middle of the body, 7 bytes short of the announced length"
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhay\r\n",
            "closed the connection in the middle of the body, without the last chunk"
        ),
    ])
    func `an early end is a failed connection`(answer: String, message: String) async {
        let server = TestServer.answering(answer)
        let result = await self.prober.http(server.port, expect: Self.wanted)
        #expect(result.failure == Failure(reason: .connection, message: "127.0.0.1:\(server.port) \(message)"))
    }

    @Test func `a body without end is cut off at 64 KiB, and one that is all framing at 1 MiB`() async {
        for (framing, message) in [
            ("\r\n", "the body's first 64 KiB does not contain \"needle\""),
            ("Transfer-Encoding: chunked\r\n\r\n", "the response's body is mostly chunk framing"),
        ] {
            let server = TestServer { connection in
                _ = connection.readHead()
                connection.send("HTTP/1.1 200 OK\r\n\(framing)")
                let piece = "1;\(String(repeating: "x", count: 200))\r\ny\r\n"
                while connection.send(piece) {}
            }
            let result = await self.prober.http(server.port, expect: Self.wanted)
            #expect(result.failure == Failure(reason: .unexpectedBody, message: message))
        }
    }

    @Test func `HEAD and 204 have no body whatever their headers say`() async {
        let server = TestServer { connection in
            let isHead = connection.readHead().hasPrefix("HEAD")
            connection.send("HTTP/1.1 \(isHead ? 200 : 204) OK\r\nContent-Length: 500\r\n\r\n")
            connection.waitForClose()
        }
        for method in ["HEAD", "GET"] {
            let result = await self.prober.http(server.port, method: method, expect: Self.wanted)
            #expect(result.message == "the body (0 bytes) does not contain \"needle\"")
        }
    }

    @Test func `a reset is told apart from an end`() async {
        let server = TestServer { connection in
            _ = connection.readHead()
            connection.resetOnClose()
        }
        let result = await self.prober.http(server.port)
        #expect(
            result.failure
                == Failure(
                    reason: .connection,
                    message: "connection reset by 127.0.0.1:\(server.port) while waiting for the response"))
    }
}
