import Policy

/// `healctl policy check`.
public struct PolicyCheckPage: Sendable {
    public var diagnostics: [Diagnostic]
    public var isValid: Bool { !self.diagnostics.contains { $0.severity == .error } }

    public init(diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

    public func text(on terminal: Terminal) -> String {
        let lines = self.diagnostics.map { diagnostic in
            terminal.styled(printable(diagnostic.description), diagnostic.severity == .error ? .bad : .doubtful)
        }
        return (lines + [self.summary]).joined(separator: "\n") + "\n"
    }

    private var summary: String {
        let errors = self.diagnostics.count { $0.severity == .error }
        let warnings = self.diagnostics.count - errors
        func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
        if errors > 0 { return "not valid: \(counted(errors, "error")), \(counted(warnings, "warning"))" }
        return warnings > 0 ? "valid, with \(counted(warnings, "warning"))" : "valid"
    }

    /// `healctl policy check --json`: stable.
    public var json: JSONValue {
        .object([
            ("valid", .bool(self.isValid)),
            (
                "diagnostics",
                .array(
                    self.diagnostics.map {
                        .object([
                            ("file", .string($0.file)), ("line", .integer(Int64($0.line))),
                            ("column", .integer(Int64($0.column))), ("path", .string($0.path)),
                            ("kind", .string($0.kind.rawValue)), ("severity", .string($0.severity.rawValue)),
                            ("message", .string($0.message)),
                        ])
                    })
            ),
        ])
    }
}
