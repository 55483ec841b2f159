import FoundationEssentials
import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Alerting

@Suite struct WebhookSenderTests {
    private let scratch: Scratch

    init() throws { self.scratch = try Scratch() }

    private let group = AlertGroup(
        host: "web1", channel: "oncall",
        alerts: [QueuedAlert(id: 5, message: alert("down…"), arrivedAt: MonotonicInstant(nanoseconds: 0))], dropped: 0)

    private func deliver(
        to url: String, secretFile: String? = nil, group: AlertGroup? = nil, connect: Duration = .milliseconds(400),
        answer: Duration = .milliseconds(400)
    ) async throws -> DeliveryOutcome {
        let sender = try WebhookSender(connect: connect, answer: answer)
        let channel = Policy.Channel(name: "oncall", kind: .webhook(url: url, secretFile: secretFile))
        let group = group ?? self.group
        let outcome = try await within { await sender.deliver(group, to: channel) }
        await sender.shutdown()
        return outcome
    }

    @Test func `a group is POSTed as JSON with the token from the file`() async throws {
        let server = try await LoopbackServer([.status("204 No Content")])
        let token = try self.scratch.write("token", "s3cret\n")
        #expect(try await self.deliver(to: server.url, secretFile: token) == .delivered)
        try await server.close()
        let request = try #require(server.requests.all.first)
        #expect(request.head.hasPrefix("POST /hook HTTP/1.1\r\n"))
        #expect(request.header("Authorization") == "Bearer s3cret")
        #expect(request.header("Content-Type") == "application/json")
        #expect(request.body == String(decoding: try self.group.json(), as: UTF8.self))
    }

    @Test func `a token that was replaced is used from the next delivery on`() async throws {
        let server = try await LoopbackServer([.status("200 OK")])
        let token = try self.scratch.write("token", "old")
        _ = try await self.deliver(to: server.url, secretFile: token)
        try self.scratch.write("token", "new")
        _ = try await self.deliver(to: server.url, secretFile: token)
        try await server.close()
        #expect(server.requests.all.map { $0.header("Authorization") } == ["Bearer old", "Bearer new"])
    }

    @Test func `nothing is sent where the secret cannot be used`() async throws {
        let server = try await LoopbackServer([.status("200 OK")])
        let token = try self.scratch.write("token", "s3cret", mode: 0o644)
        let outcome = try await self.deliver(to: server.url, secretFile: token)
        guard case .refused(let reason, isAboutMessage: false) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(reason.contains("chmod 0600"))
        #expect(server.requests.all.isEmpty)
        try await server.close()
    }

    @Test(arguments: [
        ("200 OK", DeliveryOutcome.delivered),
        ("202 Accepted", .delivered),
        ("500 Oops", .retry(reason: "it answered 500")),
        ("503 Busy", .retry(reason: "it answered 503")),
        ("408 Slow", .retry(reason: "it answered 408")),
        ("400 Bad", .refused(reason: "it answered 400: it does not accept this message", isAboutMessage: true)),
        ("413 Big", .refused(reason: "it answered 413: it does not accept this message", isAboutMessage: true)),
        ("401 No", .refused(reason: "it answered 401: it wants a token; set `secretFile`", isAboutMessage: false)),
        ("404 Gone", .refused(reason: "it answered 404: check the path of `url`", isAboutMessage: false)),
    ])
    func `the status decides`(status: String, expected: DeliveryOutcome) async throws {
        let server = try await LoopbackServer([.status(status)])
        #expect(try await self.deliver(to: server.url) == expected)
        try await server.close()
    }

