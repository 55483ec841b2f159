/// One thing that is wrong with a policy, and where.
///
/// The names of the properties and the raw values are those of `healctl policy check --json`, which is stable.
public struct Diagnostic: Hashable, Sendable, Codable {
    public enum Kind: String, CaseIterable, Hashable, Sendable, Codable {
        /// The text is not RFC 8259.
        case json
        /// A key, type, form or range that the language does not have.
        case schema
        /// A name that nothing declares.
        case reference
        /// Well formed, and yet it cannot work.
        case semantic
    }

    public enum Severity: String, CaseIterable, Hashable, Sendable, Codable {
        /// The policy is not applied.
        case error
        /// It is applied; a person should look at it.
        case warning
    }

    public var file: String
    /// From 1.
    public var line: Int
    /// From 1, in characters (Unicode scalars).
    public var column: Int
    /// JSON path: `$.components.api.unit`. Empty where the file or directory as such is meant.
    public var path: String
    public var kind: Kind
    public var severity: Severity
    /// What was found, why it is wrong and what to write instead. One line.
    public var message: String

    public init(
        file: String, line: Int = 1, column: Int = 1, path: String = "", kind: Kind, severity: Severity = .error,
        message: String
    ) {
        self.file = file
        self.line = line
        self.column = column
        self.path = path
        self.kind = kind
        self.severity = severity
        self.message = message
    }
}

extension Diagnostic: CustomStringConvertible {
    /// `web.json:12:18: $.components.api.checks.http.interval: got "2x"; expected …`; a warning says so.
    public var description: String {
        let place = self.path.isEmpty ? self.file : "\(self.file):\(self.line):\(self.column): \(self.path)"
        return "\(place): \(self.severity == .warning ? "warning: " : "")\(self.message)"
    }
}

extension Diagnostic: Comparable {
    /// By file, line and column, then by what is said.
    public static func < (left: Self, right: Self) -> Bool {
        (left.file, left.line, left.column, left.message, left.path)
            < (right.file, right.line, right.column, right.message, right.path)
    }
}
