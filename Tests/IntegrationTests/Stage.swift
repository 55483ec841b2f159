import Foundation
import ResilienceCore
import Testing

/// A place where the real heald, run by a real systemd, supervises real units.
///
/// Only inside the testbed, whose systemd belongs to nobody else: `Tests/Testbed/testbed -- swift test --skip-build`.
final class Stage {
    static let isHere =
        FileManager.default.fileExists(atPath: "/testbed/command")
        && FileManager.default.fileExists(atPath: "/run/systemd/system")
    static let reason: Comment = """
        SKIPPED: PID 1 is not the testbed's systemd. Run: Tests/Testbed/testbed -- swift test --skip-build --filter \
        IntegrationTests
        """

    /// Where heald and healctl lie: beside the tests.
    static let binaries: URL = {
        let program = URL(fileURLWithPath: CommandLine.arguments[0]).standardizedFileURL
        return program.deletingLastPathComponent()
    }()

    let root: URL
    let name: String
    private var units: [String] = []

    /// - Parameter components: the policy's `components`, as JSON.
    convenience init(_ name: String, units: [Service], components: String) throws {
        // What follows the components' closing brace are further members of the policy.
        try self.init(name, units: units, policy: #"{ "version": 1, "components": \#(components) }"#)
    }

    /// - Parameter dropIns: for heald's own unit.
    init(_ name: String, units: [Service], policy: String, dropIns: [String] = []) throws {
        self.name = name
        self.root = URL(fileURLWithPath: "/run/stage-\(name)")
        for directory in ["", "policies", "state", "run"] {
            try FileManager.default.createDirectory(
                at: self.root.appending(path: directory), withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o755])
        }
        try policy.write(
            to: self.root.appending(path: "policies/a.json"), atomically: true, encoding: .utf8)
        for service in units { try self.install(service) }
        try self.write(unit: self.heald, try self.healdUnit())
        if !dropIns.isEmpty {
            let directory = "/run/systemd/system/\(self.heald).d"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            for (number, text) in dropIns.enumerated() {
                try text.write(toFile: "\(directory)/\(number).conf", atomically: true, encoding: .utf8)
            }
        }
        try self.systemctl("daemon-reload")
        for service in units where service.isStarted { try self.systemctl("start", service.name) }
        try self.systemctl("start", self.heald)
    }

    /// What heald has logged.
    func log() throws -> String {
        try run("/usr/bin/journalctl", ["--no-pager", "--output=cat", "--unit=\(self.heald)"]).output
    }

    /// Waits, for a bounded time, until something outside is so.
    func wait(within seconds: Double = 20, for what: Comment, _ isSo: () throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if try isSo() { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("\(what) did not come within \(seconds) s\n\(try self.log())")
        throw CancellationError()
    }

    func healed(within seconds: Double = 40) async throws -> Incident {
        try #require(
            try await self.incidents(within: seconds, "the recovery") { $0.first?.state == "resolved" }.first)
    }

    deinit {
        for unit in [self.heald] + self.units { _ = try? run("/usr/bin/systemctl", ["stop", unit]) }
    }

    var heald: String { "stage-\(self.name)-heald.service" }

    func path(_ name: String) -> String { self.root.appending(path: name).path() }

    // MARK: - Units

    struct Service {
        var name: String
        var command = "exec sleep 100000"
        var settings: [String] = []
        /// Not a template, nor a standby.
        var isStarted = true
    }

    private func install(_ service: Service) throws {
        self.units.append(service.name)
        try self.write(
            unit: service.name,
            """
            [Unit]
            StartLimitIntervalSec=0
            [Service]
            ExecStartPre=/bin/sh -c 'echo start >> \(self.path(service.name + ".starts"))'
            ExecStart=/bin/sh -c '\(service.command)'
            \(service.settings.joined(separator: "\n"))
            """)
    }

    /// The unit as it is shipped, sandbox and all, with the stage's own program and directories.
    private func healdUnit() throws -> String {
        let shipped = try String(contentsOfFile: "systemd/heald.service", encoding: .utf8)
        let replaced = [
            "ExecStart=", "RestartSec=", "Group=", "StateDir", "RuntimeDir", "ConfigurationDir", "ReadOnlyPaths=",
        ]
        let kept = shipped.split(separator: "\n").filter { line in !replaced.contains { line.hasPrefix($0) } }
        let service = """
            [Service]
            ExecStart=\(Self.binaries.appending(path: "heald").path()) --policies \(self.path("policies")) \
            --state-dir \(self.path("state")) --runtime-dir \(self.path("run"))
            RestartSec=200ms
            """
        return kept.joined(separator: "\n").replacingOccurrences(of: "[Service]", with: service)
    }

    private func write(unit: String, _ text: String) throws {
        try text.write(toFile: "/run/systemd/system/\(unit)", atomically: true, encoding: .utf8)
    }

