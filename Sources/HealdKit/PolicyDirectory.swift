import Policy
import Supervisor

/// The policy as the files of one directory.
public struct PolicyDirectory: PolicySource {
    private let path: String

    private let overrides: PolicyOverrides

    public init(_ path: String, overrides: PolicyOverrides = PolicyOverrides()) {
        self.path = path
        self.overrides = overrides
    }

    public func load() -> PolicyLoad {
        do {
            let loaded = try PolicyLoader.load(directory: self.path, overrides: self.overrides)
            return .loaded(loaded.snapshot, warnings: loaded.warnings.map(\.description))
        } catch {
            return .refused(errors: error.diagnostics.map(\.description))
        }
    }
}
