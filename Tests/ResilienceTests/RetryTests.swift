import Resilience
import ResilienceCore
import Testing

private struct Failed: Error { var reason: FailureReason }

@Suite struct RetryTests {
    private let clock = TestClock()

    private func failures(
        _ settings: RetrySettings, _ reason: FailureReason = .timeout, asked: Duration = .zero
    ) async -> RetryError<Failed>? {
        let retry = Retry(settings, clock: self.clock, seed: 1) { error in
            (error as? Failed)?.reason.isWorthRetrying == true ? .again(after: asked) : .stop
        }
        do throws(RetryError<Failed>) {
            try await retry.call("read") { _ throws(Failed) in throw Failed(reason: reason) }
            return nil
        } catch { return error }
    }

    @Test(arguments: [FailureReason.authError, .invalidRequest, .notFound])
    func `S2: what asks for a person or another request fails at once`(reason: FailureReason) async {
        let error = await self.failures(.remoteAPI, reason)
        #expect(error?.reason == .notWorthRetrying)
        #expect(error?.attempts == 1)
    }

    @Test(arguments: [FailureReason.timeout, .rateLimit, .connection, .serverError])
    func `S2: three retries from 100 ms doubled`(reason: FailureReason) async throws {
        let error = try #require(await self.failures(.remoteAPI, reason))
        #expect(error.reason == .attemptsSpent)
        #expect(error.attempts == 4)
        #expect(error.operation == "read")
        #expect(error.elapsed >= .milliseconds(525) && error.elapsed <= .milliseconds(875))
    }

    @Test func `S5: three attempts from 1 s doubled with a jitter of 25 percent`() async throws {
        let error = try #require(await self.failures(.database))
        #expect(error.attempts == 3)
        #expect(error.elapsed >= .milliseconds(2_250) && error.elapsed <= .milliseconds(3_750))
    }

    @Test func `Retry-After is kept to`() async throws {
        let error = try #require(await self.failures(.database, .rateLimit, asked: .seconds(40)))
        #expect(error.elapsed == .seconds(80))
    }

    @Test func `no wait begins that would pass the deadline`() async throws {
        let settings = try RetrySettings(
            attempts: 10, backoff: Backoff(initial: .seconds(1), jitter: 0), deadline: .seconds(4))
        let error = try #require(await self.failures(settings))
        #expect(error.reason == .deadline)
        #expect(error.elapsed == .seconds(3))
    }

    @Test func `a cancelled caller is not tried again`() async {
        let retry = Retry(.database, clock: self.clock)
        let task = Task {
            var calls = 0
            _ = try? await retry.call("read") { _ in
                calls += 1
                withUnsafeCurrentTask { $0?.cancel() }
                throw Failed(reason: .timeout)
            }
            return calls
        }
        #expect(await task.value == 1)
    }

    @Test func `a factor that is no number is refused`() {
        #expect(throws: SettingsError.self) { try RetrySettings(attempts: 3, backoff: Backoff(factor: .nan)) }
    }
}
