import Foundation
import Testing

@testable import ControlAPI
@testable import HealctlKit

@Suite struct HostileClientTests {
    @Test func `a body that is too large is refused, said or not`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            let fits = #"{"for":"1h","reason":""# + String(repeating: "x", count: 65_536 - 25) + "\"}"
            #expect(fits.utf8.count == 65_536 - 1)
            let accepted = try await server.request("POST", "/v1/pause", fits + " ")
            #expect(accepted.status == 200)
            let refused = try await server.request("POST", "/v1/pause", fits + "  ")
            #expect(refused.status == 413)
            #expect(refused.object["why"] as? String == "Its body has more than 65536 bytes.")
            let chunk = "8000\r\n" + String(repeating: "x", count: 0x8000) + "\r\n"
            let chunked = try await server.exchange(
                "POST /v1/pause HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + chunk + chunk + chunk + "0\r\n\r\n")
            #expect(chunked.hasPrefix("HTTP/1.1 413 "), "\(chunked.prefix(200))")
        }
        #expect(await control.calls.count == 1)
    }

    @Test(arguments: [
        "\u{0}\u{1}\u{2}\u{3}\r\n\r\n", "GET\r\n\r\n", "GET /v1/status HTTP/9.9\r\n\r\n", "\r\n\r\n\r\nx y z\r\n\r\n",
        "GET /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "GET /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /v1/status HTTP/1.1\r\nHost: x\r\nX: " + String(repeating: "y", count: 40_000) + "\r\n\r\n",
        "GET /v1/status HTTP/1.1\r\nHost: x\r\n" + String(repeating: "A: b\r\n", count: 200) + "\r\n",
        "POST /v1/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ])
    func `what is not HTTP is refused and the connection closed`(text: String) async throws {
        let control = RecordingControl()
        try await TestServer.with(control, { $0.limits.request = .milliseconds(500) }) { server in
            let answer = try await server.exchange(text)
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400 "), "\(answer.prefix(200))")
            let after = try await server.request("GET", "/v1/version")
            #expect(after.status == 200)
        }
        #expect(await control.calls.isEmpty)
    }

    @Test(arguments: [
        "GET /v1/status HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        "POST /v1/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n{",
    ])
    func `a request that drips is cut off at its deadline, however long it goes on`(start: String) async throws {
        try await TestServer.with(RecordingControl(), { $0.limits.request = .milliseconds(400) }) { server in
            let path = server.socketPath
            let lasted = try await onThread {
                let stream = try UnixStream(path: path, timeout: .seconds(20))
                let begin = ContinuousClock.now
                try stream.send(Array(start.utf8))
                // One byte every 20 ms, until the server has had enough.
                while ContinuousClock.now - begin < .seconds(15) {
                    usleep(20_000)
                    do { try stream.send([UInt8(ascii: "x")]) } catch { break }
                }
                return ContinuousClock.now - begin
            }
            #expect(lasted > .milliseconds(350) && lasted < .seconds(5), "\(lasted)")
        }
    }

    @Test func `a client that does not take its answer is cut off`() async throws {
        let many = (0..<2_000).map { RecordingControl.component("component-with-a-rather-long-name-\($0)") }
        let adjust: (inout ControlServerConfiguration) -> Void = {
            $0.limits.response = .milliseconds(300)
            $0.limits.operatorConnections = 1
        }
        try await TestServer.with(RecordingControl(components: many), adjust) { server in
            let path = server.socketPath
            try await onThread {
                let stream = try UnixStream(path: path, timeout: .seconds(20))
                try stream.send(Array("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                // The only place is taken until the server gives this connection up.
                let begin = ContinuousClock.now
                var served = false
                while !served, ContinuousClock.now - begin < .seconds(15) {
                    served = (try? server.client.request("GET", "/v1/version", timeout: .seconds(5)))?.status == 200
                    usleep(10_000)
                }
                #expect(served)
                #expect(ContinuousClock.now - begin > .milliseconds(200))
                _ = consume stream
            }
        }
    }

    @Test func `connections beyond the limit are closed at once, and their places come back`() async throws {
        try await TestServer.with(RecordingControl(), { $0.limits.operatorConnections = 3 }) { server in
            let path = server.socketPath
            try await onThread {
                func hold() throws -> UnixStream {
                    let stream = try UnixStream(path: path, timeout: .seconds(10))
                    try stream.send(Array("GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                    #expect(String(decoding: try stream.receive(), as: UTF8.self).hasPrefix("HTTP/1.1 200 "))
                    return stream
                }
                let first = try hold()
                let second = try hold()
                let third = try hold()
                #expect(throws: CommandFailure.self) {
                    try server.client.request("GET", "/v1/version", timeout: .seconds(5))
                }
                _ = consume third
                let begin = ContinuousClock.now
                var served = false
                while !served, ContinuousClock.now - begin < .seconds(10) {
                    served = (try? server.client.request("GET", "/v1/version", timeout: .seconds(5)))?.status == 200
                }
                #expect(served)
                _ = consume first
                _ = consume second
            }
        }
    }

    @Test func `several requests on one connection are answered in order, pipelined too`() async throws {
        try await TestServer.with(RecordingControl()) { server in
            let one = "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n"
            let last = "GET /v1/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            let answers = try await server.exchange(one + one + last)
            #expect(answers.components(separatedBy: "HTTP/1.1 200 OK").count == 3)
            #expect(answers.components(separatedBy: "HTTP/1.1 404 Not Found").count == 2)
        }
    }

    @Test func `an idle connection is closed after its time`() async throws {
        try await TestServer.with(RecordingControl(), { $0.limits.request = .milliseconds(300) }) { server in
            let answer = try await server.exchange("GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(answer.hasSuffix("{\"version\":\"1.2.3\"}\n"))
        }
    }
}
