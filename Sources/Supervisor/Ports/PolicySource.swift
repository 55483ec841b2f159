import Policy

/// Where the policy is read from, again at each reload.
public protocol PolicySource: Sendable {
    /// Reads, checks and merges everything. Blocks for the files.
    func load() -> PolicyLoad
}

/// What reading the policy came to.
public enum PolicyLoad: Hashable, Sendable {
    /// Without errors. Warnings are located diagnostics, one per element.
    case loaded(PolicySnapshot, warnings: [String])
    /// Not to be applied. Located diagnostics, one per element; never empty.
    case refused(errors: [String])
}
