import Policy
import Probes
import RecoveryEngine
import ResilienceCore
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct HTTPBodyTests {
    let prober: SystemProber
    init() throws { self.prober = try SystemProber() }

    private static func answer(_ body: String) -> String {
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test func `a body is sent as it is, with its length`() async {
        let got = Mutex("")
        let server = TestServer { connection in
            let head = connection.readHead()
            let body = connection.receive(count: 13)
            got.withLock { $0 = head + body }
            connection.send("HTTP/1.1 200 OK\r\n\r\n")
        }
        let result = await self.prober.http(
            server.port, method: "POST", headers: [HTTPHeader(name: "Content-Type", value: "application/json")],
            body: "{\"q\": \"ü\\n\"}")
        #expect(result.verdict == .up)
        #expect(got.withLock { $0 }.hasSuffix("Content-Length: 13\r\nConnection: close\r\n\r\n{\"q\": \"ü\\n\"}"))
    }

    @Test(arguments: ["^\\{\"state\":\\s*\"(ok|fine)\"", "(?m)^second$", "[0-9]{3}\\}?$"])
    func `a body that matches is up`(pattern: String) async throws {
        let server = TestServer.answering(Self.answer("{\"state\": \"fine\",\nsecond\n 123}"))
        let expect = HTTPExpectation(contains: "fine", matches: try Pattern(pattern))
        #expect(await self.prober.http(server.port, expect: expect).failure == nil)
    }

    @Test func `a body that does not match is down, however it is framed`() async throws {
        let expect = HTTPExpectation(matches: try Pattern("^ok$"))
        for answer in [
            Self.answer("not ok"), "HTTP/1.1 200 OK\r\n\r\nnot ok",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n3\r\n ok\r\n0\r\n\r\n",
        ] {
            let server = TestServer.answering(answer)
            let result = await self.prober.http(server.port, expect: expect)
            #expect(
                result.failure
                    == Failure(reason: .unexpectedBody, message: "the body (6 bytes) does not match \"^ok$\""))
            #expect(result.output == "not ok")
            withExtendedLifetime(server) {}
        }
    }

    @Test func `only the first 64 KiB are searched`() async throws {
        let server = TestServer.answering(Self.answer(String(repeating: "a", count: 65_536) + "needle"))
        let result = await self.prober.http(server.port, expect: HTTPExpectation(matches: try Pattern("needle")))
        #expect(result.message == "the body's first 64 KiB does not match \"needle\"")
        let found = await self.prober.http(server.port, expect: HTTPExpectation(matches: try Pattern("^a{255}")))
        #expect(found.verdict == .up)
    }

    @Test func `the worst pattern over the worst body holds nobody up and says nothing of the component`() async throws
    {
        let server = TestServer.answering(Self.answer(String(repeating: "a", count: 65_536)))
        let worst = HTTPExpectation(matches: try Pattern("(a?){255}(a?){200}b"))
        async let slow = self.prober.http(server.port, expect: worst, timeout: .milliseconds(300))
        let quick = await self.prober.http(server.port, timeout: .milliseconds(300))
        #expect(quick.verdict == .up)
        #expect(quick.seconds < 0.2)
        let result = await slow
        #expect(result.seconds < 0.5)
        // A fast machine gets to the end of it in time.
        #expect(result.verdict == .unknown || result.reason == .unexpectedBody)
        if result.verdict == .unknown { #expect(result.reason == .resource) }
    }

    @Test func `all that is expected of a JSON body must be there`() async throws {
        let server = TestServer.answering(Self.answer("{\"db\": [{\"state\": \"up\"}], \"queue\": 3}"))
        func expecting(_ pairs: (String, JSONScalar)...) throws -> HTTPExpectation {
            HTTPExpectation(json: try pairs.map { JSONExpectation(path: try JSONPath($0.0), equals: $0.1) })
        }
        let fine = try expecting(("$.db[0].state", .text("up")))
        #expect(await self.prober.http(server.port, expect: fine).verdict == .up)
        let one = try expecting(("$.db[0].state", .text("up")), ("$.queue", .null))
        #expect(await self.prober.http(server.port, expect: one).message == "$.queue is 3; expected null")
        let wrong = try expecting(("$.db[0].state", .text("up")), ("$.queue", .text("3")), ("$.cache", .null))
        let result = await self.prober.http(server.port, expect: wrong)
        #expect(
            result.failure
                == Failure(
                    reason: .unexpectedBody,
                    message: "$.queue is 3; expected \"3\", $.cache is not there; expected null"))
    }

    @Test func `what is no JSON is down, and what is too much for heald is unknown`() async throws {
        let expect = HTTPExpectation(json: [JSONExpectation(path: try JSONPath("$"), equals: .null)])
        var servers: [TestServer] = []
        func result(_ body: String) async -> CheckResult {
            let server = TestServer.answering(Self.answer(body))
            servers.append(server)
            return await self.prober.http(server.port, expect: expect)
        }
        #expect(await result("null").verdict == .up)
        let page = await result("<html>")
        #expect(page.reason == .unexpectedBody)
        #expect(page.message.hasPrefix("the body cannot be read as JSON: "))
        #expect(await result("{\"a\": 1, \"a\": 2}").message == "the body cannot be read as JSON: duplicate key \"a\"")
        let deep = await result(String(repeating: "[", count: 50) + String(repeating: "]", count: 50))
        #expect(deep.verdict == .unknown)
        let long = await result("\"\(String(repeating: "a", count: 70_000))\"")
        #expect(long.verdict == .unknown)
        #expect(long.message == "the body is longer than 64 KiB, too long to be read as JSON")
    }

    @Test func `a body that never ends is down in time`() async throws {
        let server = TestServer { connection in
            _ = connection.readHead()
            connection.send("HTTP/1.1 200 OK\r\n\r\n")
            while connection.send("tick\n") { connection.pause(milliseconds: 10) }
        }
        let result = await self.prober.http(
            server.port, expect: HTTPExpectation(matches: try Pattern("tock")), timeout: .milliseconds(200))
        #expect(result.reason == .timeout)
        #expect(result.message.contains("reading the body"))
    }
}