    /// How often a unit's process was begun, by whomever.
    func starts(of unit: String) -> Int {
        let text = (try? String(contentsOfFile: self.path(unit + ".starts"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").count
    }

    @discardableResult
    func systemctl(_ arguments: String...) throws -> String {
        let result = try run("/usr/bin/systemctl", arguments)
        try #require(result.status == 0, "systemctl \(arguments.joined(separator: " ")): \(result.errors)")
        return result.output
    }

    func mainPID(of unit: String) throws -> Int32 {
        let text = try self.systemctl("show", "--property=MainPID", "--value", unit)
        return try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    func isActive(_ unit: String) throws -> Bool {
        try run("/usr/bin/systemctl", ["is-active", "--quiet", unit]).status == 0
    }

    func signal(_ number: Int32, _ unit: String) throws {
        let pid = try self.mainPID(of: unit)
        try #require(pid > 1)
        try #require(kill(pid, number) == 0)
    }

    // MARK: - healctl

    func healctl(_ arguments: String...) throws -> Finished {
        try run(
            Self.binaries.appending(path: "healctl").path(), arguments,
            environment: ["HEALD_STATE_DIR": self.path("state"), "HEALD_RUNTIME_DIR": self.path("run")])
    }

    /// Newest first.
    func incidents() throws -> [Incident] {
        let result = try self.healctl("incidents", "--json")
        try #require(result.status == 0, "healctl incidents: \(result.errors)")
        return try JSONDecoder().decode([Incident].self, from: Data(result.output.utf8))
    }

    /// Waits, for a bounded time, until every component is up.
    func isUp(within seconds: Double = 15) async throws {
        struct Status: Decodable {
            struct Component: Decodable { var verdict: String }
            var components: [Component]
        }
        let clock = ContinuousClock()
        let end = clock.now + .seconds(seconds)
        var last = ""
        while clock.now < end {
            let result = try self.healctl("status", "--json")
            last = result.output + result.errors
            let status = try? JSONDecoder().decode(Status.self, from: Data(result.output.utf8))
            if let status, !status.components.isEmpty, status.components.allSatisfy({ $0.verdict == "up" }) { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("not up within \(seconds) s: \(last)")
        throw CancellationError()
    }

    /// A component as `healctl status --json` gives it.
    struct Component: Decodable {
        struct Check: Decodable {
            var name: String
            var lastAt: String?
        }
        var name: String
        var verdict: String
        var checks: [Check]
    }

    func component(_ name: String) throws -> Component? {
        struct Status: Decodable { var components: [Component] }
        let output = try self.healctl("status", "--json").output
        return (try? JSONDecoder().decode(Status.self, from: Data(output.utf8)))?.components.first { $0.name == name }
    }

    /// Waits, for a bounded time, until heald has taken in, and decided on, so many further results of a check, over so long
    /// by its own clock: what it has not done by then it does not do.
    func furtherResults(
        _ count: Int, of component: String, _ check: String, spanning span: Duration = .zero
    ) async throws {
        var seen: [WallTime] = []
        try await self.wait(for: "\(count) further results of \(component)/\(check)") {
            let last = try self.component(component)?.checks.first { $0.name == check }?.lastAt
            if let at = last.flatMap(WallTime.init(rfc3339:)), seen.last != at { seen.append(at) }
            guard let first = seen.first, let newest = seen.last else { return false }
            // The first was there already.
            return seen.count > count && newest - first >= span
        }
    }

    /// Waits, for a bounded time, until the incidents are as wanted.
    func incidents(
        within seconds: Double, _ what: Comment, _ areAsWanted: ([Incident]) throws -> Bool
    ) async throws -> [Incident] {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(seconds)
        var last: [Incident] = []
        while clock.now < end {
            last = try self.incidents()
            if try areAsWanted(last) { return last }
            try await Task.sleep(for: .milliseconds(50))
        }
        let log = try run(
            "/usr/bin/journalctl", ["--no-pager", "--output=cat", "--lines=60", "--unit=\(self.heald)"]
        ).output
        Issue.record("\(what) did not come within \(seconds) s; incidents: \(last)\n\(log)")
        throw CancellationError()
    }
}

/// As `healctl incidents --json` gives them.
struct Incident: Decodable {
    struct Action: Decodable {
        var action: String
        var result: String?
        var detail: String?
        var startedAt: String
        var finishedAt: String?
    }
    struct Cause: Decodable {
        var check: String
        var reason: String
    }
    var id: Int64
    var component: String
    var state: String
    var cause: Cause
    var failedAt: String
    var detectedAt: String
    var resolvedAt: String?
    var timeToDetectSeconds: Double?
    var timeToRecoverSeconds: Double?
    var actions: [Action]
    var drill: Int64?

    var restarts: [Action] { self.actions.filter { $0.action == "RESTART" } }
}

struct Finished {
    var status: Int32
    var output: String
    var errors: String
}

/// Runs a program to its end. Its output goes through files, so that neither side can block the other.
func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) throws -> Finished {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = ["PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"].merging(environment) { $1 }
    let directory = FileManager.default.temporaryDirectory.appending(path: "stage-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let files = ["output", "errors"].map { directory.appending(path: $0) }
    for file in files { try Data().write(to: file) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: files[0])
    process.standardError = try FileHandle(forWritingTo: files[1])
    try process.run()
    process.waitUntilExit()
    return Finished(
        status: process.terminationStatus, output: String(decoding: try Data(contentsOf: files[0]), as: UTF8.self),
        errors: String(decoding: try Data(contentsOf: files[1]), as: UTF8.self))
}
