import Dispatch
import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Probes

/// Work that hangs, as on a dead file system.
@Suite(.timeLimit(.minutes(1))) struct BlockingChecksTests {
    private let reactor: Reactor
    init() throws { self.reactor = try Reactor(name: "test") }

    private func run(
        _ checks: BlockingChecks, key: String, timeout: Duration = .milliseconds(150), silence: Verdict = .down,
        work: @escaping BlockingChecks.Work
    ) async -> CheckResult {
        await withCheckedContinuation { continuation in
            self.reactor.submit { reactor in
                checks.start(
                    key: key, subject: "/mnt", timeout: timeout, silence: silence, on: reactor,
                    report: { continuation.resume(returning: $0) }, work: work)
            }
        }
    }

    @Test func `a hung file system is down, takes one thread a check, and delays no other check`() async {
        let checks = BlockingChecks(threadsMax: 3)
        let release = DispatchSemaphore(value: 0)
        let first = await self.run(checks, key: "a") { _ in
            release.wait()
            return .up
        }
        #expect(first.verdict == .down)
        #expect(first.reason == .timeout)
        #expect(first.seconds < 1)
        for _ in 0..<5 {
            let again = await self.run(checks, key: "a") { _ in .up }
            #expect(again.reason == .timeout)
            #expect(again.message.hasPrefix("/mnt has not answered for"))
        }
        #expect(await self.run(checks, key: "b") { _ in .up }.verdict == .up)
        release.signal()
        // It answers again once the thread is back; bounded by the suite's time.
        while await self.run(checks, key: "a", work: { _ in .up }).verdict != .up { await Task.yield() }
        checks.stop()
        self.reactor.stop()
    }

    @Test func `a hung file system that is not the component's own is unknown`() async {
        let checks = BlockingChecks()
        let release = DispatchSemaphore(value: 0)
        for message in ["did not answer within 150 ms", "has not answered for"] {
            let result = await self.run(checks, key: "a", silence: .unknown) { _ in
                release.wait()
                return .up
            }
            #expect(result.verdict == .unknown)
            #expect(result.reason == .timeout)
            #expect(result.message.contains(message))
        }
        release.signal()
        checks.stop()
        self.reactor.stop()
    }

    @Test func `where every thread hangs, others are unknown and do not pile up`() async {
        let checks = BlockingChecks(threadsMax: 1)
        let release = DispatchSemaphore(value: 0)
        _ = await self.run(checks, key: "a") { _ in
            release.wait()
            return .up
        }
        for _ in 0..<3 {
            let other = await self.run(checks, key: "b") { _ in .up }
            #expect(other.verdict == .unknown)
            #expect(other.reason == .resource)
        }
        release.signal()
        while await self.run(checks, key: "b", work: { _ in .up }).verdict != .up { await Task.yield() }
        checks.stop()
        self.reactor.stop()
    }
}
