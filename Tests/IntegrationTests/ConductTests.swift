import Foundation
import Testing

/// What keeps repairs back or asks for them, besides a failure: each row of the policy's `components` and `guards` that
/// only a real systemd can show.
@Suite(.serialized, .enabled(if: Stage.isHere, Stage.reason), .timeLimit(.minutes(4)))
struct ConductTests {
    private static let unitCheck = #"{ "unit": { "type": "unit" } }"#

    private func component(_ unit: String, _ more: String = "") -> String {
        #"{ "unit": "\#(unit)", "stable": "300ms", "checks": \#(Self.unitCheck)\#(more) }"#
    }

    // MARK: - desired

    @Test func `desired running`() async throws {
        let stage = try Stage(
            "desired", units: [.init(name: "desired-a.service"), .init(name: "desired-b.service", isStarted: false)],
            components: """
                { "a": \(component("desired-a.service", #", "desired": "running""#)),
                  "b": \(component("desired-b.service", #", "desired": "running""#)) }
                """)
        // One that did not run when heald began.
        try await stage.wait(for: "the start of b") { try stage.isActive("desired-b.service") }
        try await stage.isUp()
        try stage.systemctl("stop", "desired-a.service")
        let incidents = try await stage.incidents(within: 20, "the recovery of a") { all in
            all.contains { $0.component == "a" && $0.state == "resolved" }
        }
        let incident = try #require(incidents.first { $0.component == "a" })
        #expect(incident.restarts.map(\.result) == ["succeeded"])
        #expect(try stage.isActive("desired-a.service"))
        #expect(stage.starts(of: "desired-a.service") == 2)
        // A restart by hand is nobody's business: nothing is started once more.
        try stage.systemctl("restart", "desired-b.service")
        try await stage.isUp()
        #expect(stage.starts(of: "desired-b.service") == 2)
    }

    @Test func `desired running does not start what is paused, and a start that is refused is not tried for ever`()
        async throws
    {
        let refusing =
            #", "desired": "running", "recovery": [ { "action": "RESTART", "attempts": 2, "verify": "1s","#
            + #" "backoff": { "initial": "100ms" } }, "tell" ]"#
        let stage = try Stage(
            "desiredno",
            units: [
                .init(name: "desiredno-a.service"),
                .init(
                    name: "desiredno-b.service", settings: ["[Unit]", "RefuseManualStart=yes"], isStarted: false),
            ],
            policy: """
                { "version": 1, "strategies": { "tell": { "action": "ALERT" } }, "components": {
                  "a": \(component("desiredno-a.service", #", "desired": "running""#)),
                  "b": \(component("desiredno-b.service", refusing)),
                  "pulse": { "checks": { "beat": { "type": "exec", "command": ["/bin/true"], "interval": "200ms",
                                                   "timeout": "150ms" } }, "recovery": ["tell"] } } }
                """)
        let given = try await stage.incidents(within: 30, "the end of b's ladder") { all in
            all.contains { $0.component == "b" && $0.state == "exhausted" }
        }
        let refused = try #require(given.first { $0.component == "b" })
        #expect(refused.restarts.count == 2)
        #expect(refused.restarts.allSatisfy { $0.result == "failed" || $0.result == "refused" })
        #expect(try stage.healctl("pause", "a", "--for", "1h", "--reason", "new disks").status == 0)
        try stage.systemctl("stop", "desiredno-a.service")
        try await stage.wait(for: "the stop in the status") { try stage.component("a")?.verdict != "up" }
        // What would have been done about the stop would have been done with these, at the latest.
        try await stage.furtherResults(5, of: "pulse", "beat")
        #expect(try !stage.isActive("desiredno-a.service"))
        #expect(try stage.incidents().count { $0.component == "a" } == 0)
        #expect(try stage.healctl("resume", "a").status == 0)
        try await stage.wait(for: "the start of a") { try stage.isActive("desiredno-a.service") }
    }

    // MARK: - dependsOn

