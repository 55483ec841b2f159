import Policy
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

@testable import Alerting

@Suite struct AlertDeliveryTests {
    private let scratch: Scratch
    private let outbox = MemoryOutbox()
    private let journal = MemoryJournal()
    private let clock = ManualClock()

    init() throws { self.scratch = try Scratch() }

    private func makeDelivery(answer: Duration = .seconds(10), exec: Duration = .seconds(20)) throws -> AlertDelivery {
        try AlertDelivery(
            outbox: self.outbox, journal: self.journal, clock: self.clock,
            options: .init(
                host: "web1", seed: 1, connectDeadline: .seconds(2), answerDeadline: answer, execDeadline: exec,
                execKillAfter: .milliseconds(100)))
    }

    /// Runs `body` beside a delivery at work, and ends that afterwards.
    private func withDelivery(
        _ delivery: AlertDelivery, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        let run = Task { await delivery.run() }
        do { try await within(.seconds(30), body) } catch {
            run.cancel()
            throw error
        }
        run.cancel()
        try await within { await run.value }
    }

    private func webhook(
        _ name: String, _ url: String, secretFile: String? = nil, wait: Duration = .zero,
        minSeverity: Severity = .low, events: Set<AlertEvent> = AlertEvent.defaults
    ) -> [String: Channel] {
        [
            name: Channel(
                name: name, kind: .webhook(url: url, secretFile: secretFile), minSeverity: minSeverity, events: events,
                repeatEvery: .zero, groupWait: wait)
        ]
    }

    private func journalLines(_ isWanted: (JournalLine) -> Bool) -> [JournalLine] {
        self.journal.lines.all.filter(isWanted)
    }

