/// Why the control API cannot be served, and what to do about it.
public struct ControlServerError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable { case badListener, unsafeDirectory, notASocket, pathTooLong, system }
    public var code: Code
    public var what: String
    public var why: String
    public var howToFix: String

    public var description: String { "\(self.what) Why: \(self.why) Fix: \(self.howToFix)" }

    static func badListener(_ text: String, why: String) -> Self {
        Self(
            code: .badListener, what: "Cannot serve HTTP on \"\(text)\".", why: why,
            howToFix: "Give a loopback address, such as 127.0.0.1:9140; let a proxy with a login serve others.")
    }

    static func unsafeDirectory(_ path: String, why: String) -> Self {
        Self(
            code: .unsafeDirectory, what: "Cannot use the runtime directory \(path).", why: why,
            howToFix: "Make it a directory that only the user of heald can write to: chmod 0755 \(path).")
    }

    static func notASocket(_ path: String) -> Self {
        Self(
            code: .notASocket, what: "Cannot put the control socket at \(path).",
            why: "Something else is there that is not a socket.", howToFix: "Look at it, and move it away.")
    }

    static func pathTooLong(_ path: String, limit: Int) -> Self {
        Self(
            code: .pathTooLong, what: "Cannot put the control socket at \(path).",
            why: "The path has more than \(limit) bytes, the most that a socket's address holds.",
            howToFix: "Give a shorter --runtime-dir.")
    }

    static func system(_ call: String, _ path: String, errno code: Int32) -> Self {
        Self(
            code: .system, what: "Cannot put the control socket into \(path).",
            why: "\(call): \(describeErrno(code)).",
            howToFix: "See that the directory exists and that heald may write to it.")
    }
}
