import Foundation
import RecoveryEngine
import ResilienceCore
import Supervisor
import Testing

@testable import ControlAPI

/// healctl and the API, each in a process of its own.
@Suite struct HealctlProcessTests {
    private static func healctl(user: UInt32?, _ arguments: [String], in server: TestServer) async throws -> (
        Int32, String
    ) {
        // It is built beside the tests. Other users may not enter that directory, so they get a copy, made by a process of
        // its own: one that is open for writing here could not be run while another test starts a process.
        let built = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("healctl").path
        let copy = server.directory + "-healctl"
        let arguments = arguments + ["--runtime-dir", server.directory]
        return try await onThread {
            let process = Process()
            if let user {
                let script = """
                    cp "$0" "$1" && copy=$1 && user=$2 && shift 2 &&
                    setpriv --reuid=$user --regid=$user --clear-groups "$copy" "$@"; status=$?; rm -f "$copy"; exit $status
                    """
                process.executableURL = URL(fileURLWithPath: "/bin/sh")
                process.arguments = ["-c", script, built, copy, String(user)] + arguments
            } else {
                process.executableURL = URL(fileURLWithPath: built)
                process.arguments = arguments
            }
            let output = Pipe()
            (process.standardOutput, process.standardError) = (output, output)
            process.standardInput = FileHandle.nullDevice
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return (process.terminationStatus, text)
        }
    }

