import Foundation
import Testing

extension StrategyTableTests {
    /// A component whose releases lie in `/run/<name>/releases`; each release is a program `serve`.
    private final class Releases {
        let stage: Stage
        let name: String
        var unit: String { "\(self.name).service" }
        var current: String { "/run/\(self.name)/current" }

        init(_ name: String, releases: [String: String], recovery: String, settings: [String] = []) throws {
            self.name = name
            let root = "/run/\(name)"
            for (release, program) in releases {
                let directory = "\(root)/releases/\(release)"
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
                try "#!/bin/sh\n\(program)\n".write(toFile: directory + "/serve", atomically: true, encoding: .utf8)
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o755], ofItemAtPath: directory + "/serve")
            }
            try FileManager.default.createSymbolicLink(
                atPath: "\(root)/current", withDestinationPath: "releases/v1")
            self.stage = try Stage(
                name,
                units: [.init(name: "\(name).service", command: "exec \(root)/current/serve", settings: settings)],
                components: """
                    { "a": { "unit": "\(name).service", "stable": "500ms", "startupGrace": "1s",
                      "release": { "current": "\(root)/current", "releases": "\(root)/releases", "goodAfter": "1s" },
                      "checks": { "unit": { "type": "unit" }, "it": { "type": "exec",
                        "command": ["/bin/sh", "-c", "! test -e /run/\(name)/broken || exit 2"],
                        "interval": "300ms", "timeout": "250ms", "fall": 2, "rise": 2 } },
                      "recovery": [ \(recovery) ] } }
                    """)
        }

        func isGood(_ release: String) async throws {
            try await self.stage.wait(for: "the word that \(release) is good") {
                try self.stage.log().contains("release \(release) is known as good")
            }
        }

        /// As a deployment does it.
        func deploy(_ release: String) throws {
            let new = "/run/\(self.name)/.new"
            try FileManager.default.createSymbolicLink(atPath: new, withDestinationPath: "releases/\(release)")
            try #require(rename(new, self.current) == 0)
            try self.stage.systemctl("restart", self.unit)
        }

        var target: String {
            get throws { try FileManager.default.destinationOfSymbolicLink(atPath: self.current) }
        }
    }

    private static let works = "exec sleep 100000"
    private static let ladder = """
        { "action": "RESTART", "verify": "2s" }, { "action": "ROLLBACK", "verify": "5s" }, { "action": "ALERT" }
        """

    @Test func ROLLBACK() async throws {
        let app = try Releases(
            "act-rollback", releases: ["v1": Self.works, "v2": "exit 3"], recovery: Self.ladder)
        try await app.stage.isUp()
        try await app.isGood("v1")
        try app.deploy("v2")
        let incident = try await app.stage.healed()
        #expect(incident.actions.map(\.action) == ["RESTART", "ROLLBACK"])
        #expect(incident.actions.last?.result == "succeeded")
        #expect(try app.target == "releases/v1")
        #expect(try app.stage.log().contains("release v2 is known as bad"))
        #expect(try app.stage.isActive(app.unit))
    }

    @Test func `ROLLBACK that does not help is put back, and the ladder goes on`() async throws {
        let app = try Releases(
            "act-putback", releases: ["v1": Self.works, "v2": Self.works],
            recovery: #"{ "action": "ROLLBACK", "verify": "2s" }, { "action": "ALERT" }"#)
        try await app.stage.isUp()
        try await app.isGood("v1")
        try app.deploy("v2")
        // Not the release's fault.
        try #require(FileManager.default.createFile(atPath: "/run/act-putback/broken", contents: nil))
        let incident = try #require(
            try await app.stage.incidents(within: 30, "the end") { $0.first?.state == "exhausted" }.first)
        #expect(incident.actions.map(\.action) == ["ROLLBACK", "ROLLBACK", "ALERT"])
        #expect(incident.actions.map(\.result) == ["failed", "succeeded", "succeeded"])
        #expect(try app.target == "releases/v2")
    }

    @Test func `ROLLBACK to a release that hangs runs out of time and is put back, and the ladder goes on`()
        async throws
    {
        let name = "act-rbhangs"
        let app = try Releases(
            name, releases: ["v1": Self.works, "v2": "exit 3"],
            recovery: #"""
                { "action": "ROLLBACK", "timeout": "1s", "verify": "2s" },
                { "action": "ALERT" }
                """#,
            settings: [
                "ExecStartPre=/bin/sh -c 'while test -e /run/\(name)/slow && readlink /run/\(name)/current | grep -q v1; "
                    + "do sleep 0.1; done'"
            ])
        try await app.stage.isUp()
        try await app.isGood("v1")
        try #require(FileManager.default.createFile(atPath: "/run/\(name)/slow", contents: nil))
        try app.deploy("v2")
        let incident = try #require(
            try await app.stage.incidents(within: 30, "the end") { $0.first?.state == "exhausted" }.first)
        #expect(incident.actions.map(\.action) == ["ROLLBACK", "ROLLBACK", "ALERT"])
        // What is put back ends at once: whether systemd saw it up before that is chance.
        #expect(incident.actions.first?.result == "timed_out" && incident.actions.last?.result == "succeeded")
        #expect(try app.target == "releases/v2")
        try FileManager.default.removeItem(atPath: "/run/\(name)/slow")
    }

    @Test func `ROLLBACK without a good release, or with a current that is none, is skipped with the reason`()
        async throws
    {
        let app = try Releases(
            "act-nogood", releases: ["v1": "exit 3", "v2": Self.works], recovery: Self.ladder)
        let incident = try #require(
            try await app.stage.incidents(within: 40, "the end") { $0.first?.state == "exhausted" }.first)
        #expect(incident.actions.filter { $0.action == "ROLLBACK" }.map(\.result) == ["skipped"])
        #expect(try app.target == "releases/v1")
        try FileManager.default.removeItem(atPath: app.current)
        try FileManager.default.createDirectory(atPath: app.current, withIntermediateDirectories: true)
        #expect(try app.stage.healctl("resume", "a").status == 0)
        try await app.stage.wait(within: 30, for: "the second skip") {
            try app.stage.healctl("incidents", "show", "1").output.contains("is not a symbolic link")
        }
    }

    @Test func `heald killed in the middle of ROLLBACK finishes it and does nothing twice`() async throws {
        let stubborn = "trap \"sleep 3; exit 0\" TERM; while :; do sleep 0.1; done"
        let app = try Releases(
            "act-rollkill", releases: ["v1": Self.works, "v2": stubborn],
            recovery: #"{ "action": "ROLLBACK", "verify": "10s" }"#)
        try await app.stage.isUp()
        try await app.isGood("v1")
        try app.deploy("v2")
        try #require(FileManager.default.createFile(atPath: "/run/act-rollkill/broken", contents: nil))
        try await app.stage.wait(for: "the swap") { try app.target == "releases/v1" }
        try app.stage.signal(SIGKILL, app.stage.heald)
        try FileManager.default.removeItem(atPath: "/run/act-rollkill/broken")
        let incident = try await app.stage.healed()
        #expect(incident.actions.map(\.action) == ["ROLLBACK"])
        #expect(incident.actions.map(\.result) == ["succeeded"])
        // The first, the deployment's, the rollback's.
        #expect(app.stage.starts(of: app.unit) == 3)
    }
}
