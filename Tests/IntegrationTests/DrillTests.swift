import Foundation
import Testing

/// `healctl drill` on a real systemd: what it does to real processes, and what it leaves behind.
@Suite(.serialized, .enabled(if: Stage.isHere, Stage.reason), .timeLimit(.minutes(4)))
struct DrillTests {
    /// As `healctl drill --json` gives it.
    private struct Drill: Decodable {
        var id: Int64
        var state: String
        var fault: String
        var unit: String
        var by: String
        var reason: String?
        var incident: Int64?
        var action: String?
        var healer: String?
        var noticedMs: Double?
        var decidedMs: Double?
        var sentMs: Double?
        var repairedMs: Double?
        var upMs: Double?
        var provenMs: Double?

        /// The stages that were reached, in the order that they have to have.
        var times: [Double] {
            [self.noticedMs, self.decidedMs, self.sentMs, self.repairedMs, self.provenMs].compactMap(\.self)
        }
    }

    private struct Plan: Decodable {
        struct Obstacle: Decodable { var kind: String }
        var safe: Bool
        var obstacles: [Obstacle]
    }

    /// A check that needs the process to go on: it writes a file five times a second.
    private func exec(_ name: String) -> String {
        #", "answer": { "type": "exec", "convention": "exit", "interval": "500ms", "timeout": "500ms", "fall": 2, "rise": 1,"#
            + #" "command": ["/bin/sh", "-c", "test $(( $(date +%s) - $(stat -c %Y /run/\#(name).alive) )) -lt 3"] }"#
    }

    private func stage(_ name: String, hang: Bool = false, ladder: String = "") throws -> Stage {
        let checks = #""unit": { "type": "unit" }"# + (hang ? self.exec(name) : "")
        return try Stage(
            name,
            units: [
                .init(name: "\(name)-a.service", command: "while :; do touch /run/\(name).alive; sleep 0.2; done")
            ],
            policy: """
                { "version": 1, "components": { "a": { "unit": "\(name)-a.service", "stable": "300ms",
                    "startupGrace": "500ms", "breaker": { "window": "1s" }\(ladder), "checks": { \(checks) } } } }
                """)
    }

    /// Waits until nothing speaks against a drill.
    private func isReady(_ stage: Stage) async throws {
        try await stage.isUp()
        try await stage.wait(for: "that a drill is safe") { try stage.healctl("drill", "a", "--dry-run").status == 0 }
    }

    private func drill(_ stage: Stage, _ more: String...) throws -> (status: Int32, drill: Drill) {
        try Self.drill(stage.path(""), more)
    }

    /// The same, while the test goes on.
    private func beginDrill(_ stage: Stage, _ more: String...) -> Task<(status: Int32, drill: Drill), any Error> {
        let root = stage.path("")
        return Task.detached { try Self.drill(root, more) }
    }

    private static func drill(_ root: String, _ more: [String]) throws -> (status: Int32, drill: Drill) {
        let result = try run(
            Stage.binaries.appending(path: "healctl").path(), ["drill", "a", "--yes", "--json"] + more,
            environment: ["HEALD_STATE_DIR": "\(root)/state", "HEALD_RUNTIME_DIR": "\(root)/run"])
        let drill = try? JSONDecoder().decode(Drill.self, from: Data(result.output.utf8))
        return (result.status, try #require(drill, "\(result.status): \(result.output)\(result.errors)"))
    }

    /// `T` for a process that was stopped.
    private func processState(_ pid: Int32) throws -> Character {
        let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let rest = try #require(text.split(separator: ")").last)
        return try #require(rest.first { $0 != " " })
    }

    private func stats(_ stage: Stage) throws -> [String: Any] {
        let result = try stage.healctl("stats", "--json")
        let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        return try #require(object?["overall"] as? [String: Any])
    }

    /// `healctl drill a` on a terminal, where somebody types `answer`.
    private func asked(_ stage: Stage, answer: String) throws -> Finished {
        let healctl = Stage.binaries.appending(path: "healctl").path()
        return try run(
            "/bin/sh", ["-c", "printf '\(answer)\\n' | script -qec '\(healctl) drill a' /dev/null"],
            environment: ["HEALD_STATE_DIR": stage.path("state"), "HEALD_RUNTIME_DIR": stage.path("run")])
    }

    @Test func `who is asked has to say yes`() async throws {
        let stage = try self.stage("drillask")
        try await self.isReady(stage)
        let pid = try stage.mainPID(of: "drillask-a.service")
        for answer in ["", "n", "yess"] {
            let refused = try self.asked(stage, answer: answer)
            #expect(refused.status == 75 && refused.output.contains("Do it? [y/N]"), "\(refused)")
            #expect(refused.output.contains("Nothing was done."))
        }
        #expect(try stage.mainPID(of: "drillask-a.service") == pid)
        let done = try self.asked(stage, answer: "y")
        #expect(done.status == 0 && done.output.contains("healed"), "\(done)")
        #expect(try stage.mainPID(of: "drillask-a.service") != pid)
    }

    @Test func `a kill is healed and measured, and is in no statistics`() async throws {
        let stage = try self.stage("drillkill")
        try await self.isReady(stage)
        let before = try self.stats(stage)
        let (status, drill) = try self.drill(stage, "--reason", "a test")
        #expect(status == 0 && drill.state == "healed" && drill.healer == "heald" && drill.action == "RESTART")
        #expect(drill.by == "root" && drill.reason == "a test")
        #expect(stage.starts(of: "drillkill-a.service") == 2)
        #expect(drill.times.count == 5 && drill.times == drill.times.sorted(), "\(drill)")
        #expect(try #require(drill.noticedMs) < 1_000)
        let incident = try #require(try stage.incidents().first)
        #expect(incident.drill == drill.id && incident.id == drill.incident && incident.state == "resolved")
        #expect(incident.restarts.map(\.result) == ["succeeded"])
        let story = try stage.healctl("incidents", "show", "\(incident.id)").output
        #expect(story.contains("Drill") && story.contains("root: a test"), "\(story)")
        #expect(try stage.healctl("incidents").output.contains("drill \(drill.id)"))
        let after = try self.stats(stage)
        #expect(after["availability"] as? Double == 1)
        for figure in ["incidents", "mtbf", "healedWithoutHuman"] {
            #expect("\(before[figure] ?? "none")" == "\(after[figure] ?? "none")", "\(figure)")
        }
        #expect((after["drills"] as? [String: Any])?["healed"] as? Int == 1)
        #expect(
            try stage.healctl("stats").output.contains("Drills, which count in none of these: 1, of which 1 healed"))
        #expect(try stage.healctl("audit", "verify").status == 0)
        // A real failure afterwards counts.
        try await self.isReady(stage)
        try stage.signal(SIGKILL, "drillkill-a.service")
        _ = try await stage.incidents(within: 20, "the recovery") { $0.count == 2 && $0[0].state == "resolved" }
        #expect(try self.stats(stage)["incidents"] as? Int == 1)
        #expect(try stage.incidents().first?.drill == nil)
        #expect(try stage.healctl("audit", "verify").status == 0)
    }