    @Test func `dependsOn unit`() async throws {
        let stage = try Stage(
            "needs",
            units: [
                .init(name: "needs-db.service"),
                .init(name: "needs-mq.service"),
                // What it requires dies with it: so does it, and it is not to be started before.
                .init(
                    name: "needs-web.service",
                    settings: ["[Unit]", "BindsTo=needs-db.service", "After=needs-db.service"]),
            ],
            policy: """
                { "version": 1, "guards": { "flap": { "high": "100%" } }, "components": {
                  "db": \(component("needs-db.service", #", "mode": "observe""#)),
                  "mq": \(component("needs-mq.service", #", "mode": "observe""#)),
                  "web": \(component("needs-web.service", #", "dependsOn": ["unit"], "desired": "running""#)) } }
                """)
        try await stage.isUp()
        try stage.signal(SIGKILL, "needs-db.service")
        try await stage.wait(for: "the root cause in the status") {
            try stage.healctl("status").output.contains("waits for db")
        }
        let web = try #require(try stage.incidents().first { $0.component == "web" })
        #expect(web.actions.isEmpty)
        #expect(try stage.healctl("incidents", "show", "\(web.id)").output.contains("db"))
        try stage.systemctl("start", "needs-db.service")
        _ = try await stage.incidents(within: 30, "the recovery of web") { all in
            all.filter { $0.component == "web" }.allSatisfy { $0.state == "resolved" }
        }
        // From now on it needs another.
        try """
        [Unit]
        StartLimitIntervalSec=0
        Requires=needs-mq.service
        [Service]
        ExecStart=/bin/sh -c 'exec sleep 100000'
        """.write(toFile: "/run/systemd/system/needs-web.service", atomically: true, encoding: .utf8)
        try stage.systemctl("daemon-reload")
        try await stage.isUp()
        try stage.signal(SIGKILL, "needs-mq.service")
        try await stage.wait(for: "mq's failure") {
            try stage.incidents().contains { $0.component == "mq" && $0.state != "resolved" }
        }
        try stage.signal(SIGKILL, "needs-web.service")
        try await stage.wait(for: "the other root cause") {
            try stage.healctl("status").output.contains("waits for mq")
        }
    }

    // MARK: - approve

    private func waiting(_ name: String, expires: String = "1m") throws -> Stage {
        let ladder =
            #", "mode": "approve", "approvalExpires": "\#(expires)", "recovery": ["#
            + #" { "action": "RESTART", "verify": "5s" }, { "action": "ALERT" } ]"#
        return try Stage(
            name, units: [.init(name: "\(name)-a.service")],
            components: #"{ "a": \#(component("\(name)-a.service", ladder)) }"#)
    }

    @Test func `mode approve: nothing is done before the yes`() async throws {
        let stage = try self.waiting("yes")
        try await stage.isUp()
        try stage.signal(SIGKILL, "yes-a.service")
        try await stage.wait(for: "the question") {
            try stage.healctl("status").output.contains("healctl approve")
        }
        #expect(try !stage.isActive("yes-a.service"))
        #expect(stage.starts(of: "yes-a.service") == 1)
        let yes = try stage.healctl("approve", "a", "--reason", "seen")
        #expect(yes.status == 0, "\(yes.errors)")
        let incident = try await stage.healed()
        #expect(incident.restarts.map(\.result) == ["succeeded"])
        #expect(stage.starts(of: "yes-a.service") == 2)
        #expect(try stage.healctl("incidents", "show", "\(incident.id)").output.contains("root"))
        #expect(try stage.healctl("approve", "a").status == 66)
    }

    @Test func `mode approve: a no skips the step`() async throws {
        let stage = try self.waiting("no")
        try await stage.isUp()
        try stage.signal(SIGKILL, "no-a.service")
        try await stage.wait(for: "the question") { try stage.healctl("deny", "a").status == 0 }
        let incident = try #require(
            try await stage.incidents(within: 20, "the end of the ladder") { $0.first?.state == "exhausted" }.first)
        #expect(incident.actions.map(\.action) == ["RESTART", "ALERT"])
        #expect(incident.actions.first?.result == "skipped")
        #expect(stage.starts(of: "no-a.service") == 1)
    }

