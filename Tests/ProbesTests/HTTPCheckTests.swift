import Policy
import Probes
import RecoveryEngine
import ResilienceCore
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct HTTPCheckTests {
    let prober: SystemProber
    init() throws { self.prober = try SystemProber() }

    @Test func `an expected status is up, and the request is what was declared`() async {
        let head = Mutex("")
        let server = TestServer { connection in
            let text = connection.readHead()
            head.withLock { $0 = text }
            connection.send("HTTP/1.1 204 No Content\r\nServer: test\r\n\r\n")
        }
        let result = await self.prober.http(
            server.port, method: "POST", target: "/healthz?full=1",
            headers: [HTTPHeader(name: "X-Probe", value: "yes"), HTTPHeader(name: "Connection", value: "keep-alive")])
        #expect(result.verdict == .up)
        #expect(result.failure == nil)
        #expect(result.finishedAt > result.startedAt)
        #expect(
            head.withLock { $0 } == """
                POST /healthz?full=1 HTTP/1.1\r
                Host: 127.0.0.1:\(server.port)\r
                User-Agent: heald\r
                Accept: */*\r
                X-Probe: yes\r
                Content-Length: 0\r
                Connection: close\r
                \r

                """)
    }

    @Test(arguments: [
        ("500 Oh no", FailureReason.serverError, "answered 500 Oh no"),
        ("503", .serverError, "answered 503"),
        ("429 Slow down", .rateLimit, "answered 429 Slow down"),
        ("401 Who?", .authError, "answered 401 Who?"),
        ("403 No", .authError, "answered 403 No"),
        ("404 Not Found", .notFound, "answered 404 Not Found"),
        ("418 Teapot", .invalidRequest, "answered 418 Teapot"),
        ("304 Not Modified", .invalidRequest, "answered 304 Not Modified"),
        ("101 Switching", .unexpectedBody, "answered 101 Switching; expected 200-299"),
    ])
    func `an unexpected status is down by its class`(status: String, reason: FailureReason, message: String) async {
        let server = TestServer.answering("HTTP/1.1 \(status)\r\nContent-Length: 5\r\n\r\nwhy\u{7}!")
        let result = await self.prober.http(server.port)
        #expect(result.verdict == .down)
        #expect(result.failure == Failure(reason: reason, message: message))
        #expect(result.output?.hasPrefix("HTTP/1.1 \(status)") == true)
    }

    @Test func `a body that came along with an unexpected status is kept as evidence, made safe`() async {
        let server = TestServer.answering("HTTP/1.1 500 No\r\n\r\ndatabase\u{1B}[31m gone\u{202E}")
        let result = await self.prober.http(server.port)
        #expect(result.output == "HTTP/1.1 500 No\ndatabase gone\\u{202e}")
    }

    @Test func `an unexpected 2xx names what was expected`() async {
        let server = TestServer.answering("HTTP/1.0 200 OK\r\n\r\n")
        let expect = HTTPExpectation(status: [204...204, 300...304])
        let result = await self.prober.http(server.port, expect: expect)
        #expect(
            result.failure
                == Failure(reason: .unexpectedBody, message: "answered 200 OK; expected 204, 300-304"))
    }

    @Test(arguments: [
        ("120", Duration.seconds(120)), ("0", .zero), ("999999999999", .seconds(3_600)), ("4000", .seconds(3_600)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", .zero), ("Fri, 01 Jan 2100 00:00:00 GMT", .seconds(3_600)),
    ])
    func `Retry-After is honoured within an hour`(value: String, wait: Duration) async {
        let server = TestServer.answering("HTTP/1.1 429 Slow\r\nRetry-After: \(value)\r\n\r\n")
        #expect(await self.prober.http(server.port).retryAfter == wait)
    }

    @Test(arguments: ["soon", "-5", "1.5", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nox 1994 08:49:37 GMT", ""])
    func `a Retry-After that is neither seconds nor a date is not there`(value: String) async {
        let server = TestServer.answering("HTTP/1.1 429 Slow\r\nRetry-After: \(value)\r\n\r\n")
        let result = await self.prober.http(server.port)
        #expect(result.reason == .rateLimit)
        #expect(result.retryAfter == nil)
    }

    @Test(arguments: [
        ("http://user:secret@other.example:81/x?token=1", "\"http://other.example:81\""),
        ("//other.example/x", "\"//other.example\""),
        ("/login", "another path of the same host"),
    ])
    func `a redirect is not followed, and its message names no more than the host`(
        location: String, place: String
    ) async {
        let followed = Mutex(0)
        let server = TestServer { connection in
            followed.withLock { $0 += 1 }
            _ = connection.readHead()
            connection.send("HTTP/1.1 302 Found\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n")
        }
        let result = await self.prober.http(server.port)
        #expect(
            result.failure
                == Failure(
                    reason: .invalidRequest,
                    message: "answered 302 Found, a redirect to \(place); redirects are not followed"))
        #expect(followed.withLock { $0 } == 1)
    }

    @Test func `a redirect that was expected is up`() async {
        let server = TestServer.answering("HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\n")
        #expect(await self.prober.http(server.port, expect: HTTPExpectation(status: [301...302])).verdict == .up)
    }

    @Test func `a slower response than expected is degraded`() async {
        let server = TestServer { connection in
            _ = connection.readHead()
            connection.pause(milliseconds: 60)
            connection.send("HTTP/1.1 200 OK\r\n\r\n")
        }
        let slow = await self.prober.http(server.port, expect: HTTPExpectation(latency: .milliseconds(20)))
        #expect(slow.verdict == .degraded)
        #expect(slow.message.hasPrefix("answered in "))
        #expect(slow.message.hasSuffix(" ms; expected within 20 ms"))
        let fine = await self.prober.http(server.port, expect: HTTPExpectation(latency: .seconds(2)))
        #expect(fine.verdict == .up)
    }

    @Test func `a Unix socket is asked instead of a port`() async throws {
        let path = "/tmp/heald-test-\(monotonicNow().nanoseconds).sock"
        let server = TestServer(path: path) { connection in
            let head = connection.readHead()
            connection.send(head.contains("Host: app\r\n") ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 400 No\r\n\r\n")
        }
        #expect(await self.prober.http(1, host: "app", unixSocket: path).verdict == .up)
        withExtendedLifetime(server) {}
        let missing = await self.prober.http(1, host: "app", unixSocket: path + ".missing")
        #expect(missing.failure == Failure(reason: .connection, message: "there is no socket \(path).missing"))
        let long = await self.prober.http(1, unixSocket: "/" + String(repeating: "x", count: 200))
        #expect(long.reason == .misconfigured)
        #expect(unlinkTestSocket(path))
    }

    @Test func `a header that would break out of its line is never sent`() async {
        let server = TestServer.answering("HTTP/1.1 200 OK\r\n\r\n")
        for (target, header) in [("/", "a\r\nEvil: 1"), ("/ HTTP/1.1\r\nEvil: 1", "a"), ("/", "a\0")] {
            let result = await self.prober.http(
                server.port, target: target, headers: [HTTPHeader(name: "X", value: header)])
            #expect(result.reason == .misconfigured)
        }
    }
}
