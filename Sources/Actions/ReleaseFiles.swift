import Policy
import RecoveryEngine
import Supervisor

/// Releases on the disk, looked at without holding anybody up.
public struct ReleaseFiles: ReleaseSource {
    private static let limit = Duration.seconds(5)

    private let files: FileCalls

    public init(_ files: FileCalls) { self.files = files }

    public func look(at policy: ReleasePolicy) async -> ReleaseObservation {
        await self.files.look(at: policy, within: Self.limit)
    }
}

extension FileCalls {
    /// Which releases there are, and which one is current; a file system that does not answer is a problem like others.
    func look(at policy: ReleasePolicy, within limit: Duration) async -> ReleaseObservation {
        let seen = await self.call(on: policy.releases, within: limit) { ReleaseDirectory(policy: policy).look() }
        switch seen {
        case .success(let seen): return seen
        case .failure(let failure): return ReleaseObservation(problem: failure.description)
        }
    }
}
