import AuditTrail
import Foundation
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

@testable import HealctlKit

/// The program itself, in a process of its own.
@Suite struct ProcessTests {
    struct Outcome {
        var status: Int32
        var output: String
        var errors: String
    }

    static func healctl(_ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
        let process = Process()
        // It is built beside the tests.
        let directory = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let beside = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        process.executableURL = [beside, directory].map { $0.appendingPathComponent("healctl") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
        try #require(process.executableURL != nil, "healctl is not beside \(directory.path)")
        process.arguments = arguments
        process.environment = ["TZ": "UTC"].merging(environment) { $1 }
        let (output, errors) = (Pipe(), Pipe())
        (process.standardOutput, process.standardError) = (output, errors)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let errorText = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
            errors: String(decoding: errorText, as: UTF8.self))
    }

    /// A state directory with the story of an incident in it.
    static func withHistory(_ body: (String) throws -> Void) throws {
        let directory = NSTemporaryDirectory() + "healctl-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let now = WallTime.now()
        let shift = (now + .seconds(-3_600)) - Stories.failed
        let database = try AuditDatabase(lock: StateLock(stateDirectory: directory), now: now)
        var batch = AuditBatch()
        batch.isDurable = true
        batch.records = [
            AuditRecord(at: now + .seconds(-7_200), .supervisorStarted(version: "1", processID: 1)),
            AuditRecord(at: now + .seconds(-7_200), .policyLoaded(generation: 1, components: ["db"])),
        ]
        batch.records += Stories.exhausted.records.map { record in
            var record = record
            record.at = record.at + shift
            if case .incidentOpened(var opening) = record.body {
                opening.failedAt = opening.failedAt + shift
                opening.detectedAt = opening.detectedAt + shift
                record.body = .incidentOpened(opening)
            }
            return record
        }
        try database.commit(batch)
        try database.close()
        try body(directory)
    }