    @Test func `mode approve: a question that nobody answers expires, also over a restart of heald`() async throws {
        let stage = try self.waiting("late", expires: "6s")
        try await stage.isUp()
        try stage.signal(SIGKILL, "late-a.service")
        try await stage.wait(for: "the question") {
            try stage.healctl("status").output.contains("healctl approve")
        }
        try stage.signal(SIGKILL, stage.heald)
        let incident = try #require(
            try await stage.incidents(within: 30, "the end of the ladder") { $0.first?.state == "exhausted" }.first)
        #expect(incident.actions.first?.result == "skipped")
        #expect(stage.starts(of: "late-a.service") == 1)
        #expect(try stage.healctl("approve", "a").status == 66)
    }

    // MARK: - maintenance

    @Test func `a maintenance window holds back repairs of what it names`() async throws {
        let stage = try Stage(
            "window", units: [.init(name: "window-a.service"), .init(name: "window-b.service")],
            policy: """
                { "version": 1, "components": {
                    "a": \(component("window-a.service")), "b": \(component("window-b.service")) },
                  "maintenance": { "windows": [
                    { "name": "disks", "components": ["a"], "calendar": "minutely", "for": "1m" } ] } }
                """)
        try await stage.isUp()
        try stage.signal(SIGKILL, "window-a.service")
        try await stage.wait(for: "the window in the status") {
            try stage.healctl("status").output.contains("maintenance window disks")
        }
        try stage.signal(SIGKILL, "window-b.service")
        let incidents = try await stage.incidents(within: 20, "the recovery of b") { all in
            all.contains { $0.component == "b" && $0.state == "resolved" }
        }
        #expect(incidents.first { $0.component == "a" }?.actions.isEmpty == true)
        #expect(stage.starts(of: "window-a.service") == 1)
        // The policy no longer has it.
        try #"{ "version": 1, "components": { "a": \#(component("window-a.service")) } }"#.write(
            toFile: stage.path("policies/a.json"), atomically: true, encoding: .utf8)
        #expect(try stage.healctl("reload").status == 0)
        try await stage.wait(for: "the repair of a") { try stage.isActive("window-a.service") }
    }

    // MARK: - connectivity

    @Test func `a gateway that does not answer makes what lies behind it unknown, and nothing is done`() async throws {
        let remote =
            #", "http": { "type": "exec", "command": ["/usr/bin/test", "!", "-e", "/run/gate.off"],"#
            + #" "convention": "exit", "interval": "300ms", "timeout": "200ms", "fall": 2, "rise": 1 }"#
        let stage = try Stage(
            "gate", units: [.init(name: "gate-a.service")],
            policy: """
                { "version": 1, "guards": { "connectivity": { "checks": ["uplink/gateway"] } }, "components": {
                  "uplink": { "checks": { "gateway": { "type": "exec", "convention": "exit",
                    "command": ["/usr/bin/test", "!", "-e", "/run/gate.down"], "interval": "300ms",
                    "timeout": "200ms", "fall": 1, "rise": 1 } }, "recovery": [ { "action": "ALERT" } ] },
                  "a": { "unit": "gate-a.service", "stable": "300ms", "startupGrace": "1s",
                    "checks": { "unit": { "type": "unit" }\(remote) } } } }
                """)
        try await stage.isUp()
        for file in ["down", "off"] {
            try #require(FileManager.default.createFile(atPath: "/run/gate.\(file)", contents: nil))
        }
        try await stage.wait(for: "the state disconnected") {
            try stage.healctl("status", "--json").output.contains(#""disconnected""#)
        }
        // Three times as many as it takes to fail.
        try await stage.furtherResults(6, of: "a", "http")
        #expect(try stage.incidents().allSatisfy { $0.component == "uplink" })
        #expect(stage.starts(of: "gate-a.service") == 1)
        // Reached again, the endpoint is still down: that is its own failure.
        try FileManager.default.removeItem(atPath: "/run/gate.down")
        _ = try await stage.incidents(within: 30, "the failure of a") { $0.contains { $0.component == "a" } }
        try FileManager.default.removeItem(atPath: "/run/gate.off")
        _ = try await stage.incidents(within: 30, "the recovery of a") { all in
            all.first { $0.component == "a" }?.state == "resolved"
        }
    }
}
