import Foundation
import RecoveryEngine
import ResilienceCore
import Supervisor
import Synchronization
import Testing

@testable import ControlAPI
@testable import HealctlKit

/// The event stream, over real sockets.
@Suite struct EventStreamTests {
    /// Commits notes to the feed, as the loop does: each as one batch.
    private static func commit(_ control: RecordingControl, _ numbers: ClosedRange<Int64>, _ text: String = "said") {
        for number in numbers {
            Self.commit(control, number, AuditRecord(at: WallTime(microseconds: 0), component: "api", .note(text)))
        }
    }

    private static func commit(_ control: RecordingControl, _ number: Int64, _ record: AuditRecord) {
        var batch = AuditBatch()
        batch.records = [record]
        control.events.publish(batch, last: number)
    }

    /// Follows on a thread of its own until `most` events have come or the stream ends.
    private static func follow(
        _ server: TestServer, _ query: ControlClient.EventsQuery, most: Int
    ) async throws -> [ServerEvent] {
        let client = server.client
        return try await onThread {
            var events: [ServerEvent] = []
            var query = query
            try client.events(&query) { event in
                events.append(event)
                return events.count < most
            }
            return events
        }
    }

    private static func query(
        component: String? = nil, kinds: [String] = [], follows: Bool = true, lastID: String = ""
    ) -> ControlClient.EventsQuery {
        var query = ControlClient.EventsQuery(component: component, kinds: kinds, follows: follows)
        query.lastID = lastID
        return query
    }