    @Test func `a hang is healed`() async throws {
        let stage = try self.stage("drillhang", hang: true)
        try await self.isReady(stage)
        let pid = try stage.mainPID(of: "drillhang-a.service")
        let (status, drill) = try self.drill(stage, "--fault", "hang")
        #expect(status == 0 && drill.state == "healed" && drill.healer == "heald", "\(drill)")
        #expect(try stage.mainPID(of: "drillhang-a.service") != pid)
        #expect(try stage.incidents().first?.cause.check == "answer")
        #expect(try self.processState(stage.mainPID(of: "drillhang-a.service")) != "T")
    }

    @Test func `what nobody repairs goes on at the end, and the status says that it was not healed`() async throws {
        let stage = try self.stage(
            "drillkept", hang: true,
            ladder:
                #", "recovery": [ { "action": "RESTART", "timeout": "1s", "verify": "1s" }, { "action": "ALERT" } ]"#)
        try await self.isReady(stage)
        let pid = try stage.mainPID(of: "drillkept-a.service")
        let command = self.beginDrill(stage, "--fault", "hang")
        try await stage.wait(for: "the stop") { try self.processState(pid) == "T" }
        #expect(try stage.healctl("status").output.contains("is under way, by root"))
        // From now on nothing is repaired.
        #expect(try stage.healctl("pause", "--for", "1h", "--reason", "a test").status == 0)
        let (status, drill) = try await command.value
        #expect(status == 71 && drill.state == "notHealed", "\(drill)")
        #expect(try stage.mainPID(of: "drillkept-a.service") == pid)
        #expect(try self.processState(pid) != "T")
    }

    @Test func `it is refused while the component is not well, and for a hang that nobody would notice`() async throws {
        let stage = try self.stage("drillno", ladder: #", "recovery": [ { "action": "RESTART" } ]"#)
        try await self.isReady(stage)
        let hang = try stage.healctl("drill", "a", "--fault", "hang", "--yes")
        #expect(hang.status == 75 && hang.errors.contains("no check would notice"), "\(hang)")
        try stage.systemctl("stop", "drillno-a.service")
        try await stage.wait(for: "the stop in the status") {
            try stage.healctl("status", "--json").output.contains(#""stopped""#)
        }
        let result = try stage.healctl("drill", "a", "--dry-run", "--json")
        let plan = try JSONDecoder().decode(Plan.self, from: Data(result.output.utf8))
        #expect(result.status == 75 && !plan.safe)
        #expect(Set(plan.obstacles.map(\.kind)).isSuperset(of: ["notHealthy", "unitNotRunning"]), "\(plan)")
        #expect(try stage.healctl("drill", "a", "--yes").status == 75)
        #expect(try stage.healctl("drill", "a").status == 64)
        #expect(try stage.healctl("drill", "b", "--yes").status == 66)
        #expect(stage.starts(of: "drillno-a.service") == 1)
    }

    @Test func `heald killed in the middle: nothing is put in twice, and a stopped process goes on`() async throws {
        let stage = try self.stage("drillcrash", hang: true)
        try await self.isReady(stage)
        let pid = try stage.mainPID(of: "drillcrash-a.service")
        let command = self.beginDrill(stage, "--fault", "hang")
        try await stage.wait(for: "the stop") { try self.processState(pid) == "T" }
        try stage.signal(SIGKILL, stage.heald)
        let (status, drill) = try await command.value
        // It was stopped, and the heald after it healed that.
        #expect(status == 0 && drill.state == "healed", "\(drill)")
        #expect(stage.starts(of: "drillcrash-a.service") == 2)
        #expect(try self.processState(stage.mainPID(of: "drillcrash-a.service")) != "T")
        #expect(try stage.incidents().allSatisfy { $0.drill == drill.id })
        #expect(try stage.healctl("audit", "verify").status == 0)
    }
}
