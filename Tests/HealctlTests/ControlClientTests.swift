import Testing

@testable import HealctlKit

@Suite struct ControlClientTests {
    @Test func `an answer is read as soon as it is whole`() throws {
        let text = "HTTP/1.1 200 OK\r\nContent-Type: x\r\ncontent-length: 3\r\n\r\n"
        #expect(try ControlClient.parse(Array(text.utf8) + [1, 2], isWhole: false) == nil)
        #expect(try ControlClient.parse(Array(text.utf8) + [1, 2], isWhole: true) == nil)
        #expect(
            try ControlClient.parse(Array(text.utf8) + [1, 2, 3], isWhole: false)
                == .init(status: 200, body: [1, 2, 3]))
        #expect(try ControlClient.parse(Array("HTTP/1.1 2".utf8), isWhole: false) == nil)
    }

    @Test func `without a length the answer ends with the connection`() throws {
        let text = Array("HTTP/1.0 404 Not Found\r\n\r\nabc".utf8)
        #expect(try ControlClient.parse(text, isWhole: false) == nil)
        #expect(try ControlClient.parse(text, isWhole: true) == .init(status: 404, body: Array("abc".utf8)))
    }

    @Test(arguments: [
        "SSH-2.0-x\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 OK\r\n\r\n", "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    ])
    func `what is no answer of heald is an error`(text: String) {
        #expect(throws: CommandFailure.self) { try ControlClient.parse(Array(text.utf8), isWhole: true) }
    }

    @Test(arguments: [
        (400, HealctlKit.ExitStatus.usage), (413, .usage), (403, .notPermitted), (404, .notFound), (422, .badData),
        (503, .unavailable), (504, .unavailable), (500, .internalError), (405, .internalError),
    ])
    func `heald's refusal is told in its own words`(status: Int, exit: HealctlKit.ExitStatus) {
        let client = ControlClient(runtimeDirectory: "/nonexistent")
        let body = Array(#"{"error":"What.","why":"Why.","fix":"Fix."}"#.utf8)
        #expect(throws: CommandFailure(exit, what: "What.", why: "Why.", fix: "Fix.")) {
            try client.accepted(.init(status: status, body: body))
        }
    }

    @Test func `a name that could not be one never reaches the wire`() {
        let client = ControlClient(runtimeDirectory: "/nonexistent")
        #expect(throws: CommandFailure.self) { try client.check(component: "x HTTP/1.1\r\nEvil: y") }
        do { _ = try client.check(component: "a b") } catch { #expect(error.status == .notFound) }
    }

    @Test func `a path too long for a socket is an error`() {
        let client = ControlClient(runtimeDirectory: "/" + String(repeating: "x", count: 200))
        do {
            _ = try client.version()
            Issue.record("connected")
        } catch { #expect(error.status == .unavailable) }
    }
}