    @Test func `S1: what is committed comes at once as a server-sent event, numbered, as one line of JSON`()
        async throws
    {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            async let following = Self.follow(server, Self.query(), most: 2)
            try await eventually { control.events.followers == 1 }
            Self.commit(
                control, 7,
                AuditRecord(
                    at: WallTime(microseconds: 1_000_000), component: "api", incident: 3,
                    .actionFinished(id: 9, ActionOutcome(.failed, detail: "exit 1"))))
            Self.commit(control, 8...8)
            let events = try await following
            #expect(events.map(\.lastID) == ["7", "8"])
            #expect(events.map(\.name) == ["action", "component"])
            #expect(
                events[0].data
                    == #"{"at":"1970-01-01T00:00:01.000000Z","component":"api","detail":"exit 1","#
                    + #""facts":{"number":"9","result":"failed"},"id":7,"incident":3,"kind":"action","#
                    + #""text":"the action ended: failed","what":"actionFinished"}"#)
        }
    }

    @Test func `a client that is gone is noticed, and its place comes back`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control, { $0.limits.operatorStreams = 1 }) { server in
            let path = server.socketPath
            for _ in 1...3 {
                let stream = try await onThread {
                    let stream = try UnixStream(path: path, timeout: .seconds(10))
                    try stream.send(Array("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                    #expect(String(decoding: try stream.receive(), as: UTF8.self).hasPrefix("HTTP/1.1 200 OK\r\n"))
                    return HeldStream(stream)
                }
                try await eventually { control.events.followers == 1 }
                stream.close()
                try await eventually { control.events.followers == 0 }
            }
        }
    }

    @Test func `beyond the limit of streams one is refused with the reason, and the rest of the API goes on`()
        async throws
    {
        let control = RecordingControl()
        try await TestServer.with(control, { $0.limits.operatorStreams = 1 }) { server in
            async let first = Self.follow(server, Self.query(), most: 1)
            try await eventually { control.events.followers == 1 }
            let refused = try await server.request("GET", "/v1/events")
            #expect(refused.status == 503)
            #expect(refused.object["error"] as? String == "There are too many event streams.")
            #expect(try await server.request("GET", "/v1/status").status == 200)
            Self.commit(control, 1...1)
            #expect(try await first.count == 1)
        }
    }

    @Test func `it can be asked for what there is, for a component and for kinds`() async throws {
        let control = RecordingControl()
        Self.commit(control, 1...2)
        Self.commit(control, 3, AuditRecord(at: WallTime(microseconds: 0), .resumed(by: "alice")))
        Self.commit(control, 4, AuditRecord(at: WallTime(microseconds: 0), component: "db", .incidentRearmed))
        try await TestServer.with(control) { server in
            let queries: [(query: ControlClient.EventsQuery, ids: [String])] = [
                (Self.query(follows: false), ["1", "2", "3", "4"]),
                (Self.query(component: "api", follows: false), ["1", "2"]),
                (Self.query(kinds: ["operator", "incident"], follows: false), ["3", "4"]),
                (Self.query(component: "api", kinds: ["incident"], follows: false), []),
                (Self.query(follows: false, lastID: "2"), ["3", "4"]),
            ]
            for (query, ids) in queries {
                let events = try await Self.follow(server, query, most: 100)
                #expect(events.map(\.lastID) == ids, "\(query)")
            }
        }
    }

    @Test func `what is not kept any more is said first`() async throws {
        let control = RecordingControl()
        control.events.begin(
            with: [NumberedRecord(number: 51, record: AuditRecord(at: WallTime(microseconds: 0), .note("a")))])
        try await TestServer.with(control) { server in
            let events = try await Self.follow(server, Self.query(follows: false, lastID: "20"), most: 10)
            #expect(events.map(\.name) == ["gap", "supervisor"])
            #expect(events.first?.lastID == "50")
            #expect(events.first?.data.hasPrefix(#"{"cause":"tooOld","fix":"Read what is missing"#) == true)
            #expect(events.first?.data.contains(#""from":21,"kind":"gap","to":50"#) == true)
            let renewed = try await Self.follow(server, Self.query(follows: false, lastID: "900"), most: 10)
            #expect(renewed.first?.data.contains(#""cause":"newTrail""#) == true)
            #expect(renewed.map(\.lastID) == ["50", "51"])
        }
    }

    @Test(arguments: [
        ("/v1/events?kind=incidents", "Did you mean \"incident\"?"), ("/v1/events?kind=", "The kinds are "),
        ("/v1/events?after=x", "Give the `id` of an event."), ("/v1/events?after=-1", "Give the `id` of an event."),
        ("/v1/events?components=api", "Did you mean `component`?"), ("/v1/events?follow=maybe", "Give yes or no."),
    ])
    func `what is not understood is refused`(path: String, fix: String) async throws {
        try await TestServer.with(RecordingControl()) { server in
            let answer = try await server.request("GET", path)
            #expect(answer.status == 400)
            #expect((answer.object["fix"] as? String)?.hasPrefix(fix) == true, "\(answer.text)")
        }
    }

    @Test func `a mistyped component is not waited for`() async throws {
        try await TestServer.with(RecordingControl()) { server in
            let answer = try await server.request("GET", "/v1/events?component=apu")
            #expect(answer.status == 404)
            #expect(answer.object["fix"] as? String == "Did you mean \"api\"?")
            #expect(try await server.request("POST", "/v1/events").status == 405)
        }
    }

    @Test(.enabled(if: isRoot)) func `those who are no operators are not told what programs said`() async throws {
        let control = RecordingControl()
        Self.commit(
            control, 1,
            AuditRecord(
                at: WallTime(microseconds: 0), component: "api",
                .actionFinished(id: 1, ActionOutcome(.failed, detail: "password=abc"))))
        try await TestServer.with(control) { server in
            let other = try await server.request(user: 65_534, group: 65_534, "GET", "/v1/events?follow=no")
            #expect(other.contains(#""result":"failed""#) && !other.contains("password"), "\(other)")
            let member = try await server.request(
                user: 65_534, group: TestServer.operatorGroup, "GET", "/v1/events?follow=no")
            #expect(member.contains("password=abc"))
        }
    }

    @Test func `while nothing happens it says that it is there, and no deadline of answers ends it`() async throws {
        let control = RecordingControl()
        let adjust: (inout ControlServerConfiguration) -> Void = {
            $0.limits.streamKeepAlive = .milliseconds(50)
            ($0.limits.request, $0.limits.response) = (.milliseconds(200), .milliseconds(200))
        }
        try await TestServer.with(control, adjust) { server in
            let path = server.socketPath
            let text = try await onThread {
                let stream = try UnixStream(path: path, timeout: .seconds(20))
                try stream.send(Array("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                var text = ""
                while text.components(separatedBy: "3\r\n:\n\n\r\n").count <= 12 {
                    let part = try stream.receive()
                    guard !part.isEmpty else { break }
                    text += String(decoding: part, as: UTF8.self)
                }
                return text
            }
            #expect(text.contains("\r\nContent-Type: text/event-stream\r\n"))
            #expect(text.contains("\r\nCache-Control: no-store\r\n"))
            #expect(text.components(separatedBy: "3\r\n:\n\n\r\n").count == 13, "\(text)")
        }
    }

    @Test func `one that does not take what it is told is cut off, and nobody waits for it`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control, { $0.limits.response = .milliseconds(300) }) { server in
            let path = server.socketPath
            let stream = try await onThread {
                let stream = try UnixStream(path: path, timeout: .seconds(20))
                try stream.send(Array("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                return HeldStream(stream)
            }
            try await eventually { control.events.followers == 1 }
            // More than a socket holds, and less than the ring: it is not told that it is too slow.
            Self.commit(control, 1...1_000, String(repeating: "x", count: 900))
            try await eventually { control.events.followers == 0 }
            stream.close()
        }
    }

    @Test func `one that is too slow is told what it missed, and why it ends`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            let gate = Mutex((hasBegun: false, isOpen: false))
            let client = server.client
            async let following = onThread {
                var events: [ServerEvent] = []
                var query = Self.query()
                try client.events(&query) { event in
                    events.append(event)
                    // Takes the first event and nothing more until all is committed.
                    gate.withLock { $0.hasBegun = true }
                    while !gate.withLock({ $0.isOpen }) { usleep(1_000) }
                    return true
                }
                return events
            }
            try await eventually { control.events.followers == 1 }
            Self.commit(control, 1...1)
            try await eventually { gate.withLock { $0.hasBegun } }
            for first in stride(from: Int64(2), to: 20_000, by: 200) {
                Self.commit(control, first...(first + 199), String(repeating: "x", count: 900))
                await Task.yield()
            }
            gate.withLock { $0.isOpen = true }
            let events = try await following
            #expect(events.suffix(2).map(\.name) == ["gap", "end"])
            #expect(events.last?.data == #"{"kind":"end","why":"You were too slow."}"#)
            // What it got has no hole before the gap, and the gap begins where it ends.
            let numbers = events.dropLast(2).compactMap { Int64($0.lastID) }
            try #require(!numbers.isEmpty)
            #expect(numbers == Array(1...Int64(numbers.count)))
            #expect(events.dropLast().last?.data.contains(#""from":\#(numbers.count + 1),"#) == true)
        }
    }

    @Test func `the server's end ends it at once, in words`() async throws {
        let control = RecordingControl()
        let following = Mutex(Task<[ServerEvent], any Error>?.none)
        var endsAt = ContinuousClock.now
        try await TestServer.with(control) { server in
            let task = Task { try await Self.follow(server, Self.query(), most: 100) }
            following.withLock { $0 = task }
            try await eventually { control.events.followers == 1 }
            endsAt = .now
        }
        #expect(ContinuousClock.now - endsAt < .seconds(1))
        let events = try await following.withLock { $0 }?.value
        #expect(events == [ServerEvent(lastID: "0", name: "end", data: #"{"kind":"end","why":"heald ends."}"#)])
    }

    @Test func `the server's end does not wait for one that does not read`() async throws {
        let control = RecordingControl()
        var endsAt = ContinuousClock.now
        var held: HeldStream?
        try await TestServer.with(control) { server in
            let path = server.socketPath
            held = try await onThread {
                let stream = try UnixStream(path: path, timeout: .seconds(20))
                try stream.send(Array("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                return HeldStream(stream)
            }
            try await eventually { control.events.followers == 1 }
            Self.commit(control, 1...1_000, String(repeating: "x", count: 900))
            // It is being written to, and does not take it.
            try await eventually { [held] in (held?.waiting ?? 0) > 100_000 }
            endsAt = .now
        }
        #expect(ContinuousClock.now - endsAt < .seconds(1.5))
        held?.close()
    }

    @Test func `none lasts for ever`() async throws {
        let adjust: (inout ControlServerConfiguration) -> Void = {
            $0.limits.streamLongest = .milliseconds(100)
            $0.limits.streamKeepAlive = .milliseconds(20)
        }
        try await TestServer.with(RecordingControl(), adjust) { server in
            let events = try await Self.follow(server, Self.query(), most: 100)
            #expect(events.map(\.data) == [#"{"kind":"end","why":"No stream is longer."}"#])
        }
    }

    @Test func `over HTTP it is read-only like the rest`() async throws {
        let control = RecordingControl()
        Self.commit(
            control, 1,
            AuditRecord(at: WallTime(microseconds: 0), component: "api", .resumed(by: "alice")))
        let port = try HTTPListenerTests.freePort()
        try await TestServer.with(control, { $0.http = try HTTPListener("127.0.0.1:\(port)") }) { _ in
            let answer = try await HTTPListenerTests.ask(
                port, "GET", "/v1/events?follow=no", host: "127.0.0.1:\(port)")
            #expect(answer.contains("event: operator\ndata: ") && !answer.contains("alice"), "\(answer)")
            let foreign = try await HTTPListenerTests.ask(port, "GET", "/v1/events?follow=no", host: "evil.example")
            #expect(foreign.hasPrefix("HTTP/1.1 421 "))
        }
    }
}

/// A connection that is there until it is closed.
private final class HeldStream: Sendable {
    private let stream: Mutex<UnixStream?>

    init(_ stream: consuming UnixStream) { self.stream = Mutex(stream) }

    /// Bytes that have come and were not read.
    var waiting: Int32 {
        self.stream.withLock { stream in
            var count: Int32 = 0
            switch stream {
            case .some(let stream): _ = ioctl(stream.descriptor, UInt(FIONREAD), &count)
            case .none: break
            }
            return count
        }
    }

    func close() { self.stream.withLock { $0 = nil } }
}

/// Waits for what another thread brings about, at most 20 s.
func eventually(_ condition: @Sendable () -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while !condition() {
        try #require(ContinuousClock.now < deadline)
        await Task.yield()
    }
}
