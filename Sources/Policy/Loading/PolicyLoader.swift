/// A policy that may be applied.
public struct LoadedPolicy: Hashable, Sendable {
    public var snapshot: PolicySnapshot
    /// What a person should look at.
    public var warnings: [Diagnostic]

    public init(snapshot: PolicySnapshot, warnings: [Diagnostic]) {
        self.snapshot = snapshot
        self.warnings = warnings
    }
}

/// Why a policy is not applied: all that is wrong with it, warnings too, in order.
public struct PolicyError: Error, Hashable, Sendable, CustomStringConvertible {
    public var diagnostics: [Diagnostic]

    public init(diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

    /// One diagnostic a line.
    public var description: String { self.diagnostics.map(\.description).joined(separator: "\n") }
}

/// Reads policies from files.
public enum PolicyLoader {
    /// Where policies lie unless somebody says otherwise.
    public static let defaultDirectory = "/etc/heald/policies"

    /// Reads the `*.json` files of a directory, in name order, as one policy. Hidden files and JSON schemas
    /// (`*.schema.json`) are left out. Blocks for the disk; never for longer than reading 64 MiB takes.
    ///
    /// Policies decide what root runs: the directory and the files must belong to root or the current user and must not
    /// be writable by anybody else. What is checked is the opened file, so that nothing can be swapped in between. A
    /// symbolic link is followed, and its target and the target's directory have to pass the same.
    ///
    /// In diagnostics a file is named by its name within the directory.
    ///
    /// - Parameter overrides: what takes the place of defaults.
    /// - Throws: `PolicyError` where anything keeps the policy from being applied.
    public static func load(
        directory: String = defaultDirectory, overrides: PolicyOverrides = PolicyOverrides()
    ) throws(PolicyError) -> LoadedPolicy {
        var reader = PolicyFileReader(isStrict: true)
        reader.readDirectory(directory, prefix: "")
        let (snapshot, diagnostics) = self.decode(reader, overrides)
        guard let snapshot else { throw PolicyError(diagnostics: diagnostics) }
        return LoadedPolicy(snapshot: snapshot, warnings: diagnostics)
    }

    /// Checks files and directories, all together as one policy. Whom they belong to and who may write them are warnings
    /// here: a policy may well be checked before it is installed.
    ///
    /// In diagnostics a file is named by the path given here, or by that of its directory and its name.
    ///
    /// - Returns: all diagnostics, in order. The policy is valid where none is an error.
    public static func check(paths: [String]) -> [Diagnostic] {
        var reader = PolicyFileReader(isStrict: false)
        for path in paths { reader.readFileOrDirectory(path) }
        return self.decode(reader).diagnostics
    }

    /// Reads texts that are in memory already, by the names that diagnostics shall give them, as one policy.
    ///
    /// - Throws: `PolicyError` where anything keeps the policy from being applied.
    public static func load(
        texts: [(name: String, text: String)], overrides: PolicyOverrides = PolicyOverrides()
    ) throws(PolicyError) -> LoadedPolicy {
        let (snapshot, diagnostics) = PolicyDecoder.decode(
            texts.map { ($0.name, Array($0.text.utf8)) }, overrides: overrides)
        guard let snapshot else { throw PolicyError(diagnostics: diagnostics) }
        return LoadedPolicy(snapshot: snapshot, warnings: diagnostics)
    }

    private static func decode(
        _ reader: PolicyFileReader, _ overrides: PolicyOverrides = PolicyOverrides()
    ) -> (snapshot: PolicySnapshot?, diagnostics: [Diagnostic]) {
        let (snapshot, diagnostics) = PolicyDecoder.decode(reader.files, overrides: overrides)
        let isReadable = !reader.findings.contains { $0.severity == .error }
        return (isReadable ? snapshot : nil, (reader.findings + diagnostics).sorted())
    }
}
