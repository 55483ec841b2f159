import Foundation
import Testing

/// The table of strategies in the policy reference, row by row, on a real systemd: it works; it fails and the ladder goes
/// on; it runs out of time; heald is killed in its middle.
@Suite(.serialized, .enabled(if: Stage.isHere, Stage.reason), .timeLimit(.minutes(4)))
struct StrategyTableTests {
    /// A component that is down while a file is there. Its service removes the file when it starts, and on SIGHUP.
    private final class Flag {
        let stage: Stage
        let unit: String
        let file: String

        init(_ name: String, settings: [String] = [], recovery: String, more: String = "") throws {
            self.unit = "act-\(name).service"
            self.file = "/run/act-\(name).broken"
            let program = "trap \"rm -f \(self.file)\" HUP; rm -f \(self.file); while :; do sleep 0.1; done"
            let check = """
                { "type": "exec", "command": ["/bin/sh", "-c", "! test -e \(self.file) || exit 2"],
                  "interval": "300ms", "timeout": "250ms", "fall": 2, "rise": 1 }
                """
            self.stage = try Stage(
                "act-\(name)", units: [.init(name: self.unit, command: program, settings: settings)],
                components: """
                    { "a": { "unit": "\(self.unit)", "stable": "300ms", "startupGrace": "2s",
                             "checks": { "unit": { "type": "unit" }, "it": \(check) }, "recovery": [ \(recovery) ] } }
                    \(more)
                    """)
        }

        func breakIt() throws {
            try #require(FileManager.default.createFile(atPath: self.file, contents: nil))
        }

