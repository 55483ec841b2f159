import Foundation
import Policy
import RecoveryEngine
import Testing

@testable import Probes

enum Plugins {
    static let directory = "/usr/lib/nagios/plugins"
    static let areHere = FileManager.default.isExecutableFile(atPath: "\(directory)/check_tcp")
}

/// The plugins as Debian ships them.
@Suite(.enabled(if: Plugins.areHere, "monitoring-plugins-basic is not installed"), .timeLimit(.minutes(1)))
struct PluginTests {
    private let prober: SystemProber
    init() throws { self.prober = try SystemProber() }

    private func plugin(_ name: String, _ arguments: String...) async -> CheckResult {
        await self.prober.result(
            of: .exec(ExecCheck(command: ["\(Plugins.directory)/\(name)"] + arguments)), timeout: .seconds(10))
    }

    @Test func `check_tcp sees a server, and that it is gone`() async {
        let server = TestServer { $0.waitForClose() }
        let well = await self.plugin("check_tcp", "-H", "127.0.0.1", "-p", "\(server.port)")
        #expect(well.verdict == .up)
        #expect(well.output?.hasPrefix("TCP OK - ") == true)
        let dead = TestServer.deadPort()
        let gone = await self.plugin("check_tcp", "-H", "127.0.0.1", "-p", "\(dead)")
        #expect(gone.verdict == .down)
        #expect(gone.message.contains("connect to address 127.0.0.1 and port \(dead): Connection refused"))
    }

    @Test func `check_disk warns and alarms by its thresholds, and its performance data is no part of the message`()
        async
    {
        let warning = await self.plugin("check_disk", "-w", "100%", "-c", "0%", "-p", "/")
        #expect(warning.verdict == .degraded)
        #expect(warning.message.contains("DISK WARNING - free space: / "))
        #expect(!warning.message.contains("|"))
        #expect(await self.plugin("check_disk", "-w", "100%", "-c", "100%", "-p", "/").verdict == .down)
        #expect(await self.plugin("check_disk", "-w", "0%", "-c", "0%", "-p", "/").verdict == .up)
    }

    @Test func `a plugin that is called wrongly says nothing of the component`() async {
        let result = await self.plugin("check_tcp")
        #expect(result.verdict == .unknown)
        #expect(result.message.contains("check_tcp: No arguments found"))
    }
}
