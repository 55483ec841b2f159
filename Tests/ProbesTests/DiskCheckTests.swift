import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Probes

@Suite(.timeLimit(.minutes(1))) struct DiskCheckTests {
    let prober: SystemProber
    init() throws { self.prober = try SystemProber() }

    private func disk(_ free: SizeOrShare?, inodes: Double? = nil, path: String = "/tmp") async -> CheckResult {
        await self.prober.result(of: .disk(DiskCheck(path: path, free: free, freeInodes: inodes)))
    }

    @Test func `a file system with room is up`() async {
        #expect(await self.disk(.bytes(1)).verdict == .up)
        #expect(await self.disk(.share(0.0001), inodes: 0.0001).verdict == .up)
    }

    @Test func `one with less than is asked for is down`() async {
        let bytes = await self.disk(.bytes(1 << 60))
        #expect(bytes.verdict == .down)
        #expect(bytes.reason == .resource)
        #expect(bytes.message.hasSuffix("free; at least 1048576 TiB are expected"))
        let share = await self.disk(.share(1))
        #expect(share.reason == .resource)
        #expect(share.message.contains("% free ("))
        let inodes = await self.disk(nil, inodes: 1)
        #expect(inodes.reason == .resource)
        #expect(inodes.message.contains("of its inodes free; at least 100% are expected"))
    }

    @Test func `what cannot tell is unknown, what is not there is down`() async {
        #expect(await self.disk(.share(0.1), path: "/proc").verdict == .unknown)
        #expect(await self.disk(nil, inodes: 0.1, path: "/proc").verdict == .unknown)
        #expect(await self.disk(.bytes(1), path: "/does/not/exist").reason == .notFound)
    }
}
