/// How heald ends, as sysexits.h has it, so that scripts and units can tell what to do about it.
public enum ExitStatus: Int32, Error, Hashable, Sendable {
    case success = 0
    /// Wrong flag or environment variable (`EX_USAGE`).
    case usage = 64
    /// The policy has errors (`EX_DATAERR`). Starting again does not help before it is mended.
    case badPolicy = 65
    /// The system gave no thread or descriptor, or the end took too long (`EX_SOFTWARE`).
    case failed = 70
    /// The state directory, the runtime directory or a listener is not to be had (`EX_CANTCREAT`).
    case cannotCreate = 73
    /// Another heald has the state directory, or the audit trail can be written again and is picked up by starting anew
    /// (`EX_TEMPFAIL`).
    case tryAgain = 75
    /// A newer version wrote the state directory (`EX_CONFIG`).
    case configuration = 78
}