    @Test func `what an operator asks for is done`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            let status = try await Self.healctl(user: nil, ["status"], in: server)
            #expect(status.0 == 0)
            #expect(status.1.contains("\n2 components: 2 healthy\n"), "\(status.1)")
            let pause = try await Self.healctl(
                user: nil, ["pause", "api", "--for", "2h", "--reason", "new disks"], in: server)
            #expect(pause.0 == 0)
            #expect(pause.1.hasPrefix("Repairs of api are held back until "), "\(pause.1)")
            let resume = try await Self.healctl(user: nil, ["resume"], in: server)
            #expect(resume == (0, "Repairs of all components go on.\n"))
            let approve = try await Self.healctl(user: nil, ["approve", "17"], in: server)
            #expect(approve == (0, "RESTART of api, attempt 2, is approved.\n"))
            let deny = try await Self.healctl(user: nil, ["deny", "api", "--reason", "later"], in: server)
            #expect(deny == (0, "RESTART of api, attempt 2, is denied.\n"))
            let late = try await Self.healctl(user: nil, ["approve", "db"], in: server)
            #expect(late.0 == 66 && late.1.contains("What waits is 17 (RESTART of api)."))
            let ack = try await Self.healctl(user: nil, ["ack", "api"], in: server)
            #expect(ack == (0, "What api did until now counts no more.\n"))
            let failback = try await Self.healctl(user: nil, ["failback", "api"], in: server)
            #expect(failback == (0, "api goes back to its own unit. To see how it does: healctl status\n"))
            let refused = try await Self.healctl(user: nil, ["failback", "db"], in: server)
            #expect(refused.0 == 75 && refused.1.contains("why: it is the active one."), "\(refused.1)")
            let check = try await Self.healctl(user: nil, ["check", "db"], in: server)
            #expect(check.0 == 0 && check.1.contains("port   tcp   down     250 ms  refused\n"), "\(check.1)")
            let unknown = try await Self.healctl(user: nil, ["check", "dbb"], in: server)
            #expect(unknown.0 == 66 && unknown.1.contains("Did you mean \"db\"?"))
            #expect(try await Self.healctl(user: nil, ["beat", "db"], in: server) == (0, ""))
            let beat = try await Self.healctl(user: nil, ["beat", "db", "port", "--json"], in: server)
            #expect(beat.0 == 0 && beat.1.contains(#""check": "port""#), "\(beat.1)")
            var batch = AuditBatch()
            batch.records = [
                AuditRecord(
                    at: WallTime(microseconds: 0), component: "api", .breakerChanged(from: "a", to: "b", why: "c"))
            ]
            control.events.publish(batch, last: 12)
            let events = try await Self.healctl(user: nil, ["events", "--utc"], in: server)
            #expect(events == (0, "1970-01-01 00:00 api breaker: a → b: c\n"))
            let none = try await Self.healctl(user: nil, ["events", "--json", "--kind", "policy"], in: server)
            #expect(none == (0, ""))
            let mistyped = try await Self.healctl(user: nil, ["events", "--kind", "polcy"], in: server)
            #expect(mistyped.0 == 64 && mistyped.1.contains("Did you mean \"policy\"?"), "\(mistyped.1)")
            let version = try await Self.healctl(user: nil, ["version"], in: server)
            #expect(version.1.hasSuffix("heald   1.2.3\n"))
        }
        let me = Accounts().userName(of: geteuid())
        #expect(
            await control.calls == [
                .pause(component: "api", duration: .seconds(7_200), by: me, reason: "new disks"),
                .resume(component: nil, by: me), .answer("17", approves: true, by: me, reason: nil),
                .answer("api", approves: false, by: me, reason: "later"), .acknowledge("api", by: me),
                .failBack("api", by: me), .check("db"),
                .beat(component: "db", check: nil), .beat(component: "db", check: "port"),
            ])
    }

    @Test func `a drill is refused with its reasons, needs a yes, and is followed to its end`() async throws {
        let control = RecordingControl(drillEnds: .healed)
        try await TestServer.with(control) { server in
            let unsure = try await Self.healctl(user: nil, ["drill", "api"], in: server)
            #expect(unsure.0 == 64 && unsure.1.contains("give --yes"), "\(unsure.1)")
            let refused = try await Self.healctl(user: nil, ["drill", "db", "--yes"], in: server)
            #expect(refused.0 == 75 && refused.1.contains("  - it is latched\n  - it is paused\n"), "\(refused.1)")
            let asked = try await Self.healctl(user: nil, ["drill", "api", "--fault", "hang", "--dry-run"], in: server)
            #expect(asked.0 == 0 && asked.1.contains("SIGSTOP to process 42"), "\(asked.1)")
            let healed = try await Self.healctl(
                user: nil, ["drill", "api", "--yes", "--reason", "why not"], in: server)
            #expect(healed.0 == 0 && healed.1.contains("Drill 7 of api: healed after 40 ms\n"), "\(healed.1)")
            let unknown = try await Self.healctl(user: nil, ["drill", "ap", "--yes"], in: server)
            #expect(unknown.0 == 66)
        }
        let begun = await control.calls.filter { if case .drill(_, _, _, _, false) = $0 { true } else { false } }
        let me = Accounts().userName(of: geteuid())
        #expect(begun == [.drill("api", .kill, by: me, reason: "why not", isDryRun: false)])
    }

    @Test(arguments: [(DrillOutcome.notHealed, Int32(71)), (.notNoticed, 78), (.notInjected, 75), (.interrupted, 75)])
    func `a drill that does not end well has a status of its own`(outcome: DrillOutcome, status: Int32) async throws {
        try await TestServer.with(RecordingControl(drillEnds: outcome)) { server in
            let ended = try await Self.healctl(user: nil, ["drill", "api", "--yes", "--json"], in: server)
            #expect(ended.0 == status && ended.1.contains(#""state": "\#(outcome.rawValue)""#), "\(ended.1)")
        }
    }

    @Test func `Ctrl-C leaves a drill to heald and says so`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            let built = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
                .appendingPathComponent("healctl")
            let process = Process()
            process.executableURL = built
            process.arguments = ["drill", "api", "--yes", "--runtime-dir", server.directory]
            let output = Pipe()
            (process.standardOutput, process.standardError) = (output, output)
            process.standardInput = FileHandle.nullDevice
            try process.run()
            // It follows once it asks for the status.
            for _ in 0..<600 {
                if await control.statusQuestions > 0 { break }
                try await Task.sleep(for: .milliseconds(10))
            }
            process.interrupt()
            let text = try await onThread {
                String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            }
            process.waitUntilExit()
            #expect(process.terminationStatus == 130 && text.contains("left to heald"), "\(text)")
        }
    }

    @Test func `a reload of bad policies is 65 and shows what is wrong`() async throws {
        let control = RecordingControl(
            reloadReport: .init(applied: false, generation: 7, errors: ["a.json:1:2: $.x: no"]))
        try await TestServer.with(control) { server in
            let reload = try await Self.healctl(user: nil, ["reload"], in: server)
            #expect(reload.0 == 65)
            #expect(reload.1 == "a.json:1:2: $.x: no\nThe policies are refused (1 error); generation 7 goes on.\n")
        }
    }

    @Test(.enabled(if: isRoot, "needs root, to ask as another user"))
    func `who is no operator gets 77, and may read`() async throws {
        let control = RecordingControl()
        try await TestServer.with(control) { server in
            let status = try await Self.healctl(user: 65_534, ["status"], in: server)
            #expect(status.0 == 0, "\(status.1)")
            let reload = try await Self.healctl(user: 65_534, ["reload"], in: server)
            #expect(reload.0 == 77)
            #expect(reload.1.hasPrefix("healctl: This is for operators.\n"), "\(reload.1)")
        }
        try await TestServer.with(control, { $0.socketAccess = .operatorsOnly }) { server in
            let status = try await Self.healctl(user: 65_534, ["status"], in: server)
            #expect(status.0 == 77)
            #expect(status.1.hasPrefix("healctl: You may not talk to heald.\n"), "\(status.1)")
        }
        #expect(await control.calls.isEmpty)
    }

    @Test func `a supervisor that does not answer is 69`() async throws {
        try await TestServer.with(RecordingControl(isHung: true), { $0.limits.status = .milliseconds(200) }) { server in
            let status = try await Self.healctl(user: nil, ["status"], in: server)
            #expect(status.0 == 69)
            #expect(status.1.hasPrefix("healctl: The supervisor did not answer.\n"), "\(status.1)")
        }
    }
}
