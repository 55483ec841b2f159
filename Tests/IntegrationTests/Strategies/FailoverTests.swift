import Foundation
import Testing

extension StrategyTableTests {
    /// A primary that does not start while `/run/<name>/broken` is there, and a standby that does not while
    /// `/run/<name>/no-standby` is.
    private final class Pair {
        let stage: Stage
        let name: String
        var primary: String { "\(self.name)-1.service" }
        var standby: String { "\(self.name)-2.service" }
        var link: String { "/run/\(self.name)/endpoint" }

        init(
            _ name: String, recovery: String, failback: String = "manual", standby: [String] = [],
            standbyRuns: Bool = false
        ) throws {
            self.name = name
            let root = "/run/\(name)"
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(atPath: root + "/endpoint", withDestinationPath: "one")
            self.stage = try Stage(
                name,
                units: [
                    .init(name: "\(name)-1.service", command: "test ! -e \(root)/broken || exit 1; exec sleep 100000"),
                    .init(
                        name: "\(name)-2.service",
                        command: "test ! -e \(root)/no-standby || exit 1; exec sleep 100000", settings: standby,
                        isStarted: standbyRuns),
                ],
                components: """
                    { "a": { "unit": "\(name)-1.service", "stable": "300ms", "startupGrace": "1s", "rearm": "3s",
                      "failover": { "standbys": ["\(name)-2.service"], "failback": "\(failback)",
                        "endpoint": { "symlink": { "path": "\(root)/endpoint",
                          "targets": { "\(name)-1.service": "one", "\(name)-2.service": "two" } } } },
                      "checks": { "unit": { "type": "unit" }, "it": { "type": "exec",
                        "command": ["/bin/sh", "-c", "! test -e \(root)/sick-$(readlink \(root)/endpoint) || exit 2"],
                        "interval": "300ms", "timeout": "250ms", "fall": 2, "rise": 2 },
                        "log": { "type": "journal", "pattern": "never said", "interval": "300ms" },
                        "own": { "type": "resources", "tasks": 100, "interval": "300ms" } },
                      "recovery": [ \(recovery) ] } }
                    """)
        }

        func mark(_ file: String) throws {
            try #require(FileManager.default.createFile(atPath: "/run/\(self.name)/\(file)", contents: nil))
        }

        var endpoint: String {
            get throws { try FileManager.default.destinationOfSymbolicLink(atPath: self.link) }
        }
    }

    private static let failover = #"{ "action": "FAILOVER", "verify": "5s" }"#

