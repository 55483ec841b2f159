import Dispatch
import RecoveryEngine
import Resilience
import ResilienceCore

/// Calls on files that a dead file system (a server that is gone, a disk that hangs) can hold for ever.
///
/// Each has its time and no more. One that does not come back cannot be stopped: it is given up and ends whenever its file
/// system answers. While so many hang that threads could run out, further ones are refused. Safe to share.
public struct FileCalls: Sendable {
    static let abandonedMax = 16

    private let timeout: Timeout<ContinuousClock>
    private let metrics: CallMetrics?

    /// - Parameter metrics: counts the calls, as `files`.
    public init(metrics: CallMetrics? = nil) throws(SettingsError) {
        // Each call brings a limit of its own.
        self.timeout = try Timeout(.seconds(5), clock: ContinuousClock(), abandonedMax: Self.abandonedMax)
        self.metrics = metrics
    }

    /// - Returns: what `body` returns, or what was in the way.
    func call<Value: Sendable>(
        on path: String, within limit: Duration, _ body: @escaping @Sendable () -> Value
    ) async -> Result<Value, FileCallFailure> {
        let began = ContinuousClock.now
        do throws(CallError) {
            let value = try await self.timeout.call("files", within: limit) { await blocking(body) }
            self.metrics?.succeeded("files", took: ContinuousClock.now - began)
            return .success(value)
        } catch {
            self.metrics?.failed("files", error, took: ContinuousClock.now - began)
            return .failure(FileCallFailure(error, path: path, limit: limit))
        }
    }
}

/// Why nothing is known of a call on files; it may still be carried out.
struct FileCallFailure: Error, Hashable, Sendable, CustomStringConvertible {
    var description: String
    var result: ActionResult

    fileprivate init(_ error: CallError, path: String, limit: Duration) {
        switch error.code {
        case .timedOut:
            self.result = .timedOut
            self.description = "the file system of \(path) did not answer within \(limit.brief)"
        case .tooManyAbandoned:
            self.result = .refused
            self.description =
                "\(FileCalls.abandonedMax) earlier calls hang in their file systems: \(path) was not touched"
        default:
            self.result = .interrupted
            self.description = "\(path) was not waited for: \(error)"
        }
    }

    var outcome: ActionOutcome { ActionOutcome(self.result, detail: self.description) }
}

/// Runs something that blocks where it holds nobody up.
func blocking<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(returning: body()) }
    }
}
