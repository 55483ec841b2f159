import Dispatch
import Policy
import RecoveryEngine
import Supervisor
import Synchronization

/// Releases on the disk, looked at without holding anybody up.
public struct ReleaseFiles: ReleaseSource {
    private static let timeout = DispatchTimeInterval.seconds(5)

    public init() {}

    public func look(at policy: ReleasePolicy) async -> ReleaseObservation {
        await withCheckedContinuation { continuation in
            let first = FirstAnswer(continuation)
            DispatchQueue.global().async { first.give(ReleaseDirectory(policy: policy).look()) }
            DispatchQueue.global().asyncAfter(deadline: .now() + Self.timeout) {
                first.give(ReleaseObservation(problem: "the file system of \(policy.releases) does not answer"))
            }
        }
    }

    /// Of two answers the first counts.
    private final class FirstAnswer: Sendable {
        private let waiting: Mutex<CheckedContinuation<ReleaseObservation, Never>?>

        init(_ waiting: CheckedContinuation<ReleaseObservation, Never>) { self.waiting = Mutex(waiting) }

        func give(_ answer: ReleaseObservation) {
            let continuation = self.waiting.withLock { waiting in
                defer { waiting = nil }
                return waiting
            }
            continuation?.resume(returning: answer)
        }
    }
}