    @Test func FAILOVER() async throws {
        let pair = try Pair("act-fo", recovery: #"{ "action": "RESTART", "verify": "1s" }, \#(Self.failover)"#)
        try await pair.stage.isUp()
        try pair.mark("broken")
        try pair.stage.signal(SIGKILL, pair.primary)
        let incident = try await pair.stage.healed()
        #expect(incident.actions.map(\.action) == ["RESTART", "FAILOVER"])
        #expect(incident.actions.last?.result == "succeeded")
        #expect(try !pair.stage.isActive(pair.primary))
        #expect(try pair.stage.isActive(pair.standby))
        #expect(try pair.endpoint == "two")
        // Who is active outlives heald.
        try pair.stage.systemctl("restart", pair.stage.heald)
        try await pair.stage.isUp()
        #expect(try pair.stage.healctl("status").output.contains(pair.standby))
        #expect(pair.stage.starts(of: pair.standby) == 1)
    }

    @Test func `a standby that serves and leaves the policy is not rivalled by the unit that it replaced`() async throws
    {
        let pair = try Pair("act-left", recovery: Self.failover)
        let stage = pair.stage
        try await stage.isUp()
        try stage.signal(SIGKILL, pair.primary)
        _ = try await stage.healed()
        try """
        { "version": 1, "components": { "a": { "unit": "\(pair.primary)", "desired": "running",
          "checks": { "unit": { "type": "unit" } } } } }
        """.write(toFile: stage.path("policies/a.json"), atomically: true, encoding: .utf8)
        #expect(try stage.healctl("reload").status == 0)
        try await stage.wait(for: "the word on it") {
            try stage.healctl("status").output.contains("\(pair.standby) had taken over")
        }
        try stage.systemctl("restart", stage.heald)
        try await stage.wait(for: "the word on it, again") {
            try stage.healctl("status").output.contains("\(pair.standby) had taken over")
        }
        #expect(try !stage.isActive(pair.primary) && stage.isActive(pair.standby))
        // Its operator has stopped the other, and says so.
        try stage.systemctl("stop", pair.standby)
        #expect(try stage.healctl("resume", "a").status == 0)
        try await stage.wait(for: "the primary") { try stage.isActive(pair.primary) }
    }

    /// The standby was tried in vain, and everything is as it was before.
    private func expectPutBack(_ incident: Incident, _ pair: Pair) throws {
        #expect(incident.actions.map(\.action) == ["FAILOVER", "FAILOVER"])
        #expect(incident.actions.map(\.result) == ["failed", "succeeded"])
        #expect(try pair.stage.isActive(pair.primary))
        #expect(try !pair.stage.isActive(pair.standby))
        #expect(try pair.endpoint == "one")
    }

    @Test func `FAILOVER to a standby that cannot start fails, and the old one is started again`() async throws {
        let pair = try Pair(
            "act-fofail", recovery: #"\#(Self.failover), { "action": "RESTART", "verify": "5s" }"#,
            standby: ["ExecStartPre=/usr/bin/test ! -e /run/act-fofail/no-standby"])
        try await pair.stage.isUp()
        try pair.mark("no-standby")
        try pair.stage.signal(SIGKILL, pair.primary)
        let incident = try await pair.stage.healed()
        // What was stopped for the standby is put back before the ladder goes on.
        try self.expectPutBack(incident, pair)
    }

    @Test func `FAILOVER to a standby that is no better is put back`() async throws {
        let pair = try Pair("act-foback", recovery: #"{ "action": "FAILOVER", "verify": "2s" }"#)
        try await pair.stage.isUp()
        try pair.mark("sick-two")
        try pair.stage.signal(SIGKILL, pair.primary)
        let incident = try await pair.stage.healed()
        try self.expectPutBack(incident, pair)
    }

    @Test func `heald killed in the middle of FAILOVER finishes it, and never are two active`() async throws {
        let pair = try Pair("act-fokill", recovery: Self.failover, standby: ["ExecStartPre=/bin/sleep 3"])
        try await pair.stage.isUp()
        try pair.mark("broken")
        try pair.stage.signal(SIGKILL, pair.primary)
        try await pair.stage.wait(for: "the start of the standby") { pair.stage.starts(of: pair.standby) == 1 }
        try pair.stage.signal(SIGKILL, pair.stage.heald)
        let incident = try await pair.stage.healed()
        #expect(incident.actions.map(\.action) == ["FAILOVER"])
        #expect(incident.actions.map(\.result) == ["succeeded"])
        #expect(pair.stage.starts(of: pair.standby) == 1)
        #expect(try !pair.stage.isActive(pair.primary))
        #expect(try pair.endpoint == "two")
    }

    @Test func `FAILOVER goes back by itself where the policy says so`() async throws {
        let pair = try Pair("act-foagain", recovery: Self.failover, failback: "3s")
        try await pair.stage.isUp()
        try pair.stage.signal(SIGKILL, pair.primary)
        _ = try await pair.stage.healed()
        try await pair.stage.wait(for: "the way back") {
            try pair.stage.isActive(pair.primary) && pair.endpoint == "one"
        }
        #expect(try !pair.stage.isActive(pair.standby))
        try await pair.stage.isUp()
        #expect(try pair.stage.incidents().count == 1)
    }

    @Test func `healctl failback lets the own unit take its place again, and says why not`() async throws {
        let pair = try Pair("act-foback2", recovery: Self.failover)
        try await pair.stage.isUp()
        let early = try pair.stage.healctl("failback", "a")
        #expect(early.status == 75)
        #expect(early.errors.contains("\(pair.primary), its own unit, is the active one"), "\(early.errors)")
        try pair.stage.signal(SIGKILL, pair.primary)
        _ = try await pair.stage.healed()
        #expect(try pair.stage.isActive(pair.standby))
        let masked = "/run/systemd/system/\(pair.primary)"
        let file = try String(contentsOfFile: masked, encoding: .utf8)
        try FileManager.default.removeItem(atPath: masked)
        try pair.stage.systemctl("mask", "--runtime", pair.primary)
        try pair.stage.systemctl("daemon-reload")
        try await pair.stage.wait(for: "a refusal for the masked unit") {
            let refused = try pair.stage.healctl("failback", "a")
            return refused.status == 75 && refused.errors.contains("is masked")
        }
        #expect(try pair.stage.isActive(pair.standby))
        try pair.stage.systemctl("unmask", "--runtime", pair.primary)
        try file.write(toFile: masked, atomically: true, encoding: .utf8)
        try pair.stage.systemctl("daemon-reload")
        try await pair.stage.wait(for: "the failback to be taken") {
            try pair.stage.healctl("failback", "a").status == 0
        }
        try await pair.stage.wait(for: "the way back") {
            try pair.stage.isActive(pair.primary) && pair.endpoint == "one"
        }
        #expect(try !pair.stage.isActive(pair.standby))
        try await pair.stage.isUp()
        #expect(try pair.stage.incidents().count == 1)
        #expect(try pair.stage.healctl("audit", "verify").status == 0)
    }

    @Test func `a healctl failback to a unit that does not stay up goes back to the standby`() async throws {
        let pair = try Pair("act-foback3", recovery: Self.failover)
        try await pair.stage.isUp()
        try pair.mark("broken")
        try pair.stage.signal(SIGKILL, pair.primary)
        _ = try await pair.stage.healed()
        #expect(try pair.stage.healctl("failback", "a").status == 0)
        _ = try await pair.stage.incidents(within: 40, "the way to the standby") {
            $0.count == 2 && $0.first?.state == "resolved"
        }
        #expect(try pair.stage.isActive(pair.standby))
        #expect(try !pair.stage.isActive(pair.primary))
        #expect(try pair.endpoint == "two")
    }

    @Test func SWITCH_ENDPOINT() async throws {
        let pair = try Pair(
            "act-switch", recovery: #"{ "action": "SWITCH_ENDPOINT", "verify": "5s" }"#, standbyRuns: true)
        try await pair.stage.isUp()
        try pair.mark("sick-one")
        let incident = try await pair.stage.healed()
        #expect(incident.actions.map(\.action) == ["SWITCH_ENDPOINT"])
        #expect(try pair.endpoint == "two")
        #expect(pair.stage.starts(of: pair.primary) == 1)
        #expect(try pair.stage.isActive(pair.primary))
    }
}
