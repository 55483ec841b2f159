import Foundation
import Testing

extension StrategyTableTests {
    /// A component that is down while `/var/cache/<name>/bad` is there; starting it changes nothing.
    private func cached(_ name: String, cache: String, recovery: String, settings: [String] = []) throws -> Stage {
        try FileManager.default.createDirectory(atPath: "/var/cache/\(name)", withIntermediateDirectories: true)
        return try Stage(
            name, units: [.init(name: "\(name).service", settings: settings)],
            components: """
                { "a": { "unit": "\(name).service", "stable": "300ms", "startupGrace": "1s", "cache": \(cache),
                  "checks": { "unit": { "type": "unit" }, "it": { "type": "exec",
                    "command": ["/bin/sh", "-c", "! test -e /var/cache/\(name)/bad || exit 2"],
                    "interval": "300ms", "timeout": "250ms", "fall": 2, "rise": 1 } },
                  "recovery": [ \(recovery) ] } }
                """)
    }

    private func spoil(_ name: String) throws {
        try #require(FileManager.default.createFile(atPath: "/var/cache/\(name)/bad", contents: nil))
    }

    private static let clear = #"{ "action": "CLEAR_CACHE", "verify": "10s" }"#

    @Test func CLEAR_CACHE() async throws {
        let stage = try self.cached(
            "act-cache", cache: #"{ "systemd": true }"#,
            recovery: #"{ "action": "RESTART", "verify": "1s" }, \#(Self.clear)"#,
            settings: ["CacheDirectory=act-cache"])
        try await stage.isUp()
        try self.spoil("act-cache")
        let incident = try await stage.healed()
        #expect(incident.actions.map(\.action) == ["RESTART", "CLEAR_CACHE"])
        #expect(incident.actions.map(\.result) == ["failed", "succeeded"])
        #expect(stage.starts(of: "act-cache.service") == 3)
    }

    @Test func `CLEAR_CACHE of paths leaves what links lead to`() async throws {
        let stage = try self.cached(
            "act-paths", cache: #"{ "paths": ["/var/cache/act-paths"] }"#, recovery: Self.clear)
        let outside = "/run/act-paths-outside"
        try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
        try #require(FileManager.default.createFile(atPath: outside + "/precious", contents: nil))
        try FileManager.default.createDirectory(
            atPath: "/var/cache/act-paths/deep/deeper", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: "/var/cache/act-paths/deep/link", withDestinationPath: outside)
        try await stage.isUp()
        try self.spoil("act-paths")
        #expect(try await stage.healed().actions.map(\.result) == ["succeeded"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: "/var/cache/act-paths").isEmpty)
        #expect(FileManager.default.fileExists(atPath: outside + "/precious"))
    }

    @Test func `CLEAR_CACHE stops at what is mounted in the cache, and says so`() async throws {
        let (outside, inside) = ("/run/act-mount-outside", "/var/cache/act-mount/inside")
        for directory in [outside, inside] {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        }
        try #require(FileManager.default.createFile(atPath: outside + "/precious", contents: nil))
        try #require(try run("/usr/bin/mount", ["--bind", outside, inside]).status == 0)
        defer { _ = try? run("/usr/bin/umount", ["--lazy", inside]) }
        let stage = try self.cached(
            "act-mount", cache: #"{ "paths": ["/var/cache/act-mount"] }"#,
            recovery: #"\#(Self.clear), { "action": "EXEC", "command": ["/bin/true"], "verify": "5s" }"#)
        try await stage.isUp()
        try self.spoil("act-mount")
        let incident = try await stage.healed()
        #expect(incident.actions.first?.result == "failed")
        #expect(try stage.log().contains("/var/cache/act-mount/inside: another file system is mounted there"))
        #expect(FileManager.default.fileExists(atPath: outside + "/precious"))
    }

    @Test func `CLEAR_CACHE by a hook does not stop the unit`() async throws {
        let stage = try self.cached(
            "act-hook", cache: #"{ "hook": ["/bin/rm", "/var/cache/act-hook/bad"] }"#, recovery: Self.clear)
        try await stage.isUp()
        try self.spoil("act-hook")
        #expect(try await stage.healed().actions.map(\.result) == ["succeeded"])
        #expect(stage.starts(of: "act-hook.service") == 1)
    }

    @Test func `CLEAR_CACHE that fails starts the unit again, and the ladder goes on`() async throws {
        // The unit has no CacheDirectory=, and another file system lies in the declared one.
        let stage = try self.cached(
            "act-nocache", cache: #"{ "systemd": true }"#,
            recovery: #"""
                \#(Self.clear), { "action": "EXEC", "command": ["/bin/rm", "/var/cache/act-nocache/bad"], "verify": "5s" }
                """#)
        try await stage.isUp()
        try self.spoil("act-nocache")
        let incident = try await stage.healed()
        #expect(incident.actions.map(\.action) == ["CLEAR_CACHE", "EXEC"])
        #expect(incident.actions.map(\.result) == ["failed", "succeeded"])
        #expect(try stage.isActive("act-nocache.service"))
    }

    @Test func `heald killed in the middle of CLEAR_CACHE goes on with it and runs its hook once`() async throws {
        let hook = "echo once >> /run/act-cachekill.log; sleep 3; rm -f /var/cache/act-cachekill/bad"
        let stage = try self.cached(
            "act-cachekill",
            cache: #"{ "paths": ["/var/cache/act-cachekill/x"], "hook": ["/bin/sh", "-c", "\#(hook)"] }"#,
            recovery: Self.clear)
        try await stage.isUp()
        try self.spoil("act-cachekill")
        let log = "/run/act-cachekill.log"
        try await stage.wait(for: "the hook") { FileManager.default.fileExists(atPath: log) }
        try stage.signal(SIGKILL, stage.heald)
        let incident = try await stage.healed()
        #expect(incident.actions.map(\.result) == ["succeeded"])
        #expect(try String(contentsOfFile: log, encoding: .utf8) == "once\n")
        #expect(stage.starts(of: "act-cachekill.service") == 2)
    }
}