        func healed() async throws -> Incident {
            try #require(
                try await self.stage.incidents(within: 40, "recovery") { $0.first?.state == "resolved" }.first)
        }
    }

    private static let restart = #"{ "action": "RESTART", "verify": "10s" }"#

    @Test func RESTART() async throws {
        let flag = try Flag("restart", recovery: Self.restart)
        try await flag.stage.isUp()
        try flag.breakIt()
        #expect(try await flag.healed().actions.map(\.action) == ["RESTART"])
        #expect(flag.stage.starts(of: flag.unit) == 2)
    }

    @Test func HEALTH_CHECK() async throws {
        let flag = try Flag("look", recovery: #"{ "action": "HEALTH_CHECK", "verify": "2s" }, \#(Self.restart)"#)
        try await flag.stage.isUp()
        try flag.breakIt()
        #expect(try await flag.healed().actions.map(\.action) == ["HEALTH_CHECK", "RESTART"])
    }

    @Test func ALERT() async throws {
        let told = "/run/act-alert.told"
        let channels = """
            , "channels": { "file": { "type": "exec", "command": ["/bin/sh", "-c", "cat > \(told)"], "groupWait": "0s" } }
            """
        let flag = try Flag(
            "alert", recovery: #"{ "action": "ALERT", "channels": ["file"], "message": "come and see" }"#,
            more: channels)
        try await flag.stage.isUp()
        try flag.breakIt()
        let incident = try #require(
            try await flag.stage.incidents(within: 20, "the alert") { $0.first?.state == "exhausted" }.first)
        #expect(incident.actions.map(\.action) == ["ALERT"])
        let end = ContinuousClock.now + .seconds(20)
        var text = ""
        while !text.contains("come and see"), ContinuousClock.now < end {
            text = (try? String(contentsOfFile: told, encoding: .utf8)) ?? ""
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(text.contains("come and see"))
    }

    @Test func RESET_CONNECTION() async throws {
        let flag = try Flag(
            "reset", settings: ["ExecReload=/bin/kill -HUP $MAINPID"],
            recovery: #"{ "action": "RESET_CONNECTION", "verify": "10s" }, \#(Self.restart)"#)
        try await flag.stage.isUp()
        try flag.breakIt()
        let incident = try await flag.healed()
        #expect(incident.actions.map(\.action) == ["RESET_CONNECTION"])
        #expect(incident.actions.map(\.result) == ["succeeded"])
        #expect(flag.stage.starts(of: flag.unit) == 1)
    }

    @Test func `RESET_CONNECTION by a signal`() async throws {
        let flag = try Flag(
            "signal", recovery: #"{ "action": "RESET_CONNECTION", "signal": "SIGHUP", "verify": "10s" }"#)
        try await flag.stage.isUp()
        try flag.breakIt()
        #expect(try await flag.healed().actions.map(\.result) == ["succeeded"])
        #expect(flag.stage.starts(of: flag.unit) == 1)
    }

    @Test func `RESET_CONNECTION of a unit that cannot be reloaded fails, and the ladder goes on`() async throws {
        let flag = try Flag("noreload", recovery: #"{ "action": "RESET_CONNECTION" }, \#(Self.restart)"#)
        try await flag.stage.isUp()
        try flag.breakIt()
        let incident = try await flag.healed()
        #expect(incident.actions.map(\.action) == ["RESET_CONNECTION", "RESTART"])
        #expect(incident.actions.map(\.result) == ["failed", "succeeded"])
    }

    @Test func `RESET_CONNECTION of a unit that does not run is refused, and the ladder goes on`() async throws {
        let flag = try Flag("dead", recovery: #"{ "action": "RESET_CONNECTION" }, \#(Self.restart)"#)
        try await flag.stage.isUp()
        try flag.stage.signal(SIGKILL, flag.unit)
        let incident = try await flag.healed()
        #expect(incident.actions.map(\.result) == ["refused", "succeeded"])
        #expect(flag.stage.starts(of: flag.unit) == 2)
    }

    /// A hook that writes a line to `/run/<name>.log`, then does `more`.
    private static func hook(_ name: String, _ more: String, timeout: String = "10s") -> String {
        #"""
        { "action": "EXEC", "timeout": "\#(timeout)", "verify": "5s", "command":
          ["/bin/sh", "-c", "echo $HEALD_COMPONENT $HEALD_INCIDENT $(id -u) >> /run/\#(name).log; \#(more)"] }
        """#
    }

    private static func log(_ name: String) -> [String] {
        ((try? String(contentsOfFile: "/run/\(name).log", encoding: .utf8)) ?? "").split(separator: "\n").map(
            String.init)
    }

    @Test func EXEC() async throws {
        let flag = try Flag("exec", recovery: Self.hook("exec", "rm /run/act-exec.broken"))
        try await flag.stage.isUp()
        try flag.breakIt()
        let incident = try await flag.healed()
        #expect(incident.actions.map(\.action) == ["EXEC"])
        #expect(incident.actions.map(\.result) == ["succeeded"])
        #expect(Self.log("exec") == ["a 1 0"])
        #expect(flag.stage.starts(of: flag.unit) == 1)
        let left = try flag.stage.systemctl("list-units", "--all", "--plain", "--no-legend", "heald-hook-*")
        #expect(left.isEmpty, "a hook's unit is not left behind")
    }

    @Test func `EXEC that fails, is missing or never ends is recorded, and the ladder goes on`() async throws {
        let missing = #"{ "action": "EXEC", "command": ["/nonexistent/hook"] }"#
        let endless = Self.hook("endless", "sleep 1000 & sleep 1000", timeout: "1s")
        let flag = try Flag(
            "execfails",
            recovery: [Self.hook("execfails", "exit 3"), missing, endless, Self.restart].joined(separator: ", "))
        try await flag.stage.isUp()
        try flag.breakIt()
        let incident = try await flag.healed()
        #expect(incident.actions.map(\.action) == ["EXEC", "EXEC", "EXEC", "RESTART"])
        #expect(incident.actions.map(\.result) == ["failed", "failed", "timed_out", "succeeded"])
        #expect(try flag.stage.systemctl("list-units", "--all", "--plain", "--no-legend", "heald-hook-*").isEmpty)
    }

    @Test func `heald killed in the middle of EXEC follows it to its end and does not begin it again`() async throws {
        let flag = try Flag("execkill", recovery: Self.hook("execkill", "sleep 3; rm /run/act-execkill.broken"))
        try await flag.stage.isUp()
        try flag.breakIt()
        let end = ContinuousClock.now + .seconds(20)
        while Self.log("execkill").isEmpty, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(20))
        }
        try flag.stage.signal(SIGKILL, flag.stage.heald)
        let incident = try await flag.healed()
        #expect(incident.actions.map(\.result) == ["succeeded"])
        #expect(Self.log("execkill") == ["a 1 0"])
        #expect(try flag.stage.healctl("audit", "verify").status == 0)
    }
}
