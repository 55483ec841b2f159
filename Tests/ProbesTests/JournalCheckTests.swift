import Foundation
import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Probes

/// A real unit of a real systemd that says what it is told to, in the real journal.
private final class Talker {
    let unit: String
    private let pipe: String

    init(_ name: String) throws {
        self.unit = "talker-\(name).service"
        self.pipe = "/run/talker-\(name)"
        try #require(mkfifo(self.pipe, 0o600) == 0)
        try """
        [Service]
        ExecStart=/bin/sh -c 'exec cat <> \(self.pipe)'
        LogRateLimitIntervalSec=0
        """.write(toFile: "/run/systemd/system/\(self.unit)", atomically: true, encoding: .utf8)
        try self.systemctl("daemon-reload")
        try self.systemctl("start", self.unit)
    }

    deinit {
        try? self.systemctl("stop", self.unit)
        unlink(self.pipe)
    }

    func systemctl(_ arguments: String...) throws {
        try BoundedProcess(program: "/usr/bin/systemctl").run(arguments)
    }

    func says(_ lines: String...) throws {
        let file = try FileHandle(forWritingTo: URL(filePath: self.pipe))
        try file.write(contentsOf: Data(lines.map { $0 + "\n" }.joined().utf8))
        try file.close()
    }
}

enum Testbed {
    static let isHere = access("/run/systemd/system", F_OK) == 0 && access("/testbed/command", F_OK) == 0
    static let reason: Comment = "SKIPPED: PID 1 is not systemd in a testbed"
}

@Suite(.serialized, .enabled(if: Testbed.isHere, Testbed.reason), .timeLimit(.minutes(3)))
struct JournalCheckTests {
    private let prober: SystemProber
    init() throws { self.prober = try SystemProber() }

    private func look(
        _ talker: Talker, _ pattern: String, count: Int = 1, within: Duration = .seconds(60),
        timeout: Duration = .seconds(3), by prober: SystemProber? = nil
    ) async throws -> CheckResult {
        let check = JournalCheck(unit: talker.unit, pattern: try Pattern(pattern), count: count, within: within)
        return await (prober ?? self.prober).result(of: .journal(check), timeout: timeout, name: "\(pattern) \(count)")
    }

    /// journald takes a line a moment after it was said.
    private func until(
        _ verdict: Verdict, _ look: () async throws -> CheckResult
    ) async throws -> CheckResult {
        let end = ContinuousClock.now + .seconds(20)
        var result = try await look()
        while result.verdict != verdict, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(10))
            result = try await look()
        }
        #expect(result.verdict == verdict)
        return result
    }

    @Test func `lines that match are counted, and no others`() async throws {
        let talker = try Talker("counts")
        #expect(try await self.look(talker, "panic", count: 2).verdict == .up)
        try talker.says("a panic: one", "all is fine", "end")
        _ = try await self.until(.down) { try await self.look(talker, "^end$") }
        // Asked again, a line is not counted again.
        for _ in 0..<3 { #expect(try await self.look(talker, "panic", count: 2).verdict == .up) }
        try talker.says("a panic: two")
        let result = try await self.until(.down) { try await self.look(talker, "panic", count: 2) }
        #expect(
            result.failure
                == Failure(
                    reason: .logPattern,
                    message: "\(talker.unit) has logged at least 2 lines that match \"panic\" within 1m"))
        #expect(result.output == "a panic: two")
        #expect(result.failure?.category == .dataValidation)
        // Whoever looks for the first time finds the same.
        let other = try SystemProber()
        #expect(try await self.look(talker, "panic", count: 2, by: other).verdict == .down)
        #expect(try await self.look(talker, "panic", count: 3, by: other).verdict == .up)
    }

    @Test func `lines leave the window`() async throws {
        let talker = try Talker("forgets")
        try talker.says("panic")
        _ = try await self.until(.down) { try await self.look(talker, "panic", within: .seconds(2)) }
        _ = try await self.until(.up) { try await self.look(talker, "panic", within: .seconds(2)) }
        #expect(try await self.look(talker, "panic", by: SystemProber()).verdict == .down)
    }

    @Test func `a start begins anew`() async throws {
        let talker = try Talker("restarts")
        try talker.says("panic")
        _ = try await self.until(.down) { try await self.look(talker, "panic") }
        try talker.systemctl("restart", talker.unit)
        #expect(try await self.look(talker, "panic").verdict == .up)
        try talker.says("panic")
        _ = try await self.until(.down) { try await self.look(talker, "panic") }
    }

    @Test func `what systemd says about the run counts`() async throws {
        let talker = try Talker("started")
        let result = try await self.until(.down) { try await self.look(talker, "^Started talker-started[.]service") }
        #expect(result.message.hasPrefix("\(talker.unit) has logged a line that matches "))
    }

    @Test func `a unit that does not run is unknown`() async throws {
        let talker = try Talker("stops")
        try talker.says("panic")
        _ = try await self.until(.down) { try await self.look(talker, "panic") }
        try talker.systemctl("stop", talker.unit)
        let result = try await self.look(talker, "panic")
        #expect(result.verdict == .unknown)
        #expect(result.message == "\(talker.unit) does not run, so that no lines count")
    }

    @Test func `nobody can put a line into another unit's journal`() async throws {
        let talker = try Talker("victim")
        let forger = try Talker("forger")
        let link = try FileManager.default.destinationOfSymbolicLink(
            atPath: "/run/systemd/units/invocation:\(talker.unit)")
        let directory = try TestDirectory()
        let entry = try directory.file(
            "entry",
            "MESSAGE=panic\nUNIT=\(talker.unit)\nINVOCATION_ID=\(link)\n_PID=1\n_SYSTEMD_INVOCATION_ID=\(link)\n")
        try BoundedProcess(program: "/usr/bin/logger").run(["--journald=\(entry)"])
        try forger.says("panic")
        _ = try await self.until(.down) { try await self.look(forger, "panic") }
        #expect(try await self.look(talker, "panic").verdict == .up)
    }

    @Test func `a flood is searched in pieces, each in time`() async throws {
        let talker = try Talker("floods")
        let line = String(repeating: "a", count: 2_000)
        for _ in 0..<4 { try talker.says(line, line, line, line, line, line, line, line, line, line) }
        try talker.says("end")
        _ = try await self.until(.down) { try await self.look(talker, "^end$") }
        // As much work as a pattern can make.
        let pattern = "(a{0,60}){0,2}b"
        let first = try await self.look(talker, pattern, timeout: .seconds(1))
        #expect(first.verdict == .unknown)
        #expect(first.reason == .resource)
        #expect(first.seconds < 1.2)
        _ = try await self.until(.up) { try await self.look(talker, pattern, timeout: .seconds(1)) }
    }
}

@Suite struct JournalAbsenceTests {
    @Test(.enabled(if: !Testbed.isHere)) func `a journal that is not there says nothing of the component`()
        async throws
    {
        let directory = try TestDirectory()
        try FileManager.default.createSymbolicLink(
            atPath: "\(directory.path)/invocation:a.service",
            withDestinationPath: String(repeating: "0a", count: 16))
        let prober = try SystemProber(journal: JournalProbe(runs: directory.path))
        let result = await prober.result(of: .journal(JournalCheck(unit: "a.service", pattern: try Pattern("x"))))
        #expect(result.verdict == .unknown)
        #expect(result.message == "there is no journal of this machine that heald may read")
        let other = await prober.result(of: .journal(JournalCheck(unit: "b.service", pattern: try Pattern("x"))))
        #expect(other.message == "b.service does not run, so that no lines count")
    }
}
