import Foundation
import Testing

/// What happens is told as it happens: the stream and the metrics of heald as it is shipped.
@Suite(.serialized, .enabled(if: Stage.isHere, Stage.reason), .timeLimit(.minutes(4)))
struct EventStreamTests {
    private static func component(_ unit: String) -> String {
        #"{ "unit": "\#(unit)", "stable": "300ms", "checks": { "unit": { "type": "unit" } } }"#
    }

    @Test func `a death, its repair and its end are told in order, and counted`() async throws {
        let stage = try Stage(
            "stream", units: [.init(name: "stream-a.service")],
            components: #"{ "a": \#(Self.component("stream-a.service")) }"#)
        try await stage.isUp()
        try await stage.wait(for: "its figure") {
            try stage.metrics()["heald_component_up{component=\"a\"}"] == 1
        }
        let follower = try await stage.follow()
        try stage.signal(SIGKILL, "stream-a.service")
        try await stage.wait(for: "the end of the incident") {
            try follower.events().contains { $0.what == "incidentResolved" }
        }
        let events = try follower.events()
        let wanted = ["incidentOpened", "actionIntended", "actionFinished", "incidentResolved"]
        #expect(events.map(\.what).filter { wanted.contains($0) } == wanted)
        let ids = events.compactMap(\.id)
        #expect(ids == ids.sorted() && Set(ids).count == ids.count && ids.count >= 4, "\(ids)")
        let incident = try #require(try stage.incidents().first)
        #expect(events.filter { wanted.contains($0.what) }.allSatisfy { $0.incident == incident.id })
        #expect(events.filter { wanted.contains($0.what) }.allSatisfy { $0.component == "a" })
        let opened = try #require(events.first { $0.what == "incidentOpened" })
        #expect(opened.facts["reason"] == "crashed" && opened.kind == "incident")

        // The page may be a second old.
        try await stage.wait(for: "the figures") {
            try stage.metrics()["heald_incidents_resolved_total{component=\"a\",by=\"heald\"}"] == 1
        }
        let metrics = try stage.metrics()
        #expect(
            metrics["heald_incidents_opened_total{component=\"a\",category=\"TRANSIENT\",reason=\"crashed\"}"] == 1)
        #expect(
            metrics["heald_actions_total{component=\"a\",action=\"RESTART\",outcome=\"succeeded\"}"] == 1)
        #expect(metrics["heald_incident_duration_seconds_count{component=\"a\"}"] == 1)
        #expect(metrics["heald_event_streams"] == 1)
        // Without an order to follow, what there is.
        let all = try stage.healctl("events", "--component", "a", "--kind", "action")
        #expect(all.status == 0 && all.output.contains(" a action: RESTART of stream-a.service begins, attempt 1"))
        #expect(try follower.interrupt() == 0)
    }

    @Test func `a follower goes on where it was when heald is restarted or killed`() async throws {
        let stage = try Stage(
            "resume", units: [.init(name: "resume-a.service")],
            components: #"{ "a": \#(Self.component("resume-a.service")) }"#)
        try await stage.isUp()
        let follower = try await stage.follow()
        let before = ContinuousClock.now
        try stage.systemctl("stop", stage.heald)
        // The open stream does not hold heald up.
        #expect(ContinuousClock.now - before < .seconds(2))
        try stage.systemctl("start", stage.heald)
        try await stage.isUp()
        try await stage.wait(for: "the new heald") {
            try follower.events().contains { $0.what == "supervisorStarted" }
        }
        try stage.signal(SIGKILL, stage.heald)
        try await stage.wait(for: "another heald") {
            try follower.events().filter { $0.what == "supervisorStarted" }.count == 2
        }
        try await stage.isUp()
        try stage.signal(SIGKILL, "resume-a.service")
        try await stage.wait(for: "the end of the incident") {
            try follower.events().contains { $0.what == "incidentResolved" }
        }
        let events = try follower.events()
        #expect(!(try follower.saysGap()))
        // One heald stopped and two started, all of it told, nothing twice and nothing left out.
        #expect(
            events.map(\.what).filter { $0.hasPrefix("supervisor") }
                == ["supervisorStopped", "supervisorStarted", "supervisorStarted"])
        let ids = events.compactMap(\.id)
        let first = try #require(ids.first)
        #expect(ids == Array(first..<(first + Int64(ids.count))), "\(ids)")
        #expect(try follower.interrupt() == 0)
    }

    @Test func `a level of degradation is in the stream and in the metrics`() async throws {
        let stage = try Stage(
            "degraded", units: [.init(name: "degraded-a.service")],
            components: """
                { "a": { "unit": "degraded-a.service", "stable": "300ms", "checks": { "unit": { "type": "unit" } },
                  "recovery": [ { "action": "ALERT" } ] } },
                "degradation": { "stepUpAfter": "1s",
                  "MINIMAL": { "enter": { "component": "a" }, "features": { "search": false } } }
                """)
        try await stage.isUp()
        #expect(try stage.metrics()["heald_degradation_level"] == 0)
        let follower = try await stage.follow("--kind", "degradation")
        try stage.signal(SIGKILL, "degraded-a.service")
        try await stage.wait(for: "the level") { try !follower.events().isEmpty }
        let event = try #require(try follower.events().first)
        #expect(event.kind == "degradation" && event.facts["to"] == "MINIMAL", "\(event)")
        try await stage.wait(for: "the level's figure") { try stage.metrics()["heald_degradation_level"] == 2 }
        let figures = try stage.metrics()
        #expect(figures["heald_degradation_feature_enabled{feature=\"search\"}"] == 0)
        #expect(try follower.interrupt() == 0)
    }
}

