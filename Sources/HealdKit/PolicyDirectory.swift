import Policy
import Supervisor

/// The policy as the files of one directory.
public struct PolicyDirectory: PolicySource {
    private let path: String

    public init(_ path: String) { self.path = path }

    public func load() -> PolicyLoad {
        do {
            let loaded = try PolicyLoader.load(directory: self.path)
            return .loaded(loaded.snapshot, warnings: loaded.warnings.map(\.description))
        } catch {
            return .refused(errors: error.diagnostics.map(\.description))
        }
    }
}
