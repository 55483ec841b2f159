import Foundation
import Resilience
import ResilienceCore
import Testing

extension StrategyTableTests {
    /// A component that is down while a file is there, or its unit does not run; one unit to freeze, one to stop.
    private func stage(_ name: String, enter: String, check: String, recovery: String) throws -> Stage {
        try Stage(
            name,
            units: ["\(name)", "\(name)-idle", "\(name)-spare"].map { Stage.Service(name: "\($0).service") },
            components: """
                { "a": { "unit": "\(name).service", "stable": "300ms", "startupGrace": "1s", "rearm": "2s",
                  "checks": { "unit": { "type": "unit" }, "it": { "type": "exec",
                    "command": ["/bin/sh", "-c", "\(check)"],
                    "interval": "300ms", "timeout": "250ms", "fall": 2, "rise": 1 } },
                  "recovery": [ \(recovery) ] } },
                "degradation": { "stepUpAfter": "3s",
                  "DEGRADED": { "freeze": ["\(name)-idle.service"], "features": { "extras": false } },
                  "MINIMAL": { \(enter) "stop": ["\(name)-spare.service"], "features": { "search": false } } }
                """)
    }

    private func client(_ stage: Stage) throws -> DegradationClient<ContinuousClock> {
        try DegradationClient(
            path: stage.path("run/degradation.json"), clock: ContinuousClock(), lookEvery: .milliseconds(20))
    }

    private func frost(_ stage: Stage, _ unit: String) throws -> String {
        try stage.systemctl("show", "--property=FreezerState", "--value", unit)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test func DEGRADE() async throws {
        let load = "/run/act-degrade.load"
        // It recovers by what the level does without.
        let stage = try self.stage(
            "act-degrade", enter: "",
            check: "! test -e \(load) || ! systemctl is-active -q act-degrade-spare || exit 2",
            recovery: #"{ "action": "DEGRADE", "level": "MINIMAL", "verify": "10s" }, { "action": "ALERT" }"#)
        try await stage.isUp()
        let client = try self.client(stage)
        #expect(client.level == .normal)
        #expect(client.isOn("search"))
        try #require(FileManager.default.createFile(atPath: load, contents: nil))
        try await stage.wait(within: 5, for: "the level") { client.level == .minimal }
        #expect(!client.isOn("search"))
        #expect(!client.isOn("extras"))
        try await stage.wait(for: "the stop") { try !stage.isActive("act-degrade-spare.service") }
        try FileManager.default.removeItem(atPath: load)
        let incident = try await stage.healed()
        #expect(incident.actions.map(\.action) == ["DEGRADE"])
        #expect(incident.actions.map(\.result) == ["succeeded"])
        try await stage.wait(for: "the first step back") { client.level == .degraded }
        #expect(client.isOn("search"))
        try await stage.wait(for: "the last step back") { client.level == .normal }
        #expect(client.isOn("extras"))
        try await stage.wait(for: "the start") { try stage.isActive("act-degrade-spare.service") }
        try await stage.wait(for: "the thaw") { try self.frost(stage, "act-degrade-idle.service") == "running" }
        #expect(stage.starts(of: "act-degrade-spare.service") == 2)
        #expect(stage.starts(of: "act-degrade.service") == 1)
    }

    @Test func `a level outlives a heald that is killed: nothing is lost, and nothing done twice`() async throws {
        let stage = try self.stage(
            "act-level", enter: #""enter": { "component": "a" },"#, check: "true", recovery: #"{ "action": "ALERT" }"#)
        try await stage.isUp()
        let client = try self.client(stage)
        let failed = ContinuousClock.now
        try stage.signal(SIGKILL, "act-level.service")
        try await stage.wait(within: 5, for: "the level") { client.level == .minimal }
        #expect(ContinuousClock.now - failed < .seconds(2))
        try await stage.wait(for: "the frost") { try self.frost(stage, "act-level-idle.service") == "frozen" }
        try await stage.wait(for: "the stop") { try !stage.isActive("act-level-spare.service") }
        let file = stage.path("run/degradation.json")
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o644)
        #expect(try stage.healctl("status").output.contains("MINIMAL"))

        let before = try stage.mainPID(of: stage.heald)
        try stage.signal(SIGKILL, stage.heald)
        try await stage.wait(for: "another heald") {
            let now = (try? stage.mainPID(of: stage.heald)) ?? 0
            return now > 1 && now != before && (try? stage.healctl("status").status) == 0
        }
        #expect(client.level == .minimal)
        // Longer than a step back takes.
        try await stage.furtherResults(5, of: "a", "it", spanning: .milliseconds(3_300))
        #expect(client.level == .minimal)
        #expect(try self.frost(stage, "act-level-idle.service") == "frozen")
        #expect(try !stage.isActive("act-level-spare.service"))
        #expect(stage.starts(of: "act-level-spare.service") == 1)

        try stage.systemctl("start", "act-level.service")
        try await stage.wait(for: "the first step back") { client.level == .degraded }
        try await stage.wait(within: 2.5, for: "the start") { try stage.isActive("act-level-spare.service") }
        #expect(try self.frost(stage, "act-level-idle.service") == "frozen", "one level at a time")
        try await stage.wait(for: "the last step back") { client.level == .normal }
        try await stage.wait(for: "the thaw") { try self.frost(stage, "act-level-idle.service") == "running" }
        #expect(stage.starts(of: "act-level-spare.service") == 2)
        #expect(try stage.healctl("audit", "verify").status == 0)
    }

    @Test func `what somebody had frozen or stopped before a level stays so, whoever is killed meanwhile`() async throws
    {
        let stage = try self.stage(
            "act-theirs", enter: #""enter": { "component": "a" },"#, check: "true", recovery: #"{ "action": "ALERT" }"#)
        try await stage.isUp()
        try stage.systemctl("freeze", "act-theirs-idle.service")
        defer { _ = try? stage.systemctl("thaw", "act-theirs-idle.service") }
        try stage.systemctl("stop", "act-theirs-spare.service")
        try stage.signal(SIGKILL, "act-theirs.service")
        try await stage.wait(for: "the look") { try stage.healctl("status", "--json").output.contains("frozen_before") }
        let before = try stage.mainPID(of: stage.heald)
        try stage.signal(SIGKILL, stage.heald)
        try await stage.wait(for: "another heald") {
            let now = (try? stage.mainPID(of: stage.heald)) ?? 0
            return now > 1 && now != before && (try? stage.healctl("status").output.contains("MINIMAL")) == true
        }
        try stage.systemctl("start", "act-theirs.service")
        // Forgotten: whatever was to be given back is.
        try await stage.wait(for: "the way back") {
            let status = try stage.healctl("status", "--json").output
            return status.contains("NORMAL") && !status.contains("frozen_before")
        }
        #expect(try self.frost(stage, "act-theirs-idle.service") == "frozen")
        #expect(try !stage.isActive("act-theirs-spare.service"))
        #expect(stage.starts(of: "act-theirs-spare.service") == 1)
        #expect(try stage.healctl("audit", "verify").status == 0)
    }
}
