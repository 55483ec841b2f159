/// How a command ends, in the numbers of sysexits(3).
public enum ExitStatus: Int32, Hashable, Sendable {
    case success = 0
    /// The command line is wrong, or the supervisor does not accept what it says.
    case usage = 64
    /// The data is bad: a policy with errors, an audit trail that does not verify.
    case badData = 65
    /// What was named does not exist: a database, an incident, a component.
    case notFound = 66
    /// The supervisor does not run, does not answer, or is too busy.
    case unavailable = 69
    /// A defect of ours, or an answer that is not understood.
    case internalError = 70
    /// A drill's fault was noticed, and not healed in time.
    case notHealed = 71
    /// Reading or writing failed.
    case inputOutput = 74
    /// Understood, and not done as things stand; later it may be.
    case refused = 75
    case notPermitted = 77
    /// No check noticed a drill's fault in time: the policy has to be told of one that does.
    case notNoticed = 78
}

/// Why a command did not do what it should, and what to do about it.
public struct CommandFailure: Error, Hashable, Sendable {
    public var status: ExitStatus
    public var what: String
    public var why: String
    public var fix: String

    public init(_ status: ExitStatus, what: String, why: String, fix: String) {
        self.status = status
        self.what = what
        self.why = why
        self.fix = fix
    }

    /// Three lines for a person.
    public var text: String {
        let lines = [
            "healctl: \(printable(self.what))", "  why: \(printable(self.why))", "  fix: \(printable(self.fix))",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    /// The same for a program, in the shape of the control API's errors.
    public var json: JSONValue {
        .object([("error", .string(self.what)), ("why", .string(self.why)), ("fix", .string(self.fix))])
    }
}
