import Dispatch
import Policy
import RecoveryEngine
import ResilienceCore
import Testing

@testable import Actions

/// Files whose file system does not answer hold nobody up, and no more threads than there are for them.
@Suite struct FileCallsTests {
    /// What hangs until the test lets go.
    private final class DeadFileSystem: Sendable {
        private let gate = DispatchSemaphore(value: 0)
        func touch() -> Int {
            self.gate.wait()
            self.gate.signal()
            return 1
        }
        func comeBack() { self.gate.signal() }
    }

    @Test func `a call returns what it found`() async throws {
        #expect(try await FileCalls().call(on: "/srv", within: .seconds(10)) { 42 } == .success(42))
    }

    @Test func `one that does not come back is given up in its time`() async throws {
        let disk = DeadFileSystem()
        defer { disk.comeBack() }
        let began = ContinuousClock.now
        let result = try await FileCalls().call(on: "/srv/data", within: .milliseconds(50)) { disk.touch() }
        #expect(ContinuousClock.now - began < .seconds(5))
        guard case .failure(let failure) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(
            failure.outcome
                == ActionOutcome(.timedOut, detail: "the file system of /srv/data did not answer within 50 ms"))
    }

    @Test func `while many hang nothing more is touched, and afterwards it is`() async throws {
        let disk = DeadFileSystem()
        let files = try FileCalls()
        for _ in 0..<FileCalls.abandonedMax {
            let result = await files.call(on: "/srv/data", within: .milliseconds(1)) { disk.touch() }
            guard case .failure(let failure) = result, failure.result == .timedOut else {
                Issue.record("\(result)")
                return disk.comeBack()
            }
        }
        let refused = await files.call(on: "/srv/more", within: .seconds(10)) { 1 }
        disk.comeBack()
        guard case .failure(let failure) = refused else {
            Issue.record("\(refused)")
            return
        }
        #expect(failure.result == .refused)
        #expect(failure.description == "16 earlier calls hang in their file systems: /srv/more was not touched")
        // Those that hung end one after the other; it is asked until the first has.
        for _ in 0..<10_000 {
            if await files.call(on: "/srv/more", within: .seconds(10), { 1 }) == .success(1) { return }
            await Task.yield()
        }
        Issue.record("nothing was touched any more")
    }

    @Test func `a release directory that does not answer is a problem, and no release`() async throws {
        let policy = ReleasePolicy(current: "/nonexistent/current", releases: "/nonexistent/releases")
        let seen = try await FileCalls().look(at: policy, within: .seconds(10))
        #expect(seen.problem?.contains("/nonexistent") == true)
    }
}
