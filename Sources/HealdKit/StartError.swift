/// Why heald cannot start.
public struct StartError: Error, Hashable, Sendable, CustomStringConvertible {
    public var status: ExitStatus
    /// One or more lines, each complete in itself.
    public var lines: [String]

    public init(_ status: ExitStatus, _ lines: [String]) {
        self.status = status
        self.lines = lines
    }

    public var description: String { self.lines.joined(separator: "\n") }
}