    @Test func `the journal is told without any channel in the policy`() async throws {
        self.outbox.add(alert("it is\ndown", component: "api", incident: 7, severity: .critical))
        self.outbox.add(alert("an incident", .opened, component: nil, incident: nil, severity: .low))
        self.outbox.add(alert("up again", .resolved, severity: .critical))
        let delivery = try self.makeDelivery()
        delivery.update(channels: [:])
        try await self.withDelivery(delivery) { try await self.outbox.finishes.wait { $0.count == 3 } }
        #expect(
            self.journal.lines.all == [
                JournalLine(
                    message: #"it is\ndown"#, priority: 2,
                    fields: [
                        "HEALD_EVENT": "healing_failed", "HEALD_SEVERITY": "CRITICAL", "COMPONENT": "api",
                        "INCIDENT": "7",
                    ]),
                JournalLine(
                    message: "an incident", priority: 5, fields: ["HEALD_EVENT": "opened", "HEALD_SEVERITY": "LOW"]),
                JournalLine(
                    message: "up again", priority: 5,
                    fields: [
                        "HEALD_EVENT": "resolved", "HEALD_SEVERITY": "CRITICAL", "COMPONENT": "api", "INCIDENT": "1",
                    ]),
            ])
        #expect(self.outbox.entries.isEmpty)
    }

    @Test func `the journal is told at once, however much there is to tell`() async throws {
        let delivery = try self.makeDelivery()
        delivery.update(channels: [:])
        try await self.withDelivery(delivery) {
            for number in 1...30 {
                self.outbox.add(alert("number \(number)", incident: Int64(number)))
                delivery.wake()
                // The clock stands still.
                try await self.journal.lines.wait { $0.last?.message == "number \(number)" }
            }
        }
    }

    @Test func `nothing is delivered and nothing lost before the channels are known`() async throws {
        self.outbox.add(alert("early"))
        let server = try await LoopbackServer([.status("200 OK")])
        let delivery = try self.makeDelivery()
        delivery.wake()
        try await self.withDelivery(delivery) {
            #expect(self.outbox.entries.count == 1)
            delivery.update(channels: self.webhook("oncall", server.url))
            try await self.outbox.finishes.wait { $0.count == 1 }
        }
        #expect(server.requests.all.count == 1)
        try await server.close()
    }

    @Test func `500 then 200: tried again after the backoff, in order, and marked delivered once`() async throws {
        let server = try await LoopbackServer([.status("500 Oops"), .status("500 Oops"), .status("200 OK")])
        self.outbox.add(alert("one", incident: 1))
        let delivery = try self.makeDelivery()
        delivery.update(channels: self.webhook("oncall", server.url))
        try await self.withDelivery(delivery) {
            try await server.requests.wait { $0.count == 1 }
            self.outbox.add(alert("two", incident: 2))
            delivery.wake()
            try await self.journal.lines.wait { $0.contains { $0.message == "two" } }
            #expect(try await self.clock.advanceToNextDeadline() <= .milliseconds(1_250))
            try await server.requests.wait { $0.count == 2 }
            try await self.clock.advanceToNextDeadline()
            try await self.outbox.finishes.wait { $0.count == 2 }
        }
        #expect(server.requests.all.count == 3)
        let last = try #require(server.requests.all.last?.body)
        let one = try #require(last.firstRange(of: #""text":"one""#))
        let two = try #require(last.firstRange(of: #""text":"two""#))
        #expect(one.lowerBound < two.lowerBound)
        #expect(self.outbox.entries.isEmpty)
        #expect(self.outbox.errors.contains("it answered 500"))
        let notes = self.journalLines { $0.fields["HEALD_EVENT"] == "alert_delivery" }.map(\.message)
        #expect(
            notes.first?.hasPrefix("Alert channel oncall fails: it answered 500. Attempt 1; the next one in ") == true)
        #expect(notes.last == "Alert channel oncall works again after 2 failed attempts.")
    }

    @Test func `a channel that hangs delays no other`() async throws {
        let hung = try await LoopbackServer([.hang])
        let good = try await LoopbackServer([.status("200 OK")])
        let channels = self.webhook("hung", hung.url).merging(self.webhook("good", good.url)) { $1 }
        let delivery = try self.makeDelivery(answer: .seconds(600))
        delivery.update(channels: channels)
        try await self.withDelivery(delivery) {
            for number in 1...20 {
                self.outbox.add(alert("number \(number)", incident: Int64(number)))
                delivery.wake()
                let wanted = "number \(number)\""
                try await self.clockedWait(good) { $0.contains { $0.body.contains(wanted) } }
            }
            #expect(hung.requests.all.count == 1)
        }
        #expect(self.outbox.entries.count == 20, "the hung channel still has to get them all")
        try await hung.close()
        try await good.close()
    }

    /// Lets time pass, since groups that follow close upon each other are spaced, until the server has what is wanted.
    private func clockedWait(
        _ server: LoopbackServer, until isMet: @escaping @Sendable ([ReceivedRequest]) -> Bool
    ) async throws {
        let pushing = Task {
            while !Task.isCancelled { try await self.clock.advanceToNextDeadline() }
        }
        defer { pushing.cancel() }
        try await server.requests.wait(until: isMet)
    }

    @Test func `what one run could not deliver the next one does, and does not repeat what was delivered`() async throws
    {
        let server = try await LoopbackServer([.close])
        let url = server.url
        for number in 1...3 { self.outbox.add(alert("number \(number)", incident: Int64(number))) }
        let first = try self.makeDelivery()
        first.update(channels: self.webhook("oncall", url))
        try await self.withDelivery(first) {
            try await server.requests.wait { $0.count == 1 }
            try await self.journal.lines.wait { $0.contains { $0.message.hasPrefix("Alert channel oncall fails") } }
        }
        #expect(self.outbox.entries.map(\.delivered) == [["journal"], ["journal"], ["journal"]])

        server.setAnswers([.status("200 OK")])
        let second = try self.makeDelivery()
        second.update(channels: self.webhook("oncall", url))
        try await self.withDelivery(second) { try await self.outbox.finishes.wait { $0.count == 3 } }
        #expect(server.requests.all.count == 2)
        #expect(self.journalLines { $0.message == "number 1" }.count == 1)
        #expect(self.outbox.entries.isEmpty)
        try await server.close()
    }

    @Test func `a thousand failures are at most ten messages and lose no critical one`() async throws {
        let server = try await LoopbackServer([.status("200 OK")])
        for number in 1...1_000 {
            let severity: Severity = number.isMultiple(of: 50) ? .critical : .medium
            self.outbox.add(alert("failure \(number).", incident: Int64(number), severity: severity))
        }
        let delivery = try self.makeDelivery()
        delivery.update(channels: self.webhook("oncall", server.url, wait: .seconds(5)))
        try await self.withDelivery(delivery) {
            let pushing = Task { while !Task.isCancelled { try await self.clock.advanceToNextDeadline() } }
            defer { pushing.cancel() }
            try await self.outbox.finishes.wait { $0.count == 1_000 }
        }
        #expect((1...10).contains(server.requests.all.count), "\(server.requests.all.count) messages")
        let told = server.requests.all.map(\.body).joined()
        for number in stride(from: 50, through: 1_000, by: 50) {
            #expect(told.contains("failure \(number).\""), "critical failure \(number) was lost")
        }
        try await server.close()
    }

    @Test func `severity, events and names decide who is told`() async throws {
        let all = try await LoopbackServer([.status("200 OK")])
        let serious = try await LoopbackServer([.status("200 OK")])
        let latched = try await LoopbackServer([.status("200 OK")])
        let levels = try await LoopbackServer([.status("200 OK")])
        let channels = self.webhook("all", all.url)
            .merging(self.webhook("serious", serious.url, minSeverity: .critical)) { $1 }
            .merging(self.webhook("latched", latched.url, events: [.latched])) { $1 }
            .merging(self.webhook("levels", levels.url, events: [.degraded, .resolved])) { $1 }
        self.outbox.add(alert("plain.", incident: 1, severity: .high))
        self.outbox.add(alert("grave.", incident: 2, severity: .critical))
        self.outbox.add(alert("stuck.", .latched, incident: 3))
        self.outbox.add(alert("named.", incident: 4, channels: ["latched", "serious"]))
        self.outbox.add(alert("over.", .resolved, incident: 4, channels: ["latched"]))
        self.outbox.add(alert("orphan.", incident: 5, channels: ["taken-away"]))
        self.outbox.add(alert("begun.", .opened, incident: 6))
        self.outbox.add(alert("deep.", .degraded, component: nil, incident: nil))
        // Of no concern to whom the level was not told.
        self.outbox.add(alert("normal.", .resolved, component: nil, incident: nil, resolves: .degraded))
        let delivery = try self.makeDelivery()
        delivery.update(channels: channels)
        try await self.withDelivery(delivery) {
            try await self.outbox.finishes.wait { $0.count == 9 }
        }
        func told(_ server: LoopbackServer) -> [String] {
            let bodies = server.requests.all.map(\.body).joined()
            return ["plain.", "grave.", "stuck.", "named.", "over.", "orphan.", "begun.", "deep.", "normal."]
                .filter { bodies.contains("\"text\":\"\($0)\"") }
        }
        #expect(told(all) == ["plain.", "grave.", "stuck.", "orphan."])
        #expect(told(serious) == ["grave."])
        #expect(told(latched) == ["stuck.", "named."])
        #expect(told(levels) == ["deep.", "normal."])
        #expect(levels.requests.all.map(\.body).joined().contains(#""resolves":"degraded""#))
        #expect(self.journalLines { $0.fields["HEALD_SEVERITY"] != nil }.count == 9)
        for server in [all, serious, latched, levels] { try await server.close() }
    }

    @Test func `the same alert of the same incident twice is told once, and both leave the outbox`() async throws {
        let server = try await LoopbackServer([.status("200 OK")])
        for _ in 1...2 { self.outbox.add(alert("down")) }
        self.outbox.add(alert("down", incident: 2))
        let delivery = try self.makeDelivery()
        delivery.update(channels: self.webhook("oncall", server.url))
        try await self.withDelivery(delivery) { try await self.outbox.finishes.wait { $0.count == 3 } }
        #expect(self.journalLines { $0.message == "down" }.map { $0.fields["INCIDENT"] } == ["1", "2"])
        let body = try #require(server.requests.all.first?.body)
        #expect(server.requests.all.count == 1)
        #expect(body.split(separator: #""text":"down""#).count - 1 == 2)
        try await server.close()
    }

    @Test func `a message that every channel has already leaves the outbox without being told again`() async throws {
        self.outbox.add(alert("down"))
        try self.outbox.delivered(1, channel: "journal")
        let delivery = try self.makeDelivery()
        delivery.update(channels: [:])
        try await self.withDelivery(delivery) { try await self.outbox.finishes.wait { $0.count == 1 } }
        #expect(self.journal.lines.all.isEmpty)
    }

    @Test func `more messages than one reading holds are all delivered`() async throws {
        for number in 1...900 { self.outbox.add(alert("number \(number)", incident: Int64(number))) }
        let delivery = try self.makeDelivery()
        delivery.update(channels: [:])
        try await self.withDelivery(delivery) { try await self.outbox.finishes.wait { $0.count == 900 } }
        let numbers = self.journal.lines.all.map(\.message)
        #expect(numbers == (1...900).map { "number \($0)" })
    }

    @Test func `a channel taken away by a reload holds nothing back`() async throws {
        let hung = try await LoopbackServer([.hang])
        self.outbox.add(alert("one"))
        let delivery = try self.makeDelivery(answer: .seconds(600))
        delivery.update(channels: self.webhook("oncall", hung.url))
        try await self.withDelivery(delivery) {
            try await hung.requests.wait { $0.count == 1 }
            delivery.update(channels: [:])
            try await self.outbox.finishes.wait { $0.count == 1 }
        }
        #expect(
            self.journal.lines.all.contains {
                $0.message == "Alert channel oncall is no longer in the policy; 1 alerts waited for it."
            })
        try await hung.close()
    }

    @Test func `while the outbox is broken nothing is sent twice, and unrecorded alerts still go out`() async throws {
        let server = try await LoopbackServer([.status("200 OK")])
        self.outbox.setBroken(true)
        let delivery = try self.makeDelivery()
        delivery.update(channels: self.webhook("oncall", server.url))
        delivery.sendUnrecorded(alert("nothing can be recorded", .frozen, component: nil, incident: nil))
        try await self.withDelivery(delivery) {
            try await server.requests.wait { $0.count == 1 }
            #expect(server.requests.all[0].body.contains("nothing can be recorded"))
            self.outbox.setBroken(false)
            self.outbox.add(alert("afterwards", incident: 2))
            let pushing = Task { while !Task.isCancelled { try await self.clock.advanceToNextDeadline() } }
            defer { pushing.cancel() }
            try await self.outbox.finishes.wait { $0.count == 1 }
        }
        let bodies = server.requests.all.map(\.body)
        #expect(bodies.filter { $0.contains("nothing can be recorded") }.count == 1)
        #expect(bodies.filter { $0.contains("afterwards") }.count == 1)
        #expect(self.journalLines { $0.message.hasPrefix("The queue of alerts cannot") }.count == 1)
        #expect(self.journalLines { $0.message.hasPrefix("The queue of alerts can be") }.count == 1)
        try await server.close()
    }

    @Test func `a delivery whose mark could not be written is not sent again by this run`() async throws {
        let server = try await LoopbackServer([.hang])
        self.outbox.add(alert("one"))
        let delivery = try self.makeDelivery(answer: .milliseconds(300))
        delivery.update(channels: self.webhook("oncall", server.url))
        try await self.withDelivery(delivery) {
            try await server.requests.wait { $0.count == 1 }
            server.setAnswers([.status("200 OK")])
            try await self.journal.lines.wait { $0.contains { $0.message.hasPrefix("Alert channel oncall fails") } }
            self.outbox.setBroken(true)
            let pushing = Task { while !Task.isCancelled { try await self.clock.advanceToNextDeadline() } }
            defer { pushing.cancel() }
            try await self.journal.lines.wait { $0.contains { $0.message.contains("works again") } }
            try await self.journal.lines.wait { $0.contains { $0.message.hasPrefix("The queue of alerts cannot") } }
            self.outbox.setBroken(false)
            delivery.wake()
            try await self.outbox.finishes.wait { $0.count == 1 }
        }
        #expect(server.requests.all.count == 2)
        try await server.close()
    }

    @Test func `no secret is in the journal, the outbox or an error, whatever the other side answers`() async throws {
        let canaries = ["CANARY-token", "CANARY-path", "CANARY-query", "CANARY-user"]
        let token = try self.scratch.write("token", canaries[0])
        let echo = "Authorization: Bearer \(canaries[0])"
        let server = try await LoopbackServer([
            .raw("HTTP/1.1 401 \(canaries[0])\r\nWWW-Authenticate: \(echo)\r\n\r\n\(echo)"),
            .raw("HTTP/1.1 302 \(canaries[0])\r\nLocation: http://\(canaries[0])/\(canaries[1])\r\n\r\n"),
            .raw("\(echo) /\(canaries[1])?\(canaries[2])\r\n\r\n"),
            .close, .hang,
            .raw("HTTP/1.1 429 \(canaries[0])\r\nRetry-After: \(canaries[0])\r\n\r\n"),
            .status("200 OK"),
        ])
        let url = "http://CANARY-user:pw@127.0.0.1:\(server.port)/CANARY-path?x=CANARY-query"
        self.outbox.add(alert("down", severity: .critical))
        let delivery = try self.makeDelivery(answer: .milliseconds(300))
        delivery.update(channels: self.webhook("oncall", url, secretFile: token))
        try await self.withDelivery(delivery) {
            let pushing = Task { while !Task.isCancelled { try await self.clock.advanceToNextDeadline() } }
            defer { pushing.cancel() }
            try await self.outbox.finishes.wait { $0.count == 1 }
        }
        #expect(server.requests.all.count == 7)
        #expect(server.requests.all.allSatisfy { $0.header("Authorization") == "Bearer CANARY-token" })
        let written =
            self.journal.lines.all.map { "\($0)" } + self.outbox.errors + server.requests.all.map(\.body)
        #expect(written.count >= 10)
        for canary in canaries { #expect(!written.contains { $0.contains(canary) }, "\(canary) was written down") }
        try await server.close()
    }

    @Test func `an exec channel gets its group and a broken one is explained`() async throws {
        let script = "cat > \(self.scratch.path)/input"
        let channels = [
            "page": Channel(
                name: "page", kind: .exec(command: ["/bin/sh", "-c", script], user: nil), repeatEvery: .zero,
                groupWait: .zero),
            "gone": Channel(
                name: "gone", kind: .exec(command: ["/nonexistent"], user: nil), repeatEvery: .zero, groupWait: .zero),
        ]
        self.outbox.add(alert("down"))
        let delivery = try self.makeDelivery()
        delivery.update(channels: channels)
        try await self.withDelivery(delivery) {
            let pushing = Task { while !Task.isCancelled { try await self.clock.advanceToNextDeadline() } }
            defer { pushing.cancel() }
            try await self.outbox.finishes.wait { $0.count == 1 }
        }
        #expect(self.scratch.read("input")?.contains(#""text":"down""#) == true)
        #expect(
            self.journal.lines.all.contains {
                $0.message == "Alert channel gone never got an alert, given up after 10 attempts: "
                    + "its program is not there or may not be executed. The alert was: down" && $0.priority == 3
            })
    }
}
