import ResilienceCore

/// A point in one of the files.
struct Place: Hashable, Sendable {
    var file: Int
    var offset: Int
}

/// What decoding knows besides the value in front of it, and where it puts what it finds wrong.
struct DecodingContext: Sendable {
    struct Problem: Hashable, Sendable {
        var place: Place
        var kind: Diagnostic.Kind
        var severity: Diagnostic.Severity
        var message: String
    }

    var problems: [Problem] = []
    /// The file that is being decoded.
    var file = 0
    /// Names that the files declare, each with its first place.
    var components: [String: Place] = [:]
    var channels: [String: Place] = [:]
    var strategies: [String: Place] = [:]
    /// The decoded strategies; one that is declared and absent here had errors of its own.
    var decodedStrategies: [String: Step] = [:]
    /// The levels of degradation that can be entered, as the files declare them.
    var degradationLevels: Set<DegradationLevel> = []
    /// The checks of the component that is being decoded; `nil` outside of components.
    var currentChecks: Set<String>?
    var defaults = Defaults()

    mutating func report(
        at offset: Int, _ kind: Diagnostic.Kind, _ message: String, severity: Diagnostic.Severity = .error
    ) {
        self.problems.append(
            Problem(place: Place(file: self.file, offset: offset), kind: kind, severity: severity, message: message))
    }

    /// Reports a value that is not what its key takes, in the form that all such diagnostics have.
    mutating func report(_ node: JSONNode, expected: String, kind: Diagnostic.Kind = .schema) {
        self.report(at: node.offset, kind, "got \(node.shown); expected \(expected)")
    }
}

/// What `defaults` sets for everything that does not say otherwise.
struct Defaults: Sendable {
    var check = CheckDraft()
    var component = ComponentDraft()
    var step = StepDraft()
    /// How often a RESTART is tried that does not say it itself; `nil`: once, and three times in the built-in ladder.
    var restartAttempts: Attempts?
}