    @Test func `429 with Retry-After says when to come back`() async throws {
        let server = try await LoopbackServer([.status("429 Slow down", headers: "Retry-After: 17\r\n")])
        #expect(
            try await self.deliver(to: server.url) == .retry(reason: "it answered 429", after: .seconds(17)))
        try await server.close()
    }

    @Test(arguments: ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
    func `a redirect is not followed and the token goes nowhere`(status: String) async throws {
        let thief = try await LoopbackServer([.status("200 OK")])
        let server = try await LoopbackServer([.status(status, headers: "Location: \(thief.url)\r\n")])
        let token = try self.scratch.write("token", "s3cret")
        let outcome = try await self.deliver(to: server.url, secretFile: token)
        guard case .refused(let reason, isAboutMessage: false) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(reason.contains("redirect"))
        #expect(server.requests.all.count == 1)
        #expect(thief.requests.all.isEmpty)
        try await server.close()
        try await thief.close()
    }

    @Test func `a port where nobody listens is tried again later, and is known at once`() async throws {
        let server = try await LoopbackServer([.close])
        let url = server.url
        try await server.close()
        let clock = ContinuousClock()
        let began = clock.now
        let outcome = try await self.deliver(to: url, connect: .seconds(8), answer: .seconds(10))
        guard case .retry(let reason, nil) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(!reason.contains("exchange failed"), "\(reason)")
        #expect(clock.now - began < .seconds(5))
    }

    @Test(arguments: [
        LoopbackServer.Answer.hang,
        .drip("HTTP/1.1 200 OK\r\nX-Slow: "),
        .drip(""),
    ])
    func `a server that never comes to an answer is left at the deadline`(answer: LoopbackServer.Answer) async throws {
        let server = try await LoopbackServer([answer])
        let outcome = try await self.deliver(to: server.url)
        guard case .retry = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(server.requests.all.count == 1)
        try await server.close()
    }

    @Test func `a body that never ends does not hold up what its status has said`() async throws {
        let server = try await LoopbackServer([.drip("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")])
        #expect(try await self.deliver(to: server.url, answer: .seconds(60)) == .delivered)
        try await server.close()
    }

    @Test(arguments: [
        LoopbackServer.Answer.close, .raw("HTTP/1.1 2"), .raw("nonsense\r\n\r\n"), .raw("HTTP/1.1 999999 X\r\n\r\n"),
    ])
    func `no answer or nonsense is a failure to try again`(answer: LoopbackServer.Answer) async throws {
        let server = try await LoopbackServer([answer])
        let outcome = try await self.deliver(to: server.url)
        guard case .retry = outcome else {
            Issue.record("\(outcome)")
            return
        }
        try await server.close()
    }

    @Test(arguments: ["", "nonsense", "http://", "ftp://127.0.0.1/x", "http://[::1"])
    func `an address that is none is a refusal`(url: String) async throws {
        let outcome = try await self.deliver(to: url)
        guard case .refused(_, isAboutMessage: false) = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test func `a whole group of the longest, most hostile texts arrives as valid JSON`() async throws {
        let server = try await LoopbackServer([.status("200 OK")])
        let text = String(repeating: "\u{1B}]0;\"\\\u{202E}</script>\n日", count: 500)
        let alerts = (0..<ChannelQueue.groupMax).map { number in
            QueuedAlert(
                id: Int64(number), message: alert(text, incident: Int64(number)),
                arrivedAt: MonotonicInstant(nanoseconds: 0))
        }
        let group = AlertGroup(host: "web1", channel: "oncall", alerts: alerts, dropped: 0)
        #expect(try await self.deliver(to: server.url, group: group, answer: .seconds(10)) == .delivered)
        try await server.close()
        let body = try #require(server.requests.all.first?.body)
        #expect(body.utf8.count < 1_500_000)
        struct Parsed: Decodable {
            struct Item: Decodable { var id: Int64, text: String }
            var alerts: [Item]
        }
        let parsed = try JSONDecoder().decode(Parsed.self, from: Data(body.utf8))
        #expect(parsed.alerts.map(\.id) == alerts.map(\.id))
        #expect(parsed.alerts.allSatisfy { $0.text == SafeText.escaped(text) })
        #expect(!body.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E })
    }
}