@Suite(.timeLimit(.minutes(1))) struct HTTPRedirectTests {
    let prober: SystemProber
    init() throws { self.prober = try SystemProber() }

    /// A server whose path `/start` leads to a location and whose `/end` is well; it keeps the requests' first lines
    /// and what of their headers matters.
    private final class Recorder: Sendable {
        let requests = Mutex<[String]>([])

        func server(_ location: String, status: String = "302 Found") -> TestServer {
            TestServer { connection in
                let head = connection.readHead()
                let line = String(head.prefix { $0 != "\r\n" })
                let secret = head.contains("Authorization: s3cret") ? " with the secret" : ""
                self.requests.withLock { $0.append(line + secret) }
                if line.contains(" /end") {
                    connection.send("HTTP/1.1 200 OK\r\n\r\nwell")
                } else {
                    connection.send("HTTP/1.1 \(status)\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n")
                }
            }
        }
    }

    private let headers = [HTTPHeader(name: "Authorization", value: "s3cret")]

    @Test(arguments: ["/end", "end", "./end", "x/../end", "/a/../end?", "../../end", "/end#part"])
    func `a redirect on the same server is followed`(location: String) async {
        let recorder = Recorder()
        let server = recorder.server(location)
        let result = await self.prober.http(
            server.port, target: "/start", headers: self.headers, expect: HTTPExpectation(contains: "well"),
            followRedirects: true)
        #expect(result.failure == nil)
        #expect(
            recorder.requests.withLock { $0.map { $0.replacing("?", with: "") } } == [
                "GET /start HTTP/1.1 with the secret", "GET /end HTTP/1.1 with the secret",
            ])
    }

    @Test func `an absolute one to the same server is, too`() async {
        let recorder = Recorder()
        let port = Mutex(0)
        let server = TestServer { connection in
            let head = connection.readHead()
            recorder.requests.withLock { $0.append(String(head.prefix { $0 != "\r\n" })) }
            let location = "http://127.0.0.1:\(port.withLock { $0 })/end"
            connection.send(
                head.hasPrefix("GET /end")
                    ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 308 Moved\r\nLocation: \(location)\r\n\r\n")
        }
        port.withLock { $0 = server.port }
        #expect(await self.prober.http(server.port, followRedirects: true).verdict == .up)
        #expect(recorder.requests.withLock { $0.count } == 2)
    }

    @Test func `nothing follows a redirect elsewhere`() async {
        let other = Recorder()
        let trap = other.server("/end")
        for location in [
            "http://127.0.0.1:\(trap.port)/end", "//127.0.0.1:\(trap.port)/end", "http://localhost:\(trap.port)/",
            "https://127.0.0.1/", "file:///etc/passwd", "http://user:pw@127.0.0.1:\(trap.port)/end", "javascript:x",
            "http://[::1]:\(trap.port)/end", "/bad path", "//",
        ] {
            let recorder = Recorder()
            let server = recorder.server(location)
            let result = await self.prober.http(server.port, headers: self.headers, followRedirects: true)
            #expect(result.reason == .invalidRequest)
            #expect(result.message.hasSuffix("only those to the same scheme, host and port are followed"))
            #expect(recorder.requests.withLock { $0.count } == 1)
        }
        #expect(other.requests.withLock { $0 } == [])
    }

    @Test func `five are followed, and no more`() async {
        let recorder = Recorder()
        let server = recorder.server("/start")
        let result = await self.prober.http(server.port, target: "/start", followRedirects: true)
        #expect(recorder.requests.withLock { $0.count } == 6)
        #expect(result.message.hasSuffix("no more than 5 are followed"))
    }

    @Test func `a redirect that was expected is not followed`() async {
        let recorder = Recorder()
        let server = recorder.server("/end")
        let result = await self.prober.http(
            server.port, expect: HTTPExpectation(status: [302...302]), followRedirects: true)
        #expect(result.verdict == .up)
        #expect(recorder.requests.withLock { $0.count } == 1)
    }

    @Test(arguments: [("303 See", "GET"), ("301 Moved", "GET"), ("307 Same", "POST"), ("308 Same", "POST")])
    func `the method of a POST is kept where the answer says so`(status: String, method: String) async {
        let recorder = Recorder()
        let server = recorder.server("/end", status: status)
        let result = await self.prober.http(server.port, method: "POST", body: "x", followRedirects: true)
        #expect(result.verdict == .up)
        #expect(recorder.requests.withLock { $0.last } == "\(method) /end HTTP/1.1")
    }

    @Test func `what all hops take together is the latency`() async {
        let server = TestServer { connection in
            let head = connection.readHead()
            connection.pause(milliseconds: 60)
            connection.send(
                head.hasPrefix("GET /end")
                    ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 302 Found\r\nLocation: /end\r\n\r\n")
        }
        let expect = HTTPExpectation(latency: .milliseconds(100))
        let result = await self.prober.http(server.port, expect: expect, followRedirects: true)
        #expect(result.verdict == .degraded)
        #expect(result.message.hasSuffix("; expected within 100 ms"))
    }

    @Test func `one timeout covers all hops`() async {
        let server = TestServer { connection in
            _ = connection.readHead()
            connection.pause(milliseconds: 90)
            connection.send("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")
        }
        let result = await self.prober.http(server.port, followRedirects: true, timeout: .milliseconds(200))
        #expect(result.reason == .timeout)
        #expect(result.seconds < 0.4)
    }
}
