import Foundation
import Testing

/// Programs as Debian ships them. `Tests/setup` fetches what the host lacks; here it is installed, in the testbed's
/// throw-away file system.
enum DebianPrograms {
    /// Installs once, and starts nothing.
    static let installed: Result<Void, any Error> = Result { try Self.install() }

    private static func install() throws {
        let store = URL(filePath: ".build/debian")
        let files = (try? FileManager.default.contentsOfDirectory(at: store, includingPropertiesForKeys: nil)) ?? []
        let packages = files.map { $0.path() }.filter { $0.hasSuffix(".deb") }
        // A package's scripts would start its service.
        let policy = "/usr/sbin/policy-rc.d"
        try "#!/bin/sh\nexit 101\n".write(toFile: policy, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: policy)
        if !packages.isEmpty {
            try shell("dpkg --force-unsafe-io --install .build/debian/*.deb >&2")
        }
        for program in ["/usr/sbin/nginx", "/usr/bin/redis-server", "/usr/bin/pg_ctlcluster"] {
            try #require(
                FileManager.default.isExecutableFile(atPath: program), "\(program) is missing: run Tests/setup")
        }
    }

    /// Runs a line of the shell as root, to its good end.
    @discardableResult
    static func shell(_ line: String) throws -> String {
        let result = try run(
            "/bin/sh", ["-c", line],
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"])
        try #require(result.status == 0, "\(line): \(result.output)\(result.errors)")
        return result.output
    }

    /// A shipped policy, with the given passages replaced, each of which it must have: a test does not wait as long as an
    /// operator would.
    static func policy(_ name: String, hastened: [String: String]) throws -> String {
        var text = try String(contentsOfFile: "policies/\(name).json", encoding: .utf8)
        for (old, new) in hastened {
            try #require(text.contains(old), "\(name).json has no \(old)")
            text.replace(old, with: new)
        }
        return text
    }

    /// heald as shipped, with the drop-in that the policy's documentation asks for, where it needs one.
    static func stage(_ name: String, policy: String, hastened: [String: String]) throws -> Stage {
        let critical = #""criticality": "critical","#
        let hastened = hastened.merging([critical: #"\#(critical) "stable": "300ms","#]) { own, _ in own }
        let dropIn = try? String(contentsOfFile: "policies/heald.service.d/\(policy).conf", encoding: .utf8)
        return try Stage(
            name, units: [], policy: try self.policy(policy, hastened: hastened), dropIns: dropIn.map { [$0] } ?? [])
    }
}

/// The policies for real programs, with the programs themselves: what is broken, stopped or dead is mended.
@Suite(.serialized, .enabled(if: Stage.isHere, Stage.reason), .timeLimit(.minutes(4)))
struct ProgramTests {
    init() throws { try DebianPrograms.installed.get() }
}

extension Incident {
    /// What was tried, without the steps that did not apply.
    var attempts: [String] { self.actions.filter { $0.result != "skipped" }.map(\.action) }
}