    @Test func `history is read without heald`() throws {
        try Self.withHistory { directory in
            let list = try Self.healctl(["incidents", "--state-dir", directory, "--json"])
            #expect(list.status == 0, "\(list.errors)")
            let rows = try #require(
                try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]])
            #expect(rows.map { $0["id"] as? Int } == [7])
            #expect(rows[0]["state"] as? String == "exhausted")
            #expect(rows[0]["timeToDetectSeconds"] as? Double == 0.008)
            #expect((rows[0]["actions"] as? [Any])?.count == 4)

            let story = try Self.healctl(["incidents", "show", "7"], environment: ["HEALD_STATE_DIR": directory])
            #expect(story.status == 0, "\(story.errors)")
            #expect(story.output.hasPrefix("Incident 7: db exhausted: every step was tried (CRITICAL)\n"))
            #expect(story.output.contains("RESTART did not help: check port still down after 15 s"))

            let stats = try Self.healctl(["stats", "--state-dir", directory, "--since", "1d", "--json"])
            #expect(stats.status == 0, "\(stats.errors)")
            let report = try #require(
                try JSONSerialization.jsonObject(with: Data(stats.output.utf8)) as? [String: Any])
            #expect((report["overall"] as? [String: Any])?["incidents"] as? Int == 1)

            let errors = try Self.healctl(["errors", "--state-dir", directory, "--since", "1d", "--json"])
            #expect(errors.status == 0, "\(errors.errors)")
            let patterns = try #require(
                try JSONSerialization.jsonObject(with: Data(errors.output.utf8)) as? [String: Any])["errors"]
            #expect(
                (patterns as? [[String: Any]])?.compactMap { $0["class"] as? String }.sorted()
                    == ["action_failed", "exited", "not_verified"])
            #expect(try Self.healctl(["errors", "--state-dir", directory, "--limit", "0"]).status == 64)

            let none = try Self.healctl(["incidents", "--state-dir", directory, "--component", "web"])
            #expect(none.status == 0)
            #expect(none.output.hasPrefix("No incidents since "))
            #expect(none.output.hasSuffix(" of web.\n"))
        }
    }

    @Test func `an audit trail is proved, and a change in it found`() throws {
        try Self.withHistory { directory in
            let intact = try Self.healctl(["audit", "verify", "--state-dir", directory, "--json"])
            #expect(intact.status == 0, "\(intact.output)\(intact.errors)")
            let page = try #require(
                try JSONSerialization.jsonObject(with: Data(intact.output.utf8)) as? [String: Any])
            let head = try #require(page["head"] as? String)
            #expect(page["intact"] as? Bool == true)
            #expect(try Self.healctl(["audit", "verify", "--state-dir", directory, "--head", head]).status == 0)
            let other = "3:" + String(repeating: "0", count: 64)
            let foreign = try Self.healctl(["audit", "verify", "--state-dir", directory, "--head", other])
            #expect(foreign.status == 65)
            #expect(foreign.output.hasPrefix("The audit trail is not what was written ("))
        }
    }

    @Test func `policies are checked without heald`() throws {
        let directory = NSTemporaryDirectory() + "healctl-policies-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let good =
            #"{"version": 1, "components": {"api": {"unit": "api.service", "checks": {"unit": {"type": "unit"}}}}}"#
        let file = directory + "/a.json"
        try good.write(toFile: file, atomically: true, encoding: .utf8)
        let valid = try Self.healctl(["policy", "check", directory, "--json"])
        #expect(valid.status == 0, "\(valid.output)")
        #expect(valid.output == "{\n  \"valid\": true,\n  \"diagnostics\": []\n}\n")
        try good.replacing("checks", with: "cheks").write(toFile: file, atomically: true, encoding: .utf8)
        let bad = try Self.healctl(["policy", "check", file])
        #expect(bad.status == 65)
        #expect(bad.output.hasPrefix("\(file):1:"), "\(bad.output)")
        #expect(try Self.healctl(["policy", "check", directory + "/none.json", "--json"]).status == 65)
    }

    @Test(
        arguments: [
            (["nosuch"], 64), (["incidents", "--limit", "0"], 64), (["incidents", "--limit", "x"], 64),
            (["incidents", "--since", "yesterday"], 64), (["incidents", "--state", "gone"], 64),
            (["incidents", "--cause", "bad luck"], 64), (["incidents", "show"], 64), (["incidents", "show", "x"], 64),
            (["audit", "verify", "--head", "1:2"], 64), (["pause"], 64), (["pause", "--for", "2h"], 64),
            (["pause", "--for", "31d", "--reason", "x"], 64), (["pause", "--for", "2h", "--reason", " "], 64),
            (["check"], 64), (["policy", "check"], 64), (["--help"], 0), (["incidents", "--help"], 0),
        ] as [([String], Int32)])
    func `wrong usage is 64, and JSON where JSON was asked for`(arguments: [String], status: Int32) throws {
        let plain = try Self.healctl(arguments)
        #expect(plain.status == status, "\(plain.errors)")
        guard status != 0 else { return }
        #expect(plain.errors.hasPrefix("Error: "))
        let json = try Self.healctl(arguments + ["--json"])
        #expect(json.status == status)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(json.errors.utf8)) as? [String: String])
        #expect(Set(object.keys) == ["error", "why", "fix"])
    }

    @Test(arguments: [
        ["status"], ["reload"], ["pause", "--for", "2h", "--reason", "x"], ["resume", "api"], ["check", "api"],
        ["approve", "17"], ["deny", "api"], ["ack", "api"],
    ])
    func `a heald that does not run is 69`(arguments: [String]) throws {
        let plain = try Self.healctl(arguments + ["--runtime-dir", "/nonexistent"])
        #expect(plain.status == 69)
        #expect(plain.output.isEmpty)
        #expect(
            plain.errors == """
                healctl: heald cannot be reached.
                  why: There is no socket at /nonexistent/control.sock.
                  fix: systemctl status heald; or give its --runtime-dir. What happened before can be read without it: \
                healctl incidents.

                """)
        let json = try Self.healctl(arguments + ["--json"], environment: ["HEALD_RUNTIME_DIR": "/nonexistent"])
        #expect(json.status == 69)
        #expect(json.errors.hasPrefix("{\n  \"error\": \"heald cannot be reached.\",\n"))
    }

    @Test func `no database, no such incident and no component of that name are 66`() throws {
        #expect(try Self.healctl(["incidents", "--state-dir", "/nonexistent"]).status == 66)
        #expect(try Self.healctl(["stats", "--state-dir", "/nonexistent"]).status == 66)
        #expect(try Self.healctl(["errors", "--state-dir", "/nonexistent"]).status == 66)
        #expect(try Self.healctl(["audit", "verify", "--state-dir", "/nonexistent"]).status == 66)
        #expect(try Self.healctl(["check", "no such"]).status == 66)
        try Self.withHistory { directory in
            let missing = try Self.healctl(["incidents", "show", "99", "--state-dir", directory])
            #expect(missing.status == 66)
            #expect(missing.errors.hasPrefix("healctl: There is no incident 99.\n"))
        }
    }

    @Test func `version is told with and without heald`() throws {
        let outcome = try Self.healctl(["version", "--runtime-dir", "/nonexistent", "--json"])
        #expect(outcome.status == 0)
        #expect(outcome.output == "{\n  \"healctl\": \"\(SupervisorVersion.current)\",\n  \"heald\": null\n}\n")
    }

    @Test func `what is piped has no colours and is not cut, unless a width is asked for`() throws {
        try Self.withHistory { directory in
            let arguments = ["incidents", "--state-dir", directory]
            let piped = try Self.healctl(arguments, environment: ["TERM": "xterm-256color"])
            #expect(!piped.output.contains("\u{1B}") && !piped.output.contains("…"))
            let narrow = try Self.healctl(arguments, environment: ["COLUMNS": "60"])
            for line in narrow.output.split(separator: "\n").prefix(2) { #expect(displayWidth(String(line)) <= 60) }
        }
    }
}