extension Stage {
    /// An event as `healctl events --json` gives it.
    struct Event: Decodable {
        var id: Int64?
        var kind: String
        var what: String
        var component: String?
        var incident: Int64?
        var facts: [String: String]
    }

    /// A `healctl events --follow` that runs.
    final class Follower {
        private let process = Process()
        private let output: String

        fileprivate init(_ stage: Stage, _ arguments: [String]) throws {
            self.output = stage.path("events.jsonl")
            try #require(FileManager.default.createFile(atPath: self.output, contents: nil))
            self.process.executableURL = Stage.binaries.appending(path: "healctl")
            self.process.arguments =
                ["events", "--follow", "--json", "--runtime-dir", stage.path("run")] + arguments
            self.process.standardInput = FileHandle.nullDevice
            self.process.standardOutput = try FileHandle(forWritingTo: URL(filePath: self.output))
            self.process.standardError = FileHandle.nullDevice
            try self.process.run()
        }

        deinit { if self.process.isRunning { self.process.terminate() } }

        /// What it has shown so far.
        func events() throws -> [Event] {
            let text = try String(contentsOfFile: self.output, encoding: .utf8)
            // The last line may be on its way.
            return try text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                .filter { !$0.contains(#""kind":"gap""#) }
                .map { try JSONDecoder().decode(Event.self, from: Data($0.utf8)) }
        }

        /// It has said that something is missing.
        func saysGap() throws -> Bool {
            try String(contentsOfFile: self.output, encoding: .utf8).contains(#""kind":"gap""#)
        }

        /// - Returns: its exit status.
        func interrupt() throws -> Int32 {
            self.process.interrupt()
            self.process.waitUntilExit()
            try #require(self.process.terminationReason == .exit)
            return self.process.terminationStatus
        }
    }

    /// Returns when heald has it among its listeners.
    func follow(_ arguments: String...) async throws -> Follower {
        let follower = try Follower(self, arguments)
        try await self.wait(for: "the follower") { try self.metrics()["heald_event_streams"] == 1 }
        return follower
    }

    /// `GET /metrics`, by series.
    func metrics() throws -> [String: Double] {
        let result = try run(
            "/usr/bin/perl",
            [
                "-MIO::Socket::UNIX", "-e",
                #"""
                my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit 1;
                print $s "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
                print while <$s>;
                """#, self.path("run/control.sock"),
            ])
        var series: [String: Double] = [:]
        for line in result.output.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: " ")
            if parts.count == 2 { series[String(parts[0])] = Double(parts[1]) }
        }
        return series
    }
}
